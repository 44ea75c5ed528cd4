"""Writing events: what is sealed of an act, and the desk's own chain."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet

from audit import chain, clock
from audit.actor import Actor
from audit.codes import NO_REASON, Reason
from audit.models import LOGIN, DeskEvent, StatusEvent
from audit.operations import Change

SORTED = json.JSONEncoder(sort_keys=True)

RowEvent = TypeVar("RowEvent", bound=StatusEvent)


def by(actor: Actor) -> dict[str, object]:
    """Return the columns of an event that say who acted."""
    return {
        "person_id": actor.person_id,
        "client_id": actor.client_id,
        "api_key_id": actor.api_key_id,
        "channel": actor.channel,
    }


def written(fields: dict[str, object], actor: Actor) -> str:
    """Write the fields of an act as they are sealed, with the login that the person has today."""
    data = {name: str(value) for name, value in fields.items()}
    if actor.login:
        data[LOGIN] = actor.login
    return SORTED.encode(data) if data else ""


def next_links(
    change: Change[Any], previous: str, actor: Actor, make: Callable[..., RowEvent]
) -> Iterator[RowEvent]:
    """Turn pending events into the links of a row's chain that follow the hash `previous`.

    `make` builds an event of this row; the row counts its events in `last_event`.
    """
    row, pending, at, columns = change.row, change.events, clock.now(), by(actor)
    to_statuses = [*(each.from_status for each in pending[1:]), row.status]
    for each, to_status in zip(pending, to_statuses, strict=True):
        row.last_event += 1
        event = make(
            number=row.last_event,
            at=at,
            event_type=each.event_type,
            from_status=each.from_status,
            to_status=to_status,
            reason_code=each.reason.code,
            reason=each.reason.words,
            data=written(each.fields, actor),
            **columns,
        )
        previous = event.hash = chain.sealed(event.fields(), previous)
        yield event


def links(
    changes: Iterable[Change[Any]], actor: Actor, model: type[RowEvent], owner: str
) -> list[RowEvent]:
    """Turn the pending events of locked or new rows into the next links of their chains; `owner` is
    the field in which an event of this model has its row."""
    changes = [each for each in changes if each.events]
    hashes: dict[Any, str] = {}
    if known := {each.row.pk: each.row.last_event for each in changes if each.row.last_event}:
        # Read after the lock, in a statement of its own: what stands last now stays last.
        at_end = {f"{owner}__in": list(known), "number__in": set(known.values())}
        last: QuerySet[RowEvent] = QuerySet(model).filter(**at_end)
        found = last.values_list(f"{owner}_id", "number", "hash")
        hashes = {pk: sealed for pk, number, sealed in found if number == known[pk]}
    events: list[RowEvent] = []
    for each in changes:
        make = partial(model, **{f"{owner}_id": each.row.pk})
        events += next_links(each, hashes.get(each.row.pk, ""), actor, make)
    return events


def log_event(
    event_type: DeskEvent.Type, reason: Reason = NO_REASON, /, *, actor: Actor, **fields: object
) -> None:
    """Append one event to the desk's own chain, in a transaction of the caller or its own."""
    with transaction.atomic():
        last = DeskEvent.objects.lock_chain()
        event = DeskEvent(
            number=last.number + 1 if last else 1,
            at=clock.now(),
            event_type=event_type,
            reason_code=reason.code,
            reason=reason.words,
            data=written(fields, actor),
            **by(actor),
        )
        event.hash = chain.sealed(event.fields(), last.hash if last else "")
        event.save(force_insert=True)
