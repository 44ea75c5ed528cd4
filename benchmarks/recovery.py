"""Payouts left unknown by killed workers: how soon Heleket has been asked about all of them.

Workers are killed with SIGKILL while Heleket holds their answers back: it has paid as many payouts
as they have threads, and never got those that they had claimed ahead. Once their leases and the
quiet time after them are over, one worker that is already running finds out about each.
"""

import time

from django.db.models import Max, Min
from django.utils import timezone

from benchmarks import sending, stage
from benchmarks.figures import Figure, in_turn
from payouts.models import Attempt, Payout, PayoutEvent, PayoutStatus

LOST = 1000
WORKERS, KILLED_THREADS = 5, 100  # each has as many calls under way as it has claimed ahead
THREADS, LATENCY = 16, 0.1
IDEAL = LOST * LATENCY / THREADS  # one question each
# Seconds, in which a worker has all its calls under way before it is killed: the first of them must
# not have ended by itself. A lease is 16 and the quiet time 12.
TIMEOUT = "6"


def run(rounds: int) -> list[Figure]:
    again: list[int] = []
    with stage.sandbox() as sandbox:

        def share_of_ideal() -> float:
            stage.approved_payouts(LOST)
            lose_all(sandbox)
            seconds = seconds_until_known(sandbox)
            again.append(debits_too_many(sandbox))
            return IDEAL / seconds

        measured = in_turn({"desk": share_of_ideal}, rounds)
    shares = [each["desk"] for each in measured]
    what = f"{LOST:,} lost payouts known, {THREADS} threads, 100 ms"
    return [
        Figure(what, "one question each", shares, at_least=0.8),
        Figure("debits too many for these", "none", again, at_most=0),
    ]


def lose_all(sandbox: stage.Sandbox) -> None:
    """Kill workers in the middle of it, until every payout is one that nobody knows about."""
    sandbox.command("gate", mode="after")
    for number in range(1, WORKERS + 1):
        lose_some(sandbox, number * KILLED_THREADS)
        sending.set_aside()  # for now: the next one shall not ask about these
    sandbox.command("gate", mode="open")
    if Payout.objects.filter(status=PayoutStatus.SUBMITTING).count() != LOST:
        raise RuntimeError("not all were left between approved and sent")


def lose_some(sandbox: stage.Sandbox, held: int) -> None:
    worker = start_worker(sandbox, KILLED_THREADS)
    try:
        stage.wait_until(lambda: sandbox.state()["gate"]["waiting"] == held)
    finally:
        worker.kill()


def start_worker(sandbox: stage.Sandbox, threads: int) -> stage.Process:
    worker = stage.Process(
        *stage.manage("worker", "--threads", str(threads)),
        HELEKET_PROJECT_URL=sandbox.url,
        HELEKET_TIMEOUT_SECONDS=TIMEOUT,
    )
    worker.wait_for_line("works for merchant")
    return worker


def seconds_until_known(sandbox: stage.Sandbox) -> float:
    """Have a running worker find all of them due at once, and wait until all are at Heleket.

    One is known from the moment at which Heleket's first answer about it is recorded: it has it, or
    has not got it, and then it is sent again after a second answer.
    """
    lost = Payout.objects.filter(status=PayoutStatus.SUBMITTING)
    ids = list(lost.values_list("pk", flat=True))
    sandbox.set_latency(LATENCY)
    worker = start_worker(sandbox, THREADS)
    try:
        wait_for_quiet()
        start = timezone.now()
        lost.update(due_at=start)
        stage.wait_until(lambda: not lost.exists(), seconds=120)
    finally:
        worker.stop()
        sandbox.set_latency(0)
    answers = PayoutEvent.objects.filter(payout__in=ids, at__gte=start).values("payout")
    known = answers.annotate(first=Min("at")).aggregate(last=Max("first"))["last"]
    return (known - start).total_seconds()


def wait_for_quiet() -> None:
    """Wait until no call of the killed workers could still be on its way."""
    until = Attempt.objects.aggregate(last=Max("quiet_until"))["last"]
    time.sleep(max((until - timezone.now()).total_seconds(), 0))


def debits_too_many(sandbox: stage.Sandbox) -> int:
    """Count second debits of payouts, whatever their order ids.

    RuntimeError unless each payout was paid and each answer is stored.
    """
    debits = sandbox.debits()
    known = Attempt.objects.exclude(uuid=None).values_list("order_id", flat=True)
    if (
        debits.keys() != set(known)
        or Payout.objects.exclude(status=PayoutStatus.BROADCAST).exists()
    ):
        raise RuntimeError(f"{len(debits)} were paid, {len(known)} are known to be")
    return sum(stage.second_debits(debits).values())
