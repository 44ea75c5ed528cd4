"""A real web server that Heleket's webhooks reach while its database does not answer."""

import contextlib
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings

from audit import clock
from benchmarks import stage
from heleket.webhooks import sign_webhook
from payouts.models import Payout, WebhookDelivery
from tests.payouts.processes.conftest import at_database, on_server, until_all
from tests.payouts.processes.harness import Web, until

pytestmark = pytest.mark.processes

PATH = "/webhooks/heleket/"
MORE_THAN_ALLOWED = 64 * 1024 * 1024


@pytest.fixture
def web(environment, proxied, processes):
    """The only process behind the proxy."""
    env = {**environment, "DATABASE_URL": proxied, "PLAIN_HTTP": "true"}
    processes.append(Web(stage.free_port(), env=env))
    return processes[-1]


@pytest.fixture
def post(web):
    """Post a webhook with a number and return the status of the answer."""

    def post(number):
        said = {"type": "payout", "order_id": f"order-{number}", "status": "paid"}
        body = sign_webhook(said, settings.HELEKET_API_KEY)
        headers = {"Content-Type": "application/json"}
        return requests.post(web.url + PATH, data=body, headers=headers, timeout=30).status_code

    return post


def test_b15_a_webhook_is_answered_200_only_once_it_is_stored(post, proxy):
    """The connection is cut at each message of the transaction, and once it is committed."""
    proxy.judge = listener = CutAt(None, "pass")
    assert post(0) == 200
    *before, last = range(listener.said.index("COMMIT") + 1)  # the guard looks after that

    plans = [*[(number, "cut") for number in [*before, last]], (last, "cut after")]
    for row, (number, verdict) in enumerate(plans, start=1):
        proxy.judge = judge = CutAt(number, verdict)
        answer = post(row)

        assert judge.has_struck
        assert answer == 500
        stored = WebhookDelivery.objects.filter(order_id=f"order-{row}")
        assert stored.exists() == (verdict == "cut after")
        assert post(row) == 200  # it comes again
        assert stored.count() == 1


@pytest.mark.parametrize(
    "length", ["Content-Length: 1000000000", "Transfer-Encoding: chunked"], ids=["long", "endless"]
)
def test_b2_g31_a_body_without_end_is_refused_and_takes_no_memory(length, web, post):
    assert [post(number) for number in range(10)] == [200] * 10
    before = most_memory(web)
    piece = chunk(b"{" * 65536)
    with wire_to(web, length) as wire:
        with contextlib.suppress(ConnectionError):  # it has answered and hung up
            for _ in range(MORE_THAN_ALLOWED // len(piece)):
                wire.sendall(piece)
        answer = wire.recv(100)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert most_memory(web) - before < MORE_THAN_ALLOWED / 4
    assert not WebhookDelivery.objects.exclude(order_id__startswith="order-").exists()


def test_g31_a_webhook_in_chunks_is_taken_and_broken_chunks_are_not(web):
    for number, size in enumerate([1, 100, 65536]):
        said = {"type": "payout", "order_id": f"order-{number}"}
        body = sign_webhook(said, settings.HELEKET_API_KEY)
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        assert answer_to(web, *map(chunk, [*pieces, b""])).startswith(b"HTTP/1.1 200 ")
        assert WebhookDelivery.objects.get(order_id=f"order-{number}").body == body.decode()

    for rest in (b"", b"5\r\n{}", b"no number\r\n"):
        assert answer_to(web, chunk(b"{"), rest).startswith(b"HTTP/1.1 400 ")
    assert WebhookDelivery.objects.count() == 3
    assert "Traceback" not in web.written


def answer_to(web, *chunks):
    with wire_to(web, "Transfer-Encoding: chunked") as wire:
        for each in chunks:
            wire.sendall(each)
        wire.shutdown(socket.SHUT_WR)
        return wire.recv(100)


@contextlib.contextmanager
def wire_to(web, length):
    """A connection on which a webhook has begun, with this header about its length."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{length}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(web.url).port), timeout=60) as wire:
        wire.sendall(head.encode())
        yield wire


def chunk(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def most_memory(web):
    """The most bytes that each of its processes ever had in memory, together."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in web.children]
    return sum(int(re.search(r"VmHWM:\s+(\d+) kB", each).group(1)) * 1024 for each in texts)


class CutAt:
    """Cuts once, at one message of a transaction, counted from BEGIN."""

    def __init__(self, number, verdict):
        self.number, self.verdict = number, verdict
        self.said, self.has_struck = [], False

    def __call__(self, statement, transaction):
        said = [*transaction, statement]
        if said[0] != "BEGIN":  # a new connection is being set up
            return "pass"
        self.said = said
        if self.has_struck or len(transaction) != self.number:
            return "pass"
        self.has_struck = True
        return self.verdict


def test_b15_webhooks_of_an_hour_without_database_come_again_and_are_stored(
    database, environment, make_approved, sandbox, start_worker, web
):
    environment["HELEKET_CALLBACK_URL"] = web.url + PATH
    make_approved(5)
    start_worker()
    until_all("broadcast")
    on_server(
        f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",
    )
    moved = sandbox.control("advance")
    until(lambda: {each["outcome"] for each in sandbox.state()["webhooks"]} == {"500"})

    on_server(f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS true")
    at_database(database)
    assert not WebhookDelivery.objects.exists()
    until(lambda: {each["outcome"] for each in sandbox.state()["webhooks"]} == {"200"})
    assert WebhookDelivery.objects.count() == moved == 5


def test_b6_the_same_webhook_a_hundred_times_at_once_is_one_row(
    make_approved, start_worker, sandbox, web
):
    make_approved()
    worker = start_worker()
    until_all("broadcast")
    worker.kill()
    asked = Payout.objects.get().due_at
    hint = {"type": "payout", "order_id": Payout.objects.get().order_id(settings.INSTALLATION)}
    body = sign_webhook({**hint, "status": "paid", "is_final": True}, settings.HELEKET_API_KEY)
    together = Barrier(100, timeout=60)

    def post():
        together.wait()
        return requests.post(web.url + PATH, data=body, timeout=60).status_code

    with ThreadPoolExecutor(100) as pool:
        answers = [each.result() for each in [pool.submit(post) for _ in range(100)]]

    assert set(answers) == {200}
    assert WebhookDelivery.objects.get().count == 100
    assert clock.now() >= Payout.objects.get().due_at < asked
    assert Payout.objects.get().status == "broadcast"
