"""The shapes of what the API takes and gives about webhooks, and of webhooks themselves."""

from typing import Annotated, TypedDict

from rest_framework import serializers

from audit.codes import Reason
from payouts.portal.bodies import Asked, Flag, Text
from payouts.portal.event_types import EVENT_TYPES, EventType, type_of
from payouts.portal.feed import id_of
from payouts.portal.models import Delivery, Feed, WebhookEndpoint
from payouts.portal.values import IdText, Instant, Says, stamp
from payouts.portal.webhooks.receivers import LONGEST_URL

URL = "Where webhooks are posted, by https."
WANTED = "Which types of events it hears; none or left out: all of them."


class EventTypes(serializers.ListField):
    schema = {"type": "array", "maxItems": 50, "items": {"enum": list(EVENT_TYPES)}}

    def __init__(self) -> None:
        child = Text(max_length=100)
        super().__init__(child=child, max_length=50, required=False, help_text=WANTED)


class AskedEndpoint(Asked):
    url = Text(max_length=LONGEST_URL, help_text=URL)
    name = Text(max_length=64, allow_blank=True, required=False, help_text="What you call it.")
    event_types = EventTypes()


class AskedChange(Asked):
    url = Text(max_length=LONGEST_URL, required=False, help_text=URL)
    name = Text(max_length=64, allow_blank=True, required=False, help_text="What you call it.")
    event_types = EventTypes()
    active = Flag(required=False, help_text="False stops it, true sends what it missed.")


class EndpointShape(TypedDict):
    """Where webhooks are sent."""

    id: IdText
    url: str
    name: str
    event_types: list[EventType]
    status: Annotated[str, Says(enum=["active", "failing", "stopped"])]
    detail: Annotated[str, Says("Why it is stopped, or nothing.")]
    failing_since: Annotated[Instant | None, Says("Nothing has got through since.")]
    created_at: Instant


def endpoint(row: WebhookEndpoint) -> EndpointShape:
    return {
        "id": str(row.pk),
        "url": row.url,
        "name": row.name,
        "event_types": row.event_types or list(EVENT_TYPES),
        "status": row.state,
        "detail": Reason(row.stop_code).sentence,
        "failing_since": stamp(row.failing_since) if row.failing_since else None,
        "created_at": stamp(row.created_at),
    }


class EndpointsShape(TypedDict):
    """All there are, the newest first: ten at most."""

    results: list[EndpointShape]


class SecretShape(TypedDict):
    """What the webhooks of an endpoint are signed with."""

    secret: Annotated[str, Says("As the libraries of Standard Webhooks take it.")]


class DeliveryShape(TypedDict):
    """A webhook that was sent, or waits to be."""

    event: Annotated[str, Says("The id of the event in the feed.")]
    type: EventType
    payout: IdText
    at: Annotated[Instant, Says("When it happened.")]
    state: Annotated[str, Says(enum=Delivery.State.values)]
    tries: int
    answer: Annotated[int | None, Says("The status of the last answer, if one came.")]
    trouble: Annotated[str, Says("Why none came, or nothing.")]
    last_tried_at: Instant | None
    next_try_at: Instant | None


def delivery(row: Delivery, ours: Feed) -> DeliveryShape:
    """`row` has its event and its endpoint."""
    said = row.event
    is_waiting = row.state == Delivery.State.WAITING and row.endpoint.stopped_at is None
    return {
        "event": id_of(said.number, ours),
        "type": type_of(said.status),
        "payout": str(row.payout_id),
        "at": stamp(said.at),
        "state": row.state,
        "tries": row.tries,
        "answer": row.answer,
        "trouble": row.trouble,
        "last_tried_at": stamp(row.last_tried_at) if row.last_tried_at else None,
        "next_try_at": stamp(row.due_at) if is_waiting else None,
    }


class ReferenceShape(TypedDict):
    payout: IdText
    number: str


class WebhookShape(TypedDict):
    """What a webhook says: that there is something to read."""

    id: Annotated[str, Says("The id of the event in the feed.")]
    type: EventType
    at: Instant
    client: Annotated[str, Says("Whose payout it is, by the external id.")]
    data: ReferenceShape
