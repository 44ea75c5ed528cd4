"""The one door: a payout's status changes here or not at all.

Lock in id order, let the caller act, then save what moved together with one event per act, or none
of it. Everyone who locks more keeps to one order: the stop lock (`wallets.stops`), switch, pace,
wallets, payouts, limits.

Pauses are locked on both sides: a claim holds them before its payouts, settlement comes to them and
to the desk's chain after its payouts. No circle comes of that because a claim never waits for a
payout but passes over what others hold, so never leave out its `skip_locked`. Two settlements may
meet at a pause and the chain; the database then ends one of them, and its step is repeated.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from audit import chain, clock
from audit.events import text_of
from audit.models import Channel
from payouts import wakeups
from payouts.models import Payout, PayoutEvent, PayoutStatus

COLUMNS = [field.attname for field in Payout._meta.concrete_fields if not field.primary_key]


@contextmanager
def change(ids: Iterable[UUID], *, by: User | None, source: Channel) -> Iterator[list[Payout]]:
    """Lock payouts in id order and yield them; save those that acted, each act with its event.

    `by` is None for the system. An exception in the body undoes all of it.
    """
    with transaction.atomic():
        rows = Payout.objects.filter(pk__in=list(ids)).order_by("pk")
        payouts = list(rows.select_for_update())
        before = {payout.pk: columns_of(payout) for payout in payouts}
        with clock.one_moment():
            yield payouts
            acted = [payout for payout in payouts if payout.acts]
            events = events_of(acted, by=by, source=source)
            ring_for(payouts)
        save_changed(payouts, before)
        PayoutEvent.objects.bulk_create(events)


def ring_for(payouts: Iterable[Payout]) -> None:
    """Have what is due at this moment done at once."""
    now = clock.now()
    for payout in payouts:
        if payout.due_at and payout.due_at <= now:
            is_to_send = payout.status == PayoutStatus.APPROVED or payout.may_repeat
            wakeups.ring("submit" if is_to_send else "check")


def add(payouts: Sequence[Payout], *, by: User | None, source: Channel) -> None:
    """Store new payouts, each with the events of its acts. Raises IntegrityError for a known id."""
    with transaction.atomic():
        events = events_of(payouts, by=by, source=source)
        Payout.objects.bulk_create(payouts)
        PayoutEvent.objects.bulk_create(events)


def columns_of(payout: Payout) -> dict[str, Any]:
    return {name: payout.__dict__[name] for name in COLUMNS}


def save_changed(payouts: Sequence[Payout], before: dict[UUID, dict[str, Any]]) -> None:
    """Update rows whose columns changed, all rows with the same change in one statement."""
    alike: dict[tuple[tuple[str, Any], ...], list[UUID]] = defaultdict(list)
    for payout in payouts:
        was, now = before[payout.pk], columns_of(payout)
        if now["status"] != was["status"] and now["last_event"] == was["last_event"]:
            raise RuntimeError(f"{payout} moved without an act")
        changes = tuple((name, now[name]) for name in COLUMNS if now[name] != was[name])
        if changes:
            alike[changes].append(payout.pk)
    for changes, ids in alike.items():
        Payout.objects.filter(pk__in=ids).update(**dict(changes))


def events_of(payouts: Sequence[Payout], *, by: User | None, source: Channel) -> list[PayoutEvent]:
    """Turn the acts of locked or new payouts into the next links of their chains."""
    hashes: dict[UUID, str] = {}
    if known := [payout.pk for payout in payouts if payout.last_event]:
        # Read after the lock, in a statement of its own: what stands last now stays last.
        last = PayoutEvent.objects.filter(payout__in=known, number=F("payout__last_event"))
        hashes = dict(last.values_list("payout_id", "hash"))
    at = clock.now()
    events: list[PayoutEvent] = []
    for payout in payouts:
        previous = hashes[payout.pk] if payout.last_event else ""
        events += next_links(payout, previous, by=by, source=source, at=at)
    return events


def next_links(
    payout: Payout, previous: str, *, by: User | None, source: Channel, at: datetime
) -> Iterator[PayoutEvent]:
    """Turn a payout's acts into the links of its chain that follow the hash `previous`."""
    acts = payout.take_acts()
    for act, to_status in zip(
        acts, [*(act.status for act in acts[1:]), payout.status], strict=True
    ):
        payout.last_event += 1
        event = PayoutEvent(
            payout_id=payout.pk,
            number=payout.last_event,
            at=at,
            person_id=by.pk if by else None,
            source=source,
            act=act.name,
            from_status=act.status,
            to_status=to_status,
            reason=act.reason,
            data=text_of(act.data, by),
        )
        previous = event.hash = chain.sealed(event.told(), previous)
        yield event
