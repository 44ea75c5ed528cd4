"""The desk's own chain: what was done that belongs to no payout."""

import json

from django.contrib.auth.models import User
from django.db import transaction

from audit import chain, clock
from audit.models import LOGIN, Channel, DeskEvent

SORTED = json.JSONEncoder(sort_keys=True)


def text_of(data: dict[str, str], by: User | None) -> str:
    """Write what is told of an act as it is sealed, with the login that the person has today."""
    if by is not None:
        data = {**data, LOGIN: by.get_username()}
    return SORTED.encode(data) if data else ""


def log_event(
    act: str, reason: str = "", *, by: User | None, source: Channel, **data: object
) -> None:
    """Append one event to the desk's own chain, in a transaction of the caller or its own."""
    with transaction.atomic():
        last = DeskEvent.objects.lock_chain()
        event = DeskEvent(
            number=last.number + 1 if last else 1,
            at=clock.now(),
            person_id=by.pk if by else None,
            source=source,
            act=act,
            reason=reason,
            data=text_of({name: str(value) for name, value in data.items()}, by),
        )
        event.hash = chain.sealed(event.told(), last.hash if last else "")
        event.save(force_insert=True)
