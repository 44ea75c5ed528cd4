"""Which webhook goes where: one for each event of the feed and each endpoint that hears it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import Q

from audit import clock
from payouts.portal.event_types import type_of
from payouts.portal.models import Delivery, FeedEvent, WebhookEndpoint

OLDEST = timedelta(days=30)  # what an endpoint that is resumed still hears of
CHUNK = 1000


def plan(events: Sequence[FeedEvent]) -> int:
    """Plan what is to be sent of new events, and return how many webhooks that is. The feed is
    locked, so that an endpoint that is added or resumed meanwhile neither misses nor repeats any.
    """
    clients = {event.client_id for event in events}
    hearing = WebhookEndpoint.objects.filter(stopped_at=None, removed_at=None)
    endpoints = list(hearing.filter(Q(client=None) | Q(client__in=clients)))
    return sum(add(endpoint, events) for endpoint in endpoints)


def catch_up(endpoint: WebhookEndpoint, after: int) -> None:
    """Plan what an endpoint missed of the feed since a number, as far as it is not too old."""
    missed = FeedEvent.objects.filter(number__gt=after, at__gte=clock.now() - OLDEST)
    if endpoint.client_id is not None:
        missed = missed.filter(client=endpoint.client_id)
    add(endpoint, missed.order_by("number").iterator(CHUNK))


def add(endpoint: WebhookEndpoint, events: Iterable[FeedEvent]) -> int:
    made = Delivery.objects.bulk_create(
        (
            Delivery(endpoint=endpoint, event=event, payout_id=event.payout_id, due_at=clock.now())
            for event in events
            if hears(endpoint, event)
        ),
        batch_size=CHUNK,
    )
    return len(made)


def hears(endpoint: WebhookEndpoint, event: FeedEvent) -> bool:
    is_reached = endpoint.client_id in (None, event.client_id)
    is_wanted = not endpoint.event_types or type_of(event.status) in endpoint.event_types
    return is_reached and is_wanted
