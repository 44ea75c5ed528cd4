"""What the worker is measured against: bare calls, and a worker as one writes it at first.

python -m benchmarks.rivals bare|naive URL THREADS
"""

import json
import signal
import sys
import threading
import time
from decimal import Decimal

import requests

import heleket
from benchmarks.stage import CA_FILE
from config.environment import MADE_UP
from heleket.signing import sign

stopped = threading.Event()


class Poster:
    """Signs bytes and posts them over one kept-alive connection."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/v1/payout"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(CA_FILE)
        self.session.headers["merchant"] = MADE_UP["HELEKET_MERCHANT_ID"]
        self.session.headers["Content-Type"] = "application/json"

    def post(self, body: bytes) -> requests.Response:
        headers = {"sign": sign(body, MADE_UP["HELEKET_API_KEY"])}
        response = self.session.post(self.url, data=body, headers=headers, timeout=45)
        response.raise_for_status()
        return response


def bare(url: str) -> None:
    """Post until stopped, then print how much CPU time a call took, connecting left out."""
    poster, calls = Poster(url), 0
    body = heleket.payout_body(
        order_id="BARE0000000000",
        amount=Decimal("5.25"),
        currency="USDT",
        network="tron",
        address="TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
    )
    poster.post(body)
    start, cpu = time.monotonic(), time.process_time()
    while not stopped.is_set():
        calls += 1
        poster.post(body.replace(b"0000000000", b"%010d" % calls))
    seconds, cpu = time.monotonic() - start, time.process_time() - cpu
    print(json.dumps({"payouts": calls, "cpu": cpu, "seconds": seconds}), flush=True)


def naive(url: str) -> None:
    poster = Poster(url)
    while not stopped.is_set() and send_one(poster):
        pass


def send_one(poster: Poster) -> bool:
    """Lock, save, event, commit; call; lock, save, event, commit."""
    from django.db import transaction

    from payouts.models import Payout

    with transaction.atomic():
        due = Payout.objects.filter(status="approved").order_by("due_at", "number")
        payout = due.select_for_update(skip_locked=True).first()
        if payout is None:
            return False
        payout.claim()
        save(payout, "claim", "approved")
    body = heleket.payout_body(
        order_id=payout.order_id("b"),
        amount=payout.amount,
        currency=payout.currency,
        network=payout.network,
        address=payout.address,
    )
    poster.post(body)
    with transaction.atomic():
        payout = Payout.objects.select_for_update().get(pk=payout.pk)
        payout.accept()
        save(payout, "accept", "submitting")
    return True


def save(payout, act: str, before: str) -> None:
    from django.utils import timezone

    from audit import chain
    from payouts.models import PayoutEvent

    previous = payout.events.order_by("-number").first()
    payout.last_event += 1
    payout.save()
    event = PayoutEvent(
        payout=payout,
        number=payout.last_event,
        at=timezone.now(),
        channel="worker",
        event_type=act,
        from_status=before,
        to_status=payout.status,
    )
    event.hash = chain.sealed(event.fields(), previous.hash)
    event.save()


def main(kind: str, url: str, threads: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if kind == "naive":
        import django

        django.setup()
    work = {"bare": bare, "naive": naive}[kind]
    running = [threading.Thread(target=work, args=[url]) for _ in range(int(threads))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
