"""A worker process that sends from a pool of approved payouts, watched for a few seconds."""

import json
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from benchmarks import stage
from payouts.gateway.models import Pause
from payouts.models import Attempt, Payout, PayoutEvent, PayoutStatus

WARM_UP, WATCH = 1.0, 2.5  # seconds


@dataclass(frozen=True)
class Slice:
    payouts: int
    cpu: float
    seconds: float

    @property
    def per_second(self) -> float:
        return self.payouts / self.seconds

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.payouts


def desk_worker(sandbox: stage.Sandbox, threads: int) -> Slice:
    return desk_workers(sandbox, threads, 1)


def desk_workers(sandbox: stage.Sandbox, threads: int, count: int) -> Slice:
    command = stage.manage("worker", "--threads", str(threads))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(stage.running(*command, HELEKET_PROJECT_URL=sandbox.url))
            for _ in range(count)
        ]
        for process in processes:
            process.wait_for_line("works for merchant")
        measured = watch(*processes)
        if not measured.payouts:
            print(why_nothing(process.stop() for process in processes), file=sys.stderr)
        return measured


def why_nothing(written: Iterable[str]) -> str:
    """Say what the workers warned of, and which pauses stand, when nothing was sent for a while."""
    pauses = [
        f"pause: {each.cause} {each.currency}, next try at {each.probe_at}: {each.text}"
        for each in Pause.objects.all()
    ]
    lines = [line for text in written for line in text.splitlines() if " INFO " not in line]
    return "\n".join(["A slice came to nothing.", *(pauses or ["No pause stands."]), *lines])


def naive_worker(sandbox: stage.Sandbox, threads: int) -> Slice:
    with stage.running("benchmarks.rivals", "naive", sandbox.url, str(threads)) as process:
        return watch(process)


def bare_calls(sandbox: stage.Sandbox) -> Slice:
    process = stage.Process("benchmarks.rivals", "bare", sandbox.url, "1")
    time.sleep(WARM_UP + WATCH)
    return Slice(**json.loads(process.stop()))


def watch(*processes: stage.Process) -> Slice:
    """Count the payouts recorded as accepted, and the CPU time, between two moments."""

    def cpu_seconds() -> float:
        return sum(process.cpu_seconds() for process in processes)

    started = timezone.now()

    def it_sends() -> bool:
        return accepted(started, timezone.now()) > 0

    stage.wait_until(it_sends)
    time.sleep(WARM_UP)
    begin, cpu = timezone.now(), cpu_seconds()
    time.sleep(WATCH)
    end, cpu = timezone.now(), cpu_seconds() - cpu
    return Slice(accepted(begin, end), cpu, (end - begin).total_seconds())


def accepted(begin: datetime, end: datetime) -> int:
    return PayoutEvent.objects.filter(event_type="accept", at__gte=begin, at__lt=end).count()


def set_aside() -> None:
    """Keep what was sent from being asked about while others are measured."""
    Payout.objects.under_way().update(due_at=timezone.now() + timedelta(days=1))


def verify(desk: stage.Sandbox, naive: stage.Sandbox | None = None) -> None:
    """RuntimeError unless each payout sent was paid once, and the desk stored each answer."""
    by_desk, by_naive = payouts_paid(desk), payouts_paid(naive) if naive else []
    sent = Payout.objects.filter(status=PayoutStatus.BROADCAST)
    known = [payout.order_id("b") for payout in sent.only("pk", "generation")]
    if sorted(by_desk + by_naive) != sorted(known):
        raise RuntimeError(f"{len(by_desk + by_naive)} were paid, {len(known)} are known to be")
    if Payout.objects.filter(status=PayoutStatus.SUBMITTING).exists():
        raise RuntimeError("a payout was left between the two")
    stored = Attempt.objects.exclude(uuid=None).exclude(payer_amount=None)
    if set(by_desk) != set(stored.values_list("order_id", flat=True)):
        raise RuntimeError("an answer was not stored")


def payouts_paid(sandbox: stage.Sandbox) -> list[str]:
    debits = sandbox.debits().elements()
    return [order_id for order_id in debits if not order_id.startswith("BARE")]
