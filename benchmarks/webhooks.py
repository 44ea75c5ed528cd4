"""Webhooks stored and answered per second, against a view that only verifies and dj-stripe."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from benchmarks import stage
from benchmarks.figures import Figure, in_turn, ratios
from benchmarks.webhook_load import STRIPE_ENDPOINT
from payouts.models import Attempt, Payout, PayoutStatus, WebhookDelivery

ORDERS = 5000  # more than there is time for, so that each webhook makes its payout due
REPEATED = 100
SECONDS = 2.5
REAL, BARE = "/webhooks/heleket/", "/only-verify/"
STRIPE = f"/stripe/webhook/{STRIPE_ENDPOINT}/"
WORKERS = 2


def run(rounds: int) -> list[Figure]:
    store_payouts_under_way()
    stage.finish("benchmarks.stripe_site")
    stored = {"answered": 0, "bodies": 0, "by dj-stripe": 0}
    with served("benchmarks.webhook_site") as desk, served("benchmarks.stripe_site") as stripe:

        def new_mark() -> str:
            return f"new {time.monotonic_ns()}"

        def verified() -> float:
            rest()
            return per_second(load(desk, BARE, "heleket", "new", ORDERS))

        def stored_new() -> float:
            rest()
            sent = load(desk, REAL, "heleket", new_mark(), ORDERS)
            stored["answered"] += sent["answered"]
            stored["bodies"] += sent["bodies"]
            verify_due(sent["bodies"])
            return per_second(sent)

        def repeated() -> float:
            rest()
            sent = load(desk, REAL, "heleket", "again", REPEATED)
            stored["answered"] += sent["answered"]
            return per_second(sent)

        def by_dj_stripe() -> float:
            sent = load(stripe, STRIPE, "stripe", new_mark(), ORDERS)
            stored["by dj-stripe"] += sent["answered"]
            return per_second(sent)

        contenders = {
            "verify": verified,
            "store": stored_new,
            "repeated": repeated,
            "dj-stripe": by_dj_stripe,
        }
        for warm_up in contenders.values():
            warm_up()
        measured = in_turn(contenders, rounds)
    verify(stored["answered"], stored["bodies"] + REPEATED)
    verify_dj_stripe(stored["by dj-stripe"])
    floor = "a view that only verifies"
    return [
        Figure("webhooks, all new", floor, ratios(measured, "store", "verify"), at_least=0.33),
        Figure(
            "webhooks, all new", "dj-stripe", ratios(measured, "store", "dj-stripe"), at_least=5
        ),
        Figure(
            "webhooks, all repeated", floor, ratios(measured, "repeated", "verify"), at_least=0.40
        ),
    ]


@contextmanager
def served(site: str) -> Iterator[int]:
    """Serve a site with gunicorn, and yield its port once it answers."""
    port = stage.free_port()
    options = ("--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}", "--log-level", "error")
    with stage.running("gunicorn", *options, f"{site}:application"):
        stage.wait_until(lambda: is_open(port))
        yield port


def per_second(load: dict[str, float]) -> float:
    return load["answered"] / load["seconds"]


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


def load(port: int, path: str, kind: str, mark: str, bodies: int) -> dict[str, float]:
    options = map(str, (port, path, kind, mark, SECONDS, bodies, ORDERS))
    return json.loads(stage.finish("benchmarks.webhook_load", *options))


def verify(answered: int, bodies: int) -> None:
    """RuntimeError unless each webhook answered is stored, once for the same bytes."""
    rows = WebhookDelivery.objects.count()
    times = WebhookDelivery.objects.aggregate(times=Sum("count"))["times"]
    if (times, rows) != (answered, bodies):
        raise RuntimeError(f"{answered} of {bodies} bodies answered, {times} stored in {rows} rows")


def verify_dj_stripe(answered: int) -> None:
    """RuntimeError unless dj-stripe has verified and stored each webhook it has answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE valid AND processed), count(DISTINCT event_id)"
            " FROM stripe.djstripe_webhookeventtrigger"
        )
        found = cursor.fetchone()
    if found != (answered, answered):
        raise RuntimeError(f"dj-stripe has answered {answered}, and stored and known {found}")


def verify_due(bodies: int) -> None:
    """RuntimeError unless each webhook has Heleket asked about its payout."""
    due = Payout.objects.under_way().filter(due_at__lte=timezone.now()).count()
    if due != bodies:
        raise RuntimeError(f"after {bodies} webhooks {due} payouts are due")


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
