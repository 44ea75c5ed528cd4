"""Writing events: what is sealed of an act, and the desk's own chain."""

import json

from django.db import transaction

from audit import chain, clock
from audit.actor import Actor
from audit.models import LOGIN, DeskEvent

SORTED = json.JSONEncoder(sort_keys=True)


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


def log_event(
    event_type: DeskEvent.Type, reason: str = "", *, actor: Actor, **fields: object
) -> None:
    """Append one event to the desk's own chain, in a transaction of the caller or its own."""
    with transaction.atomic():
        last = DeskEvent.objects.lock_chain()
        event = DeskEvent(
            number=last.number + 1 if last else 1,
            at=clock.now(),
            event_type=event_type,
            reason=reason,
            data=written(fields, actor),
            **by(actor),
        )
        event.hash = chain.sealed(event.fields(), last.hash if last else "")
        event.save(force_insert=True)
