"""Webhooks stored and answered per second, against a view that only verifies."""

import json
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from benchmarks import stage
from benchmarks.figures import Figure, in_turn, ratios
from payouts.models import Attempt, Payout, PayoutStatus, WebhookDelivery

ORDERS = 5000  # more than there is time for, so that each webhook makes its payout due
REPEATED = 100
SECONDS = 2.5
REAL, BARE = "/webhooks/heleket/", "/only-verify/"


def run(rounds: int) -> list[Figure]:
    store_payouts_under_way()
    port = free_port()
    command = ("--workers", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "error")
    stored = {"answered": 0, "bodies": 0}

    def per_second(path: str, mark: str, bodies: int) -> float:
        rest()
        told = load(port, path, mark, bodies)
        if path == REAL:
            stored["answered"] += told["answered"]
        if path == REAL and bodies == ORDERS:
            stored["bodies"] += told["bodies"]
            verify_due(told["bodies"])
        return told["answered"] / told["seconds"]

    contenders = {
        "verify": lambda: per_second(BARE, "new", ORDERS),
        "store": lambda: per_second(REAL, f"new {time.monotonic_ns()}", ORDERS),
        "repeated": lambda: per_second(REAL, "again", REPEATED),
    }
    with stage.running("gunicorn", *command, "benchmarks.webhook_site:application"):
        stage.wait_until(lambda: is_open(port))
        for warm_up in contenders.values():
            warm_up()
        measured = in_turn(contenders, rounds)
    verify(stored["answered"], stored["bodies"] + REPEATED)
    floor = "a view that only verifies"
    return [
        Figure("webhooks", floor, ratios(measured, "store", "verify"), at_least=0.33),
        Figure("repeated webhooks", floor, ratios(measured, "repeated", "verify"), at_least=0.40),
    ]


def store_payouts_under_way() -> None:
    payouts = stage.pending_payouts(ORDERS, stage.wallets())
    Payout.objects.filter(pk__in=[each.pk for each in payouts]).update(
        status=PayoutStatus.BROADCAST, waiting_for="final_word"
    )
    Attempt.objects.bulk_create(
        Attempt(
            payout=payout,
            generation=1,
            order_id=f"order-{place}",
            uuid=f"uuid-{place}",
            gateway_host="sandbox",
            merchant_id="merchant",
            body=json.dumps(
                {
                    "order_id": f"order-{place}",
                    "amount": "5.25",
                    "currency": "USDT",
                    "network": "tron",
                    "address": payout.address,
                }
            ),
            created_at=timezone.now(),
            calls=1,
        )
        for place, payout in enumerate(payouts)
    )


def rest() -> None:
    """Let no payout be due, as if Heleket had been asked about all of them a moment ago."""
    Payout.objects.under_way().update(due_at=timezone.now() + timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE payouts_payout, payouts_webhookdelivery")


def load(port: int, path: str, mark: str, bodies: int) -> dict[str, float]:
    options = map(str, (port, path, mark, SECONDS, bodies, ORDERS))
    command = [sys.executable, "-m", "benchmarks.webhook_load", *options]
    done = subprocess.run(command, cwd=stage.ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def verify(answered: int, bodies: int) -> None:
    """RuntimeError unless each webhook answered is stored, once for the same bytes."""
    rows = WebhookDelivery.objects.count()
    times = WebhookDelivery.objects.aggregate(times=Sum("count"))["times"]
    if (times, rows) != (answered, bodies):
        raise RuntimeError(f"{answered} of {bodies} bodies answered, {times} stored in {rows} rows")


def verify_due(bodies: int) -> None:
    """RuntimeError unless each webhook has Heleket asked about its payout."""
    due = Payout.objects.under_way().filter(due_at__lte=timezone.now()).count()
    if due != bodies:
        raise RuntimeError(f"after {bodies} webhooks {due} payouts are due")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
