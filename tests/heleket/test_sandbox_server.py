"""The sandbox over HTTP: the same gateway on a socket, its page, its courier, its command."""

import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import requests
from django.core.management import CommandError, call_command

from heleket import webhooks
from heleket.sandbox.courier import Courier
from heleket.sandbox.server import MAX_REQUEST_BYTES, Server
from manage import asks_for_help
from tests.heleket.sandbox_calls import Caller
from tests.heleket.wire import CA_FILE, TLS

PEM = TLS / "loopback.pem"


@contextmanager
def serving(gateway, **options):
    server = Server(gateway, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(sandbox):
    with serving(sandbox) as server:
        yield server


@pytest.fixture
def call(sandbox, server):
    caller = Caller(sandbox, server.url)
    yield caller
    caller.session.close()


@pytest.fixture
def control(call):
    def post(path, /, **fields):
        return call.session.post(f"{call.url}/sandbox/{path}", json=fields, timeout=10)

    return post


def test_answers_are_the_same_over_a_socket(call, sandbox):
    over_http = call.create()
    in_process = Caller(sandbox).create()

    assert over_http.content == in_process.content
    assert over_http.headers["Content-Type"] == in_process.headers["Content-Type"]


def test_a_connection_is_kept_for_many_requests(call, sandbox, server):
    with call.create(), call("info", {"order_id": "order-1"}):
        pass

    (pool,) = call.session.adapters["http://"].poolmanager.pools._container.values()
    assert (pool.num_connections, pool.num_requests) == (1, 2)


def test_tls_is_served_with_the_given_certificate(sandbox):
    with serving(sandbox, tls=(PEM, PEM)) as server:
        trusting = Caller(sandbox, server.url, verify=CA_FILE)
        doubting = Caller(sandbox, server.url)
        with trusting.session, doubting.session:
            assert server.url.startswith("https://127.0.0.1:")
            assert trusting.create().status_code == 200
            with pytest.raises(requests.exceptions.SSLError):
                doubting.create(order_id="order-2")

    assert sandbox.order_ids == ["order-1"]


@pytest.mark.parametrize(
    ("fault", "error", "executed"),
    [
        ("commit_then_drop", requests.exceptions.ConnectionError, True),
        ("drop", requests.exceptions.ConnectionError, False),
        ("cut_connection", requests.exceptions.ChunkedEncodingError, True),
    ],
)
def test_a_lost_connection_is_closed_before_the_answer_is_whole(
    call, sandbox, fault, error, executed
):
    sandbox.faults.add(fault)

    with pytest.raises(error):
        call.create()

    assert (sandbox.order_ids == ["order-1"]) is executed
    assert call.create().status_code == 200


def test_a_silent_gateway_keeps_the_connection_and_never_answers(call, sandbox, server):
    sandbox.faults.add("timeout")
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=0.2)
    connection.request("POST", "/v1/payout", b"{}")

    with pytest.raises(TimeoutError):
        connection.getresponse()

    connection.close()


def test_interim_answers_come_before_the_real_one(server, sandbox):
    sandbox.faults.add("interim", rate=1, size=2)
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as wire:
        wire.sendall(b"POST /v1/payout HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: wire.recv(65536), b""))

    early, again, real, body = received.split(b"\r\n\r\n")
    assert early == again == b"HTTP/1.1 103 Early Hints"
    assert real.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert body == b'{"message":"Invalid Sign."}'


def test_a_status_that_nobody_named_is_sent_all_the_same(call, sandbox):
    sandbox.faults.add("other_4xx", code=499)

    assert call.create().status_code == 499


def test_a_dripping_answer_arrives_in_the_end(call, sandbox, clock):
    sandbox.faults.add("drip", seconds=1)
    before = clock.time

    answer = call.create()

    assert answer.json()["state"] == 0
    assert (clock.time - before).total_seconds() == len(answer.content)


@pytest.mark.parametrize(
    "request_text",
    [
        b"nonsense\r\n\r\n",
        b"POST /v1/payout HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"x" * (MAX_REQUEST_BYTES + 1),
    ],
    ids=["nonsense", "length", "too large"],
)
def test_what_is_no_request_is_answered_with_400(server, request_text):
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.connect()
    connection.sock.sendall(request_text)

    assert connection.sock.recv(100).startswith(b"HTTP/1.1 400 ")

    connection.close()


def test_a_stopped_server_refuses_and_can_listen_again(call, sandbox, server):
    call.create()
    server.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        call.create(order_id="order-2")
    server.listen()

    assert call.create(order_id="order-3").status_code == 200
    assert sandbox.order_ids == ["order-1", "order-3"]


def test_a1_a_create_whose_sender_died_at_the_gate_is_not_executed(call, sandbox, server, control):
    control("gate", mode="before")
    parts = urlsplit(server.url)
    dying = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    dying.request("POST", "/v1/payout", b"{}")
    assert sandbox.gate.wait_for(1)
    dying.close()
    before = len(sandbox.calls)

    control("gate", mode="open")

    assert call.create().status_code == 200
    assert len(sandbox.calls) == before + 1


# The control API and the page


def test_tests_can_drive_everything_over_http(call, sandbox, control, server):
    control("top-up", currency="TRX", amount="50")
    control("fate", fate="final_fail", address="TElse")
    call.create()
    call.create(order_id="order-2", address="TElse")
    moved = control("advance").json()
    control("status", order_id="order-1", status="paid!")
    control("faults", name="503", times=1, path="/v1/payout")
    struck = call.create().status_code
    control("faults", name="500", rate=0.5)
    control("pace", seconds=60)
    control("latency", seconds=0.25)
    control("foreign", amount="3")
    control("switch", name="balance_shape", choice="null")

    state = requests.get(f"{server.url}/sandbox/state", timeout=10).json()

    assert (moved, struck) == ({"result": 2}, 503)
    assert state["balances"]["TRX"] == "50"
    assert [payout["status"] for payout in state["payouts"]] == ["paid", "check", "process"]
    assert [entry["why"] for entry in state["ledger"]][-3:] == ["payout", "payout", "made by hand"]
    assert state["faults"] == [{"name": "500", "rate": 0.5}]
    assert (state["pace_seconds"], state["latency_seconds"]) == (60, 0.25)
    assert state["calls"] == {"/v1/payout": 3}
    assert state["switches"]["balance_shape"] == "null"
    assert sandbox.balance_shape == "null"
    assert state["gate"] == {"mode": "open", "waiting": 0}
    assert sandbox.payout_key not in json.dumps(state)
    control("clear-faults")
    assert list(sandbox.faults) == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("top-up", {"currency": "NOPE", "amount": "1"}),
        ("top-up", {"currency": "USDT", "amount": "much"}),
        ("top-up", {}),
        ("faults", {"name": "earthquake"}),
        ("faults", {"name": "500", "nonsense": 1}),
        ("faults", {"name": "other_4xx", "code": 42}),
        ("faults", {"name": "503", "lasts": "long"}),
        ("simulate", {"fault": "earthquake", "order_id": "order-1"}),
        ("simulate", {"fault": ["stuck"], "order_id": "order-1"}),
        ("fate", {"fate": "resurrection"}),
        ("fate", {"fate": "paid", "uuid": "unknown"}),
        ("advance", {"order_id": "unknown"}),
        ("status", {"order_id": "unknown", "status": "paid!"}),
        ("gate", {"mode": "ajar"}),
        ("switch", {"name": "balance_shape", "choice": "round"}),
        ("switch", {"name": "merchant_id", "choice": "yes"}),
        ("switch", {"name": "balance_shape", "choice": ["null"]}),
        ("pace", {"seconds": "soon"}),
        ("latency", {"seconds": -1}),
        ("refuse", {"seconds": "inf"}),
        ("foreign", {"amount": "0.1"}),
        ("foreign", {"currency": "NOPE"}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(sandbox, control, path, fields):
    answer = control(path, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert sandbox.balances["USDT"] == 1_000_000
    assert list(sandbox.faults) == sandbox.fates == sandbox.payouts == []
    assert (sandbox.pace_seconds, sandbox.latency_seconds) == (5, 0)


def test_unknown_addresses_of_the_sandbox_are_not_found(server, control):
    assert control("nothing").status_code == 404
    assert requests.get(f"{server.url}/sandbox/top-up", timeout=10).status_code == 404


class Page(HTMLParser):
    """The tags of a page, its text, and its forms as (address, hidden and chosen fields)."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.forms = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        fields = dict(attrs)
        self.tags.add(tag)
        if tag == "form":
            self.forms.append((fields["action"], {}))
        if tag == "input" and fields.get("type") == "hidden":
            self.forms[-1][1][fields["name"]] = fields["value"]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def read_page(server, query=""):
    answer = requests.get(f"{server.url}/sandbox/{query}", timeout=10)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return Page(answer.text)


def test_a_person_sees_money_payouts_faults_and_webhooks(call, sandbox, server):
    call.create(url_callback="https://desk.example/hook")
    sandbox.set_fate("fail_not_final", order_id="order-1")
    sandbox.advance()
    sandbox.advance()
    sandbox.faults.add("empty_200", rate=0.25)

    text = read_page(server).text

    for words in ("999989", "order-1", "fail, not final", "10 USDT", "TRON", "balance_shape"):
        assert words in text
    assert "nothing more by itself" in text
    assert "empty_200 rate 0.25" in text
    assert "https://desk.example/hook" in text


def test_a_person_finds_a_payout(call, server):
    call.create()
    call.create(order_id="another")

    text = read_page(server, "payouts?q=anoth").text

    assert "another" in text
    assert "order-1" not in text


def test_a_person_presses_the_buttons_of_a_payout(call, sandbox, server):
    call.create()

    def press(address, **fields):
        page = read_page(server)
        hidden = next(hidden for action, hidden in page.forms if action == address and hidden)
        return requests.post(f"{server.url}/sandbox/{address}", data=hidden | fields, timeout=10)

    pressed = press("advance")
    step = sandbox.find("order-1").status
    press("fate", fate="cancel")
    press("advance")

    assert (pressed.url, pressed.history[0].status_code) == (f"{server.url}/sandbox/", 303)
    assert step == "check"
    assert (sandbox.find("order-1").status, sandbox.balances["USDT"]) == ("cancel", 1_000_000)


def test_forms_leave_empty_fields_out(sandbox, server):
    fields = {"name": "500", "times": "", "rate": "0.5", "path": "", "order_id": "", "code": "418"}
    requests.post(f"{server.url}/sandbox/faults", data=fields, timeout=10)

    (fault,) = sandbox.faults
    assert (fault.rate, fault.times, fault.path, fault.code) == (0.5, None, None, 418)


def test_a_person_turns_a_switch(sandbox, server):
    requests.post(
        f"{server.url}/sandbox/switch",
        data={"name": "longest_order_id", "choice": "100"},
        timeout=10,
    )

    assert sandbox.longest_order_id == 100
    assert '<option value="100" selected>' in requests.get(f"{server.url}/sandbox/").text


def test_a_form_that_makes_no_sense_comes_back_with_the_reason(sandbox, server):
    answer = requests.post(
        f"{server.url}/sandbox/top-up", data={"currency": "USDT", "amount": "-1"}, timeout=10
    )

    assert answer.status_code == 400
    assert "That did not work: this is no amount above zero" in Page(answer.text).text


def test_e8_nothing_on_the_page_is_markup_of_a_stranger(call, sandbox, server):
    nasty = "<script>alert(1)</script><svg onload=x>"
    sandbox.add_foreign_payout(address=nasty)
    call.create(address=nasty, memo=nasty[:30], url_callback=f"https://desk.example/{nasty}")
    sandbox.advance()
    sandbox.faults.add("unknown_refusal", text=nasty, order_id=nasty)

    for query in ("", f"?q={nasty}"):
        page = read_page(server, query)
        assert not {"script", "svg"} & page.tags
    assert nasty in read_page(server).text


def test_another_site_cannot_press_the_buttons(sandbox, server):
    answer = requests.post(
        f"{server.url}/sandbox/top-up",
        data={"currency": "USDT", "amount": "5"},
        headers={"Origin": "https://elsewhere.example"},
        timeout=10,
    )

    assert answer.status_code == 403
    assert sandbox.balances["USDT"] == 1_000_000


# The courier


class Desk:
    """A server that takes webhooks and answers with the given statuses, the last one for ever."""

    def __init__(self, *statuses):
        self.bodies, left, desk = [], list(statuses), self
        self.enough = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                desk.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.send_header("Content-Length", "0")
                self.end_headers()
                desk.enough.set()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def courier(sandbox):
    courier = Courier(sandbox, timeout_seconds=5)
    courier.start()
    yield courier
    courier.stop()


def test_the_courier_posts_webhooks_and_lets_time_pass(sandbox, clock, courier):
    desk = Desk(200)
    sandbox.set_fate("cancel")
    Caller(sandbox).create(url_callback=desk.url)
    clock.forward(hours=1)

    assert desk.enough.wait(10)

    courier.stop()
    desk.close()
    (body,) = desk.bodies
    assert webhooks.verify(body, sandbox.payout_key)["status"] == "cancel"
    assert sandbox.mail.history[0].outcome == "200"


@pytest.mark.parametrize("status", [500, 302, 404])
def test_the_courier_comes_again_with_the_same_bytes(sandbox, clock, courier, status):
    desk = Desk(status, 204)
    sandbox.mail.first_pause_seconds = 0
    sandbox.set_fate("cancel")
    Caller(sandbox).create(url_callback=desk.url)
    clock.forward(hours=1)

    while len(desk.bodies) < 2:
        assert desk.enough.wait(10)
        desk.enough.clear()

    courier.stop()
    desk.close()
    assert desk.bodies[0] == desk.bodies[1]
    assert sandbox.mail.history[0].outcome == "204"


def test_an_unreachable_desk_is_tried_again_later(sandbox):
    courier = Courier(sandbox)
    sandbox.set_fate("cancel")
    Caller(sandbox).create(url_callback="http://127.0.0.1:1/hook")
    sandbox.advance()
    (delivery,) = sandbox.take_webhooks()

    courier.post(delivery)

    assert (delivery.outcome, delivery.tries) == ("ConnectionError", 1)
    assert sandbox.outbox == [delivery]


# The command


@contextmanager
def running(*options, **environment):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "heleket_sandbox", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            lines = [process.stdout.readline() for _ in range(6)]
            process.url = re.search(r"https?://[\d.:]+", lines[0]).group()
            process.told = "".join(lines)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.rest = process.stdout.read()


def state_of(process):
    return requests.get(f"{process.url}/sandbox/state", timeout=10).json()


def test_the_command_serves_keeps_its_state_and_stops_cleanly(tmp_path):
    options = ["--state", str(tmp_path / "state.json"), "--balance", "USDT=500"]
    options += ["--commission-name", "both", "--longest-order-id", "100"]
    with running(*options, "--fault", "500=0.5", "--pace", "9", "--latency-ms", "20") as first:
        before = state_of(first)
        requests.post(f"{first.url}/sandbox/foreign", json={"amount": "7"}, timeout=10)
    with running(*options) as second:
        after = state_of(second)

    assert (first.returncode, first.rest) == (0, "The sandbox has stopped.\n")
    assert first.url.startswith("http://127.0.0.1:")
    assert before["balances"]["USDT"] == "500"
    assert before["faults"] == [{"name": "500", "rate": 0.5}]
    assert (before["pace_seconds"], before["latency_seconds"]) == (9, 0.02)
    assert before["switches"] == after["switches"]
    assert (before["switches"]["commission_name"], before["switches"]["number_amounts"]) == (
        "both",
        "no",
    )
    assert after["balances"]["USDT"] == "492.00000000"
    assert [payout["amount"] for payout in after["payouts"]] == ["7"]


def test_the_command_prints_what_goes_into_env_but_no_key_from_there():
    keys = ["--payout-key", "given-here"]
    with running(*keys, HELEKET_API_KEY="canary-1", HELEKET_PAYMENT_API_KEY="canary-2") as process:
        pass

    assert f"HELEKET_PROJECT_URL={process.url}" in process.told
    assert "HELEKET_API_KEY=given-here" in process.told
    assert "canary" not in process.told + process.rest
    assert "# HELEKET_PAYMENT_API_KEY stays as it is" in process.told


def test_help_needs_no_settings():
    command = [sys.executable, "manage.py", "heleket_sandbox", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, env={}, check=True)

    assert told.stdout.startswith("usage: manage.py heleket_sandbox")
    assert "--commission-name {commission,commissions,both}" in told.stdout


@pytest.mark.parametrize(
    ("words", "is_help"),
    [
        ("", True),
        ("help", True),
        ("help worker", True),
        ("--help", True),
        ("heleket_check -h", True),
        ("heleket_check", False),
        ("explain_payout -- --help", False),
    ],
)
def test_only_what_asks_for_help_does_without_settings(words, is_help):
    assert asks_for_help(["manage.py", *words.split()]) is is_help


@pytest.mark.parametrize(
    "option",
    [
        *(("--fault", fault) for fault in ("earthquake", "timeout=nan", "timeout=2", "timeout=-1")),
        *(("--balance", balance) for balance in ("NOPE=1", "USDT", "USDT=nan")),
    ],
)
def test_the_command_says_what_makes_no_sense(option):
    with pytest.raises(CommandError, match=r"^Cannot start the sandbox: [a-z][^<>]+$"):
        call_command("heleket_sandbox", "--port", "0", *option)


def test_the_command_says_that_its_state_is_no_file():
    with pytest.raises(CommandError, match=r"^Cannot start the sandbox: .*directory"):
        call_command("heleket_sandbox", "--port", "0", "--state", ".")


@pytest.mark.parametrize(
    "option",
    [
        *(f"--port={number}" for number in (99999, -1, "9" * 30, "http")),
        *(f"--pace={number}" for number in ("nan", "inf", "-1", "1e300")),
        *("--latency-ms=nan", "--webhook-timeout=nan", "--webhook-pause=-1"),
    ],
)
def test_the_command_takes_no_odd_numbers(option):
    name = option.partition("=")[0]
    with pytest.raises(CommandError, match=rf"^Error: argument {name}: "):
        call_command("heleket_sandbox", option)


def test_the_command_says_that_its_port_is_taken(server):
    with pytest.raises(CommandError, match="Cannot serve at port"):
        call_command("heleket_sandbox", "--port", str(urlsplit(server.url).port))
