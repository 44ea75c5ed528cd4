"""The one place that saves a payout's status.

Lock in id order, let the caller change, then save what moved together with its events, or none of
it. Lock order of whatever locks more, or deadlock: the stop lock (`wallets.stops`), switch, rate
limit, funds (claims alone take it), wallets, payouts, limits.

Pauses are locked on both sides: a claim locks them before its payouts, recording locks them and the
desk's chain after its payouts. That is no deadlock, because a claim never waits for a payout but
passes over locked ones: never leave out its `skip_locked`. Two recordings may deadlock over a pause
and the chain; the database then ends one of them, and its step is repeated.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import clock
from audit.actor import Actor
from audit.events import links
from audit.operations import Change
from payouts import journal, spending, wakeups
from payouts.models import EventType, Payout, PayoutEvent, PayoutStatus

COLUMNS = [field.attname for field in Payout._meta.concrete_fields if not field.primary_key]
NO_NEWS = {EventType.CLAIM, EventType.UNSENT, EventType.WAIT}  # the feed's trigger passes over them


@contextmanager
def change(ids: Iterable[UUID], *, actor: Actor) -> Iterator[list[Change[Payout]]]:
    """Lock payouts in id order and yield them with their clients, which are not locked; save those
    that changed, each with its events.

    An exception in the body undoes all of it.
    """
    with transaction.atomic():
        rows = Payout.objects.filter(pk__in=list(ids)).select_related("client").order_by("pk")
        changes = [Change(payout) for payout in rows.select_for_update(of=["self"])]
        before = {each.row.pk: columns_of(each.row) for each in changes}
        with clock.one_moment():
            yield changes
            events = events_of(changes, actor)
            wake_for(each.row for each in changes)
            save_changed(changes, before)
        store(events)


def add(changes: Sequence[Change[Payout]], *, actor: Actor) -> None:
    """Store new payouts with their events. Raises IntegrityError for a known id."""
    with transaction.atomic(savepoint=False):  # the caller's block is undone, if there is one
        events = events_of(changes, actor)
        Payout.objects.bulk_create(each.row for each in changes)
        store(events)


def store(events: Sequence[PayoutEvent]) -> None:
    """Add events, and have the clients' feed look at those that may be news to them."""
    PayoutEvent.objects.bulk_create(events)
    if any(each.event_type not in NO_NEWS for each in events):
        wakeups.wake("feed")


def wake_for(payouts: Iterable[Payout]) -> None:
    """Have what is due at this moment done at once."""
    now = clock.now()
    for payout in payouts:
        if payout.due_at and payout.due_at <= now:
            is_to_send = payout.status == PayoutStatus.APPROVED or payout.may_repeat
            wakeups.wake("submit" if is_to_send else "check")


def columns_of(payout: Payout) -> dict[str, Any]:
    return {name: payout.__dict__[name] for name in COLUMNS}


def save_changed(changes: Sequence[Change[Payout]], before: dict[UUID, dict[str, Any]]) -> None:
    """Update rows whose columns changed, all rows with the same change in one statement."""
    alike: dict[tuple[tuple[str, Any], ...], list[UUID]] = defaultdict(list)
    moves = [(before[each.row.pk], columns_of(each.row)) for each in changes]
    for each, (was, now) in zip(changes, moves, strict=True):
        if now["status"] != was["status"] and not logs_move(each, was["status"]):
            raise RuntimeError(f"{each.row} moved without an event")
        changed = tuple((name, now[name]) for name in COLUMNS if now[name] != was[name])
        if changed:
            alike[changed].append(each.row.pk)
    for changed, ids in alike.items():
        Payout.objects.filter(pk__in=ids).update(**dict(changed))
    journal.book(changes, [was for was, _now in moves])
    spending.book(moves)


def logs_move(change: Change[Payout], was: str) -> bool:
    """Whether an event was logged before the status moved."""
    return bool(change.events) and change.events[0].from_status == was


def events_of(changes: Sequence[Change[Payout]], actor: Actor) -> list[PayoutEvent]:
    return links(changes, actor, PayoutEvent, "payout")
