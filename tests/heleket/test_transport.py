"""The client on real sockets: what the network can do to a call."""

import contextlib
import importlib.util
import json
import socket
import threading
import time
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heleket
from heleket import transport
from tests.heleket.wire import CA_FILE, PAYOUT, Server, answering, http, refusal, reset, success
from tests.sim import bugs

ACCEPTED = http(success(PAYOUT))


@pytest.fixture
def call(make_client, body):
    """Send a payout to a server: `call(server, timeout_seconds=0.3)`."""

    def send(server, **options):
        return make_client(base_url=server.url, **options).create_payout(body)

    return send


def test_pays_over_tls_and_keeps_the_connection(make_client, body):
    with Server(answering(ACCEPTED, ACCEPTED), certificate="loopback.pem") as server:
        client = make_client(base_url=server.url, ca_file=CA_FILE)
        for _ in range(2):
            assert client.create_payout(body).uuid == PAYOUT["uuid"]

        assert [received for _, received in server.requests] == [body, body]
        assert server.connections == 1
        client.close()


def test_many_threads_share_a_client(make_client):
    def serve(server, connection):
        while (body := server.read_request(connection)) is not None:
            uuid = json.loads(body)["uuid"]
            connection.sendall(http(success(PAYOUT | {"uuid": uuid})))

    with Server(serve) as server:
        client = make_client(base_url=server.url)
        answers = {}

        def ask(number):
            for turn in range(10):
                uuid = f"{number}-{turn}"
                answers[uuid] = client.get_payout(uuid=uuid).uuid

        threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(answers) == 80
        assert all(asked == answered for asked, answered in answers.items())
        client.close()


# Nothing was sent


def test_a9_a_refused_connection_is_not_executed(make_client, body):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(heleket.Unavailable, match="Connection refused"):
        make_client(base_url=f"http://127.0.0.1:{port}").create_payout(body)


def test_a9_an_unknown_name_is_not_executed(make_client, body, monkeypatch):
    def unknown(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(heleket.Unavailable, match="Name or service not known"):
        make_client(base_url="https://api.heleket.example").create_payout(body)


@pytest.mark.parametrize(
    ("certificate", "ca_file"),
    [("loopback.pem", None), ("elsewhere.pem", CA_FILE)],
    ids=["untrusted", "of another name"],
)
def test_a9_a_wrong_certificate_is_not_executed(call, certificate, ca_file):
    with Server(answering(ACCEPTED), certificate=certificate) as server:
        with pytest.raises(heleket.Unavailable, match="certificate verify failed"):
            call(server, ca_file=ca_file)

        assert server.requests == []


def test_a9_a_failed_handshake_is_not_executed(make_client, body):
    def hang_up(_server, connection):
        connection.recv(1)
        reset(connection)

    with Server(hang_up) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(heleket.Unavailable):
            make_client(base_url=url).create_payout(body)


def test_a9_plain_http_in_place_of_tls_is_not_executed(make_client, body):
    def serve(_server, connection):
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Server(serve) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(heleket.Unavailable):
            make_client(base_url=url).create_payout(body)


def test_a9_a_handshake_without_end_is_cut_short_and_not_executed(make_client, body):
    def stall(server, _connection):
        server.stopped.wait(5)

    with Server(stall) as server:
        client = make_client(base_url=server.url.replace("http:", "https:"), timeout_seconds=0.2)
        with pytest.raises(heleket.Unavailable):
            client.create_payout(body)


def test_a9_nothing_is_sent_when_connecting_took_too_long(call, monkeypatch):
    resolve = socket.getaddrinfo

    def slowly(*args, **options):
        threading.Event().wait(0.2)
        return resolve(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)

    with Server(answering(ACCEPTED)) as server:
        with pytest.raises(heleket.Unavailable, match="too long"):
            call(server, timeout_seconds=0.1)

        assert server.requests == []


# Perhaps executed


def test_a10_a_reset_after_the_last_byte_is_unknown(call):
    def serve(server, connection):
        server.read_request(connection)
        reset(connection)

    with Server(serve) as server:
        with pytest.raises(heleket.OutcomeUnknown, match="broke off"):
            call(server)

        assert len(server.requests) == server.connections == 1


def test_a10_a_lost_read_is_not_repeated_either(make_client):
    def serve(server, connection):
        server.read_request(connection)
        reset(connection)

    with Server(serve) as server:
        with pytest.raises(heleket.OutcomeUnknown):
            make_client(base_url=server.url).list_rates("ETH")

        assert len(server.requests) == 1


def test_a10_a_close_without_an_answer_is_unknown(call):
    with Server(lambda server, connection: server.read_request(connection)) as server:
        with pytest.raises(heleket.OutcomeUnknown, match="broke off"):
            call(server)

        assert len(server.requests) == server.connections == 1


def test_a10_a_kept_connection_that_ends_while_we_write_is_unknown_and_not_repeated(
    make_client, body
):
    def serve(server, connection):
        server.read_request(connection)
        connection.sendall(ACCEPTED)
        connection.recv(1)
        reset(connection)

    with Server(serve) as server:
        client = make_client(base_url=server.url)
        client.create_payout(body)
        with pytest.raises(heleket.OutcomeUnknown):
            client.create_payout(body)

        assert server.connections == 1


def test_a10_a_kept_connection_seen_closed_is_not_used(make_client, body):
    closed = threading.Event()

    def serve(server, connection):
        server.read_request(connection)
        connection.sendall(ACCEPTED)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with Server(serve) as server:
        client = make_client(base_url=server.url)
        client.create_payout(body)
        assert closed.wait(5)
        client.create_payout(body)

        assert [received for _, received in server.requests] == [body, body]
        assert server.connections == 2


def test_a4_a_silent_gateway_is_unknown_at_the_deadline(call):
    def stay_silent(server, connection):
        server.read_request(connection)
        server.stopped.wait(5)

    with Server(stay_silent) as server:
        with pytest.raises(heleket.OutcomeUnknown, match="too slow"):
            call(server, timeout_seconds=0.2)

        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        ACCEPTED[:-1],
        ACCEPTED[:40],
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sta',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SMTP ready\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 200 " + b"y" * 100_000,
        b"\r\n\r\n" + ACCEPTED,
        success(PAYOUT),
        ACCEPTED.replace(b"HTTP/1.1", b"HTTP/2"),
        ACCEPTED.replace(b"200 OK", b"099 OK"),
        ACCEPTED.replace(b"200 OK", b"101 Switching Protocols"),
        ACCEPTED.replace(b"200 OK", b"204 No Content"),
        ACCEPTED.replace(b"Content-Length: ", b"Content-Length: -"),
        ACCEPTED.replace(b"Content-Length: ", b"Content-Length: 0x"),
        ACCEPTED.replace(b"Content-Length: ", b"Content-Length: 7\r\nContent-Length: "),
        ACCEPTED.replace(b"Content-Length: ", b"Transfer-Encoding: gzip\r\nContent-Length: "),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + success(PAYOUT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-7\r\n" + success(PAYOUT),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3,
    ],
    ids=[
        *["cut body", "cut head", "cut chunk", "bad chunk", "no http", "headers", "long header"],
        *["long status line", "blank lines", "http 0.9", "http 2", "status 99", "101", "204"],
        *["negative length", "odd length", "two lengths", "odd coding"],
        *["chunk of -1", "chunk of -7", "interim answers alone"],
    ],
)
def test_a8_an_answer_that_is_no_http_or_cut_is_unknown(call, answer):
    with Server(answering(answer)) as server:
        with pytest.raises(heleket.OutcomeUnknown):
            call(server)

        assert len(server.requests) == 1


@given(answer=st.binary() | st.binary().map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a8_random_bytes_are_unknown(call, answer):
    with Server(answering(answer)) as server, pytest.raises(heleket.OutcomeUnknown):
        call(server)


def test_a11_a_redirect_leads_nowhere(call):
    with Server(answering(ACCEPTED)) as elsewhere:
        answer = http(status="307 Temporary Redirect", headers=[f"Location: {elsewhere.url}/"])
        with Server(answering(answer)) as server:
            with pytest.raises(heleket.OutcomeUnknown) as caught:
                call(server)

            assert caught.value.status_code == 307
            assert len(server.requests) == 1
        assert elsewhere.connections == 0


def dripping(*, fast, slow):
    """Serve `fast` at once and then `slow` by the byte, each byte well before a read would end."""

    def serve(server, connection):
        server.read_request(connection)
        connection.sendall(fast)
        for byte in slow:
            if server.stopped.wait(0.05):
                return
            connection.sendall(bytes([byte]))

    return serve


@pytest.mark.parametrize("certificate", [None, "loopback.pem"], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("fast", "slow"),
    [
        (b"", ACCEPTED),
        (ACCEPTED[:60], ACCEPTED[60:]),
        (ACCEPTED[:-100], ACCEPTED[-100:]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 30),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
    ],
    ids=["status line", "headers", "body", "chunks", "continue"],
)
def test_g5_a_dripping_answer_ends_at_the_deadline(call, certificate, fast, slow):
    with Server(dripping(fast=fast, slow=slow), certificate) as server:
        started = time.monotonic()
        with pytest.raises(heleket.OutcomeUnknown, match="too slow"):
            call(server, timeout_seconds=0.3, ca_file=CA_FILE)

        assert time.monotonic() - started < 1  # the whole answer would take more than 5 s


def test_g5_a_flood_of_interim_answers_ends_at_the_deadline(call):
    def flood(server, connection):
        server.read_request(connection)
        while not server.stopped.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    with Server(flood) as server, pytest.raises(heleket.OutcomeUnknown):
        call(server, timeout_seconds=0.2)


def test_a_call_can_be_given_less_time_than_the_client(make_client, body):
    with Server(dripping(fast=b"", slow=ACCEPTED)) as server:
        client = make_client(base_url=server.url, timeout_seconds=45)
        with pytest.raises(heleket.OutcomeUnknown):
            client.create_payout(body, deadline=time.monotonic() + 0.2)


def test_the_answer_after_a_lost_one_is_its_own(make_client, body):
    """A late answer must not be taken for that of the next call on the same connection."""
    release = threading.Event()

    def serve(server, connection):
        asked = server.read_request(connection)
        if server.connections == 1:
            release.wait(5)
            connection.sendall(http(success(PAYOUT | {"uuid": "first"})))
        else:
            connection.sendall(http(success(PAYOUT | {"uuid": "second"})))
        assert asked

    with Server(serve) as server:
        client = make_client(base_url=server.url)
        with pytest.raises(heleket.OutcomeUnknown):
            client.create_payout(body, deadline=time.monotonic() + 0.2)
        release.set()

        assert client.create_payout(body).uuid == "second"


# An answer belongs to its call

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 9\r\n\r\n"
TYPE = b"Content-Type: application/json\r\n"
CONTINUE, PROCESSING = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"
FUNDS = http(refusal("Not enough funds"), "422 Unprocessable Content")
LATE = (b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", FUNDS, ACCEPTED, b"x")


def sized(number):
    """The body of a payout of which there are several, each with an amount of its own."""
    wanted = {"currency": "USDT", "network": "TRON", "address": "TJ"}
    return heleket.payout_body(order_id=f"testabc{number:02}", amount=Decimal(number), **wanted)


def answer_to(body, *, named=True):
    """What Heleket answers to the very payout of a request, once it is executed."""
    sent = json.loads(body)
    names = {"order_id": sent["order_id"]} if named else {}
    return http(success(PAYOUT | {"uuid": sent["order_id"], "amount": sent["amount"]} | names))


def around(write, *, times=1):
    """Answer requests with `write(answer)` for the first ones, as a good gateway afterwards."""
    count = iter(range(1000))

    def serve(server, connection):
        while (body := server.read_request(connection)) is not None:
            answer = answer_to(body)
            connection.sendall(write(answer) if next(count) < times else answer)

    return serve


@pytest.fixture
def pay_two(make_client):
    """Send two payouts of different size on one thread: what came of each, and was it its own?"""

    def pay(server, **options):
        client = make_client(base_url=server.url, ca_file=CA_FILE, **options)
        outcomes = []
        for number in (3, 5):
            try:
                remote = client.create_payout(sized(number))
            except heleket.HeleketError as exc:
                outcomes.append(type(exc).__name__)
            else:
                assert (remote.order_id, remote.amount) == (f"testabc{number:02}", number)
                outcomes.append("its own")
        client.close()
        return outcomes

    return pay


@pytest.mark.parametrize("certificate", [None, "loopback.pem"], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "interim",
    [CONTINUE, PROCESSING, HINTS, HINTS * 3 + CONTINUE + HINTS],
    ids=["100", "102", "103", "several"],
)
def test_g17_an_interim_answer_is_passed_over(pay_two, interim, certificate):
    with Server(around(lambda answer: interim + answer), certificate) as server:
        assert pay_two(server) == ["its own", "its own"]
        assert server.connections == 1


def test_g17_an_interim_answer_taken_for_the_real_one_is_found(pay_two):
    with bugs.plant(bugs.INTERIM_ANSWER), pytest.raises(AssertionError):
        test_g17_an_interim_answer_is_passed_over(pay_two, HINTS, None)


def test_g17_an_interim_answer_may_come_in_any_pieces(pay_two):
    def serve(server, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (body := server.read_request(connection)) is not None:
            for byte in HINTS + CONTINUE + HINTS + answer_to(body):
                connection.sendall(bytes([byte]))

    with Server(serve) as server:
        assert pay_two(server) == ["its own", "its own"]


def test_g17_an_answer_that_comes_after_its_call_ended_is_for_nobody(pay_two):
    """An interim answer, and the real one when the next payout is on its way."""
    late = threading.Event()

    def serve(server, connection):
        if server.connections > 1:
            late.set()
            connection.sendall(answer_to(server.read_request(connection)))
            return
        body = server.read_request(connection)
        connection.sendall(HINTS)
        assert late.wait(5)
        connection.sendall(answer_to(body))

    with Server(serve) as server:
        assert pay_two(server, timeout_seconds=0.3) == ["OutcomeUnknown", "its own"]


@pytest.mark.parametrize("certificate", [None, "loopback.pem"], ids=["plain", "tls"])
@pytest.mark.parametrize("stray", [*LATE, HINTS], ids=["408", "refusal", "success", "x", "103"])
def test_g17_a_stray_answer_behind_the_real_one_reaches_no_other_call(pay_two, stray, certificate):
    with Server(around(lambda answer: answer + stray), certificate) as server:
        assert pay_two(server) == ["its own", "its own"]
        assert server.connections == 2


@pytest.mark.parametrize("stray", LATE, ids=["408", "refusal", "success", "x"])
def test_g17_a_stray_answer_that_comes_later_reaches_no_other_call(make_client, stray):
    sent = threading.Event()

    def serve(server, connection):
        connection.sendall(answer_to(server.read_request(connection)))
        if server.connections == 1:
            connection.sendall(stray)
            sent.set()
        server.read_request(connection)  # it comes on a connection of its own

    with Server(serve) as server:
        client = make_client(base_url=server.url)
        for number in (3, 5):
            assert client.create_payout(sized(number)).amount == number
            assert sent.wait(5)
        assert server.connections == 2
        client.close()


@pytest.mark.parametrize("certificate", [None, "loopback.pem"], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "stray",
    [
        FUNDS,
        http(refusal("Payout not found"), "422 Unprocessable Content"),
        http(b'{"message":"Invalid Sign."}', "401 Unauthorized"),
        ACCEPTED,
        answer_to(sized(4)),
        answer_to(sized(4), named=False),
    ],
    ids=["funds", "not found", "sign", "no name", "another payout", "another uuid"],
)
def test_g17_a_stray_answer_before_the_real_one_is_not_believed(pay_two, stray, certificate):
    with Server(around(lambda answer: stray + answer), certificate) as server:
        assert pay_two(server) == ["OutcomeUnknown", "its own"]
        assert server.connections == 2


def test_g17_an_empty_line_behind_an_answer_is_no_answer(make_client):
    with Server(answering(FUNDS + b"\r\n")) as server, pytest.raises(heleket.RequestRejected):
        make_client(base_url=server.url).create_payout(sized(3))


def chunked(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    coding = b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + coding + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def broken_head(answer):
    """A line without a colon, behind which nobody reads on: who knows what it hides?"""
    length = b"Content-Length: %d\r\n" % len(answer.partition(b"\r\n\r\n")[2])
    return answer.replace(TYPE, TYPE + length + b"nonsense\r\n")


@pytest.mark.parametrize("write", [chunked, broken_head])
def test_g17_an_answer_whose_end_is_in_doubt_is_believed_only_with_our_name(pay_two, write):
    with Server(around(write)) as server:
        assert pay_two(server) == ["its own", "its own"]
        assert server.connections == 2
    with Server(around(lambda answer: write(FUNDS))) as server:
        assert pay_two(server) == ["OutcomeUnknown", "its own"]
        assert server.connections == 2


def test_g17_a_connection_is_kept_after_chunks(pay_two):
    def write(answer):
        return b"\r\n".join(
            line for line in chunked(answer).split(b"\r\n") if b"Content-Length" not in line
        )

    with Server(around(write, times=2)) as server:
        assert pay_two(server) == ["its own", "its own"]
        assert server.connections == 1


@pytest.mark.parametrize(
    "cut",
    [
        lambda answer: answer[:-9],
        lambda answer: answer[:30],
        lambda answer: answer.replace(b"Content-Length: ", b"Content-Length: 1"),
        lambda answer: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        lambda answer: ACCEPTED.replace(b"200 OK", b"101 Switching Protocols"),
        lambda answer: ACCEPTED.replace(b"200 OK", b"204 No Content"),
        lambda answer: answer.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n"),
        lambda answer: answer.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ],
    ids=["body", "head", "too long", "bad chunk", "101", "204", "two lengths", "another coding"],
)
def test_g17_no_call_follows_a_cut_or_odd_answer_on_its_connection(pay_two, cut):
    with Server(around(cut)) as server:
        assert pay_two(server, timeout_seconds=0.3) == ["OutcomeUnknown", "its own"]
        assert server.connections == 2


def test_g17_answers_without_end_are_bounded(call):
    def flood(server, connection):
        server.read_request(connection)
        with contextlib.suppress(OSError):
            while not server.stopped.is_set():
                connection.sendall(HINTS * 1000)

    with Server(flood) as server, pytest.raises(heleket.OutcomeUnknown, match="too large"):
        call(server)


ODD_HEADERS = {
    "no type": b"",
    "type in capitals": b"CONTENT-TYPE:APPLICATION/JSON ; CHARSET=UTF-8\r\n",
    "type twice": TYPE * 2,
    "not Latin": TYPE + "X-Note: заметка\r\n".encode(),
    "no text": TYPE + b"X-Note: \xff\xfe\x80\r\n",
    "no value": TYPE + b"X-Note:\r\nRetry-After:\r\n",
    "odd time": TYPE + b"Retry-After: soon\r\nDate: today\r\n",
    "length twice": TYPE + b"Content-Length: %d\r\n",
}


@pytest.mark.parametrize("odd", ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_g17_odd_headers_lose_no_answer(pay_two, odd):
    def write(answer):
        length = len(answer.partition(b"\r\n\r\n")[2])
        return answer.replace(TYPE, odd.replace(b"%d", b"%d" % length))

    with Server(around(write, times=2)) as server:
        assert pay_two(server, timeout_seconds=2) == ["its own", "its own"]


def test_g17_a_header_in_capitals_is_read(call):
    with Server(answering(http(b"", "503 Busy", ["RETRY-AFTER: 7"]))) as server:
        with pytest.raises(heleket.OutcomeUnknown) as caught:
            call(server)
        assert caught.value.retry_after == 7


def test_g17_an_answer_without_headers_ends_with_its_connection(pay_two):
    def serve(server, connection):
        answer = answer_to(server.read_request(connection)).partition(b"\r\n\r\n")[2]
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + answer)

    with Server(serve) as server:
        assert pay_two(server, timeout_seconds=2) == ["its own", "its own"]
        assert server.connections == 2


def test_a_folded_header_spoils_nothing(call):
    with Server(answering(http(success(PAYOUT), headers=["X-Note: one", " two"]))) as server:
        assert call(server).uuid == PAYOUT["uuid"]


# Addresses, and connections that nobody knows any more


@pytest.fixture
def full_backlog():
    """Listen without accepting until packets are dropped: `full_backlog("127.0.0.2", port)`."""
    with contextlib.ExitStack() as stack:

        def listen(host, port):
            stack.enter_context(socket.create_server((host, port), backlog=0))
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((host, port))

        yield listen


@pytest.fixture
def resolved(monkeypatch):
    """Have every name resolve to these addresses: `resolved("127.0.0.2", "::1", port=8010)`."""

    def resolve(*hosts, port):
        found = [
            (
                socket.AF_INET6 if ":" in host else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (host, port, 0, 0) if ":" in host else (host, port),
            )
            for host in hosts
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: list(found))

    return resolve


@pytest.mark.parametrize(
    "dead",
    [["127.0.0.2"], ["127.0.0.2", "127.0.0.3"], ["::1", "127.0.0.2"]],
    ids=["one", "two", "another family"],
)
def test_g22_an_address_that_drops_packets_leaves_time_for_the_next(
    make_client, full_backlog, resolved, monkeypatch, dead
):
    dialled = []
    dial = transport.GatewayAdapter._dial

    def note(self, sock, address, seconds):
        dialled.append(address[0])
        return dial(self, sock, address, seconds)

    monkeypatch.setattr(transport.GatewayAdapter, "_dial", note)
    closing = ACCEPTED.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with Server(answering(closing, closing)) as server:
        port = int(server.url.rpartition(":")[2])
        for host in dead:
            if ":" not in host:
                full_backlog(host, port)
        resolved(*dead, "127.0.0.1", port=port)
        client = make_client(base_url=f"http://localhost:{port}", timeout_seconds=0.6)

        for number in (3, 5):
            assert client.create_payout(sized(number)).uuid == PAYOUT["uuid"]
        assert dialled == [*dead, "127.0.0.1", "127.0.0.1"]  # what answered is tried first
        assert len(server.requests) == 2


def test_g22_an_address_that_accepts_and_says_nothing_leaves_time_too(make_client, resolved):
    with Server(answering(ACCEPTED), certificate="loopback.pem") as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_server(("127.0.0.2", port)) as silent:
            hanging_up = threading.Timer(3, silent.close)  # on whoever would wait for ever
            hanging_up.start()
            resolved("127.0.0.2", "127.0.0.1", port=port)
            client = make_client(base_url="https://127.0.0.1", ca_file=CA_FILE, timeout_seconds=0.6)

            assert client.create_payout(sized(3)).uuid == PAYOUT["uuid"]
            hanging_up.cancel()

        client.close()
        ((head, _),) = server.requests
        assert b"\r\nHost: 127.0.0.1\r\n" in head


def test_g22_all_addresses_together_take_no_longer_than_one(make_client, full_backlog, resolved):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    for host in hosts:
        full_backlog(host, port)
    resolved(*hosts, port=port)
    client = make_client(base_url=f"http://localhost:{port}", timeout_seconds=0.3)

    started = time.monotonic()
    with pytest.raises(heleket.Unavailable, match="nothing was sent"):
        client.create_payout(sized(3))

    assert time.monotonic() - started < 0.8


@pytest.fixture
def time_passes(monkeypatch):
    """Move the client's clock on: `time_passes(20)`."""
    passed = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0])
    monkeypatch.setattr(transport, "time", clock)

    def pass_by(seconds):
        passed[0] += seconds

    return pass_by


@pytest.mark.parametrize("certificate", [None, "loopback.pem"], ids=["plain", "tls"])
def test_g75_a_connection_idle_for_20_s_is_not_used(make_client, time_passes, certificate):
    """A router between us and Heleket that forgot it would swallow the payout without a word."""
    forgotten = threading.Event()

    def serve(server, connection):
        while not forgotten.is_set() or server.connections > 1:
            if (body := server.read_request(connection)) is None:
                return
            connection.sendall(answer_to(body))
            if body == sized(5):
                forgotten.set()
        server.read_request(connection)  # and swallow it
        server.stopped.wait(5)

    with Server(serve, certificate) as server:
        client = make_client(base_url=server.url, ca_file=CA_FILE)
        for number, idle_seconds, connections in [(3, 19, 1), (5, 20, 1), (7, 0, 2), (9, 0, 2)]:
            assert client.create_payout(sized(number)).amount == number
            assert server.connections == connections
            time_passes(idle_seconds)
        assert len(server.requests) == 4
        client.close()
        server.stopped.set()


def test_g75_the_system_looks_after_connections_too(make_client):
    with Server(answering(ACCEPTED)) as server:
        client = make_client(base_url=server.url)
        client.create_payout(sized(3))
        (kept,) = client._adapter._idle

        assert kept.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert kept.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
        client.close()


def test_g75_a_mac_has_another_name_for_the_first_wait(monkeypatch):
    monkeypatch.delattr(socket, "TCP_KEEPIDLE", raising=False)
    monkeypatch.setattr(socket, "TCP_KEEPALIVE", 0x10, raising=False)
    spec = importlib.util.spec_from_file_location("transport_on_a_mac", transport.__file__)
    on_a_mac = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(on_a_mac)

    assert (socket.IPPROTO_TCP, 0x10, 10) in on_a_mac.SOCKET_OPTIONS


def test_a_closed_client_keeps_no_connection(make_client):
    with Server(answering(ACCEPTED, ACCEPTED)) as server:
        client = make_client(base_url=server.url)
        client.close()
        for _ in range(2):
            client.create_payout(sized(3))

        assert server.connections == 2


# The environment


def test_a24_the_environment_changes_nothing(call, monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy_url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy_url)
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, CA_FILE)
        monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login someone password canary\n")
        monkeypatch.setenv("NETRC", str(netrc))

        with Server(answering(ACCEPTED), certificate="loopback.pem") as server:
            with pytest.raises(heleket.Unavailable, match="certificate verify failed"):
                call(server)
            assert server.requests == []

        with Server(answering(ACCEPTED), certificate="loopback.pem") as server:
            call(server, ca_file=CA_FILE)
            ((head, _),) = server.requests

        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert b"authorization" not in head.lower()
    assert b"cookie" not in head.lower()
    assert not (tmp_path / "keys").exists()


def test_cookies_are_neither_kept_nor_sent(make_client, body):
    answer = http(success(PAYOUT), headers=["Set-Cookie: session=1; Path=/"])
    with Server(answering(answer, answer)) as server:
        client = make_client(base_url=server.url)
        client.create_payout(body)
        client.create_payout(body)

        assert all(b"cookie" not in head.lower() for head, _ in server.requests)
        client.close()
