"""A worker process that sends from a pool of approved payouts, watched for a few seconds."""

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from benchmarks import stage
from payouts.models import Attempt, Payout, PayoutEvent, PayoutStatus

WARM_UP, WATCH = 1.0, 2.5  # seconds


@dataclass(frozen=True)
class Slice:
    payouts: int
    cpu: float

    @property
    def per_second(self) -> float:
        return self.payouts / WATCH

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.payouts


def desk_worker(sandbox: stage.Sandbox, threads: int) -> Slice:
    with stage.running(
        *stage.manage("worker", "--threads", str(threads)), HELEKET_PROJECT_URL=sandbox.url
    ) as process:
        return watch(process)


def naive_worker(sandbox: stage.Sandbox, threads: int) -> Slice:
    with stage.running("benchmarks.rivals", "naive", sandbox.url, str(threads)) as process:
        return watch(process)


def bare_calls(sandbox: stage.Sandbox) -> Slice:
    process = stage.Process("benchmarks.rivals", "bare", sandbox.url, "1")
    time.sleep(WARM_UP + WATCH)
    told = json.loads(process.stop())
    return Slice(told["calls"], told["cpu"])


def watch(process: stage.Process) -> Slice:
    """Count the payouts recorded as accepted, and the CPU time, between two moments."""
    started = timezone.now()

    def it_sends() -> bool:
        return accepted(started, timezone.now()) > 0

    stage.wait_until(it_sends)
    time.sleep(WARM_UP)
    begin, cpu = timezone.now(), process.cpu_seconds()
    time.sleep(WATCH)
    cpu = process.cpu_seconds() - cpu
    return Slice(accepted(begin, begin + timedelta(seconds=WATCH)), cpu)


def accepted(begin: datetime, end: datetime) -> int:
    return PayoutEvent.objects.filter(act="accept", at__gte=begin, at__lt=end).count()


def set_aside() -> None:
    """Keep what was sent from being asked about while others are measured."""
    under_way = Payout.objects.under_way()
    under_way.update(due_at=timezone.now() + timedelta(days=1))
    connection.close()


def verify(sandboxes: dict[str, stage.Sandbox]) -> None:
    """RuntimeError unless each payout sent is paid once, in one of the sandboxes, and stored so."""
    paid = [sandbox.debits() for sandbox in sandboxes.values()]
    counts = {order_id: n for each in paid for order_id, n in each.items()}
    ours = {order_id for order_id in counts if not order_id.startswith("bare")}
    sent = Payout.objects.filter(status=PayoutStatus.BROADCAST)
    known = {payout.order_id("b") for payout in sent.only("pk", "generation")}
    if sum(map(len, paid)) != len(counts) or any(count != 1 for count in counts.values()):
        raise RuntimeError("a payout was paid twice")
    if ours != known or Payout.objects.filter(status=PayoutStatus.SUBMITTING).exists():
        raise RuntimeError(f"{len(ours)} were paid and {len(known)} are known to be")
    desks = {order_id for order_id in paid[0] if not order_id.startswith("bare")}
    stored = Attempt.objects.exclude(uuid=None).exclude(payer_amount=None)
    if desks != set(stored.values_list("order_id", flat=True)):
        raise RuntimeError("an answer was not stored")
