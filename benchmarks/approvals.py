"""Approving many at once, against one SQL statement and against a loop of lock, save, event."""

import gc
import itertools
import time
from collections.abc import Callable
from decimal import Decimal

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import chain
from audit.actor import Actor, Channel
from audit.operations import perform
from benchmarks import stage
from benchmarks.figures import Figure, in_turn, ratios
from payouts import operations
from payouts.models import Approval, Payout, PayoutEvent, PayoutStatus
from payouts.seen import see

CLIENTS, EARLIER = 1000, 20

ONE_STATEMENT = """
WITH chosen AS (
    SELECT id, last_event FROM payouts_payout
    WHERE id = ANY(%(ids)s) AND status = 'pending' ORDER BY id FOR UPDATE
), approvals AS (
    INSERT INTO payouts_approval
        (payout_id, person_id, decided_at, decision, digest, policy_version, voided_by)
    SELECT id, %(person)s, %(now)s, 'approved', repeat('0', 64), 1, '' FROM chosen
), moved AS (
    UPDATE payouts_payout AS payout
    SET status = 'approved', approved_at = %(now)s, due_at = %(now)s, waiting_for = 'worker',
        waiting_since = %(now)s, reference_rate = 1, last_event = payout.last_event + 1
    FROM chosen WHERE payout.id = chosen.id
)
INSERT INTO payouts_payoutevent
    (payout_id, number, at, person_id, channel, event_type, reason_code, reason, data, hash,
     from_status, to_status)
SELECT id, last_event + 1, %(now)s, %(person)s, 'admin', 'approve', '', '', '',
    repeat('0', 64), 'pending', 'approved'
FROM chosen
"""


def run(rounds: int) -> list[Figure]:
    by, wallets, days = stage.approver(), stage.wallets(CLIENTS), itertools.count(1)

    def timed(act: Callable[..., None], count: int, repeats: int) -> Callable[[], float]:
        def seconds_each() -> float:
            return sum(once(act, count) for _ in range(repeats)) / (count * repeats)

        return seconds_each

    def once(act: Callable[..., None], count: int) -> float:
        """Approve as many on a day of their own; those of the days before are paid."""
        with stage.day(next(days)):
            payouts = stage.pending_payouts(count, wallets)
            seen = see(payouts)
            start = time.perf_counter()
            act(seen, by)
            seconds = time.perf_counter() - start
            verify(seen)
            stage.pay(payouts)
        return seconds

    gc.freeze()  # as a web process does
    for _ in range(EARLIER):
        once(desk, CLIENTS)
    stage.vacuum()
    contenders = {
        "desk": timed(desk, 1000, 3),
        "one statement": timed(one_statement, 1000, 5),
        "loop": timed(loop, 1000, 1),
        "desk 10,000": timed(desk, 10_000, 1),
        "one statement, 10,000": timed(one_statement, 10_000, 1),
    }
    measured = in_turn(contenders, rounds)
    with stage.day(next(days)):
        seen = see(stage.pending_payouts(1000, wallets))
        with CaptureQueriesContext(connection) as queries:
            desk(seen, by)
    one = "one SQL statement"
    return [
        Figure("approve 1,000", one, ratios(measured, "desk", "one statement"), at_most=6),
        Figure("loop over 1,000", "approve 1,000", ratios(measured, "loop", "desk"), at_least=5),
        Figure(
            "approve 10,000",
            one,
            ratios(measured, "desk 10,000", "one statement, 10,000"),
            at_most=6,
        ),
        Figure("statements to approve 1,000", "", [len(queries)], at_most=20),
    ]


def desk(seen, by) -> None:
    perform(operations.APPROVE, seen, actor=Actor.staff(by, Channel.ADMIN))


def one_statement(seen, by) -> None:
    values = {"ids": [each.id for each in seen], "person": by.pk, "now": timezone.now()}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ONE_STATEMENT, values)


def loop(seen, by) -> None:
    for each in seen:
        with transaction.atomic():
            payout = Payout.objects.select_for_update().get(pk=each.id)
            approve_one(payout, by)


def approve_one(payout: Payout, by) -> None:
    previous = payout.events.order_by("-number").first()
    payout.reference_rate = Decimal(1)
    payout.approve()
    payout.last_event += 1
    payout.save()
    now = timezone.now()
    Approval.objects.create(
        payout=payout,
        person=by,
        decided_at=now,
        decision=Approval.Decision.APPROVED,
        digest=payout.digest(),
        policy_version=1,
    )
    event = PayoutEvent(
        payout=payout,
        number=payout.last_event,
        at=now,
        person=by,
        channel=Channel.ADMIN,
        event_type="approve",
        from_status="pending",
        to_status=payout.status,
    )
    event.hash = chain.sealed(event.fields(), previous.hash)
    event.save()


def verify(seen) -> None:
    """RuntimeError unless each is approved, with one approval and one more event."""
    ids = [each.id for each in seen]
    found = (
        Payout.objects.filter(pk__in=ids, status=PayoutStatus.APPROVED, last_event=2).count(),
        Approval.objects.filter(payout__in=ids, voided_at=None).count(),
        PayoutEvent.objects.filter(payout__in=ids, number=2, event_type="approve").count(),
    )
    if found != (len(ids),) * 3:
        raise RuntimeError(f"of {len(ids)} payouts {found} are approved, decided, written down")
