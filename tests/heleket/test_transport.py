"""The client on real sockets: what the network can do to a call."""

import json
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heleket
from tests.heleket.wire import CA_FILE, PAYOUT, Server, answering, http, reset, success

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
    ],
    ids=["cut body", "cut head", "cut chunk", "bad chunk", "no http", "headers", "long header"],
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
