"""Locking what an answer of Heleket's is about, and saving what it did."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from audit import database
from audit.actor import Actor
from audit.codes import NO_REASON, Reason
from audit.operations import Change
from payouts import guard, transitions
from payouts.models import Attempt, EventType, Payout

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

ATTEMPT_COLUMNS = [
    field.attname
    for field in Attempt._meta.concrete_fields
    if field.name
    not in (
        "id",
        "payout",
        "generation",
        "order_id",
        "gateway_host",
        "merchant_id",
        "body",
        "created_at",
    )
]


@dataclass(frozen=True)
class Case:
    """An attempt that Heleket has said something of, locked with all attempts of its payout."""

    change: Change[Payout]
    attempt: Attempt
    attempts: Sequence[Attempt]

    @property
    def payout(self) -> Payout:
        return self.change.row

    @property
    def is_current(self) -> bool:
        """Whether the payout stands or falls with this attempt at the moment."""
        return self.attempt.generation == self.payout.generation and self.payout.is_under_way

    def log_event(
        self, event_type: EventType, reason: Reason = NO_REASON, /, **fields: object
    ) -> None:
        self.change.log_event(event_type, reason, **fields)


@contextmanager
def settle(attempt_ids: Iterable[int], *, actor: Actor) -> Iterator[dict[int, Case]]:
    """Lock the payouts of these attempts and yield a case for each; save all, or none of it.

    All attempts of those payouts are locked as well: a webhook has one watched without touching
    its payout.
    """
    wanted = set(attempt_ids)
    owners = Attempt.objects.filter(pk__in=wanted).values_list("payout_id", flat=True)
    with transitions.change(set(owners), actor=actor) as changes:
        by_id = {change.row.pk: change for change in changes}
        rows = Attempt.objects.filter(payout__in=list(by_id)).order_by("pk")
        attempts = list(rows.select_for_update())
        before = {attempt.pk: columns_of(attempt) for attempt in attempts}
        of_payout: dict[UUID, list[Attempt]] = defaultdict(list)
        for attempt in attempts:
            attempt.payout = by_id[attempt.payout_id].row
            of_payout[attempt.payout_id].append(attempt)
        yield {
            attempt.pk: Case(by_id[attempt.payout_id], attempt, of_payout[attempt.payout_id])
            for attempt in attempts
            if attempt.pk in wanted
        }
        save_attempts([each for each in attempts if columns_of(each) != before[each.pk]])
        if any(map(guard.is_alarming, changes)):
            guard.look_after_commit()


def columns_of(attempt: Attempt) -> list[Any]:
    return [attempt.__dict__[name] for name in ATTEMPT_COLUMNS]


def save_attempts(attempts: Sequence[Attempt]) -> None:
    """Update all columns that may change, of all rows in one statement. They are locked."""
    if attempts:
        Attempt.objects.bulk_create(
            attempts, update_conflicts=True, unique_fields=["id"], update_fields=ATTEMPT_COLUMNS
        )


def record_batch(answers: Sequence[Answer], store: Callable[[Sequence[Answer]], None]) -> None:
    """Store a batch in one transaction, or else each answer in its own.

    One that cannot be stored does not hold up the others: its payout stays as it was, and Heleket
    is asked about it when its lease is over. Raises what the database raised if it was the database
    that failed (`database`): what was stored is stored, and to store all of it again is idempotent.
    """
    try:
        store(answers)
    except Exception as exc:
        if database.has_failed(exc):
            raise
        logger.exception("could not record %d answers together", len(answers))
        for each in answers:
            try:
                store([each])
            except Exception as exc:
                if database.has_failed(exc):
                    raise
                logger.exception("could not record %r", each)
