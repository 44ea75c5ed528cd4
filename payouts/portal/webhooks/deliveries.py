"""Sending webhooks: what the feed says, to each endpoint that hears it, until it has answered.

Of one payout they arrive in order: the next goes out once the one before has arrived or is given
up. A receiver that is down is asked by one webhook at a time whether it is back, and then gets all
that waited. A webhook whose answer was lost is sent again, under the same id.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from standardwebhooks import Webhook

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.jobs import Claimed, Job
from audit.refusals import Refused
from payouts.backlogs import Backlog
from payouts.portal import feed
from payouts.portal.codes import PortalCode
from payouts.portal.models import Delivery, Feed, WebhookEndpoint
from payouts.portal.webhooks import endpoints
from payouts.portal.webhooks.receivers import ALL_SECONDS, Unreached, post
from payouts.portal.webhooks.shapes import WebhookShape

LOOKED_AT = 100  # endpoints in a claim, of which some may have all they may have
AT_ONCE = 2  # to one endpoint, and to all of one client: a slow one leaves threads to the others
LEASE = timedelta(seconds=4 * ALL_SECONDS)
LASTS = timedelta(days=3)
WAITS = [  # after so many tries; and the last one from then on
    *(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 6)),
]
FEW_FAILURES = 3  # in a row, of which the receiver may be innocent
LONGEST_REST = timedelta(minutes=10)
GONE = 410


@dataclass(frozen=True)
class Parcel:
    """A webhook on its way, with the secrets that sign it."""

    delivery_id: int
    endpoint_id: UUID
    url: str
    event_id: str
    body: str
    secrets: list[str] = field(repr=False)  # an item that fails is logged


@dataclass(frozen=True)
class Report:
    """What came of a parcel: the status of the answer, or why there was none."""

    parcel: Parcel
    answer: int | None
    trouble: str = ""

    @property
    def has_arrived(self) -> bool:
        return self.answer is not None and 200 <= self.answer < 300


class Deliver(Job):
    name: ClassVar[str] = "deliver"
    claims_ahead = False
    goes_on = True  # others have a say in what is recorded

    def __init__(self, _client: Any, _account: Any, _threads: int) -> None:
        self.threads = 4 * AT_ONCE

    def claim(self, limit: int) -> Claimed[Parcel]:
        return Claimed(claim(limit))

    def call(self, parcel: Parcel) -> Report:
        return send(parcel)

    def record(self, reports: Sequence[Report]) -> None:
        record(reports)


def claim(limit: int) -> list[Parcel]:
    """Take webhooks that are due, the first in line of each endpoint and payout. Endpoints take
    turns, and no client keeps more than its share of the threads, however many it has added."""
    now = clock.now()
    if not due(now).exists():
        return []
    with transaction.atomic():
        shares, taken = Shares(now), list[Delivery]()
        rows = with_something_due(now).exclude(pk__in=shares.full)
        rows = rows.order_by(F("served_at").asc(nulls_first=True), "pk")
        locked = rows.select_for_update(no_key=True, skip_locked=True, of=("self",))
        for endpoint in locked[:LOOKED_AT]:
            most = min(shares.left_for(endpoint), limit - len(taken))
            found = first_of(endpoint, most, now) if most else []
            shares.take(endpoint, len(found))
            taken += found
        Delivery.objects.filter(pk__in=[each.pk for each in taken]).update(lease_until=now + LEASE)
        served = {each.endpoint_id for each in taken}
        WebhookEndpoint.objects.filter(pk__in=served).update(served_at=now)
        ours = feed.feed()
        return [parcel_of(each, ours) for each in taken]


def first_of(endpoint: WebhookEndpoint, most: int, now: datetime) -> list[Delivery]:
    rows = due(now).filter(endpoint=endpoint).order_by("due_at", "pk")
    rows = rows.select_for_update(skip_locked=True, of=("self",))
    return list(rows.select_related("endpoint", "event__client")[:most])


def with_something_due(now: datetime) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(Exists(due(now).filter(endpoint=OuterRef("pk"))))


class Shares:
    """What is under way to each endpoint and to each client."""

    def __init__(self, now: datetime) -> None:
        under_way = Delivery.objects.filter(state=Delivery.State.WAITING, lease_until__gt=now)
        busy = [each.endpoint for each in under_way.select_related("endpoint")]
        self.of_endpoint, self.of_client = Counter[UUID](), Counter[int | None]()
        for endpoint in busy:
            self.take(endpoint, 1)
        self.full = {each.pk for each in busy if not self.left_for(each)}

    def take(self, endpoint: WebhookEndpoint, count: int) -> None:
        self.of_endpoint[endpoint.pk] += count
        if endpoint.client_id is not None:  # the portal's own may each have as much
            self.of_client[endpoint.client_id] += count

    def left_for(self, endpoint: WebhookEndpoint) -> int:
        """Return how much more may be sent to it now. One that rests is tried by one webhook."""
        most = AT_ONCE if endpoint.rests_until is None else 1
        of_client = self.of_client[endpoint.client_id]
        return max(min(most - self.of_endpoint[endpoint.pk], AT_ONCE - of_client), 0)


def due(now: datetime) -> QuerySet[Delivery]:
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING)
    before = waiting.filter(endpoint=OuterRef("endpoint"), payout=OuterRef("payout"))
    return waiting.filter(
        Q(lease_until=None) | Q(lease_until__lte=now),
        Q(endpoint__rests_until=None) | Q(endpoint__rests_until__lte=now),
        ~Exists(before.filter(event__lt=OuterRef("event"))),
        due_at__lte=now,
        endpoint__stopped_at=None,
        endpoint__removed_at=None,
    )


def count_due() -> int:
    return due(clock.now()).count()


def oldest_due() -> datetime | None:
    return due(clock.now()).order_by("due_at").values_list("due_at", flat=True).first()


BACKLOG = Backlog(
    title=_("Webhooks to clients that are due"),
    trouble=_("Webhooks to clients are behind."),
    count=count_due,
    oldest=oldest_due,
)


def parcel_of(delivery: Delivery, ours: Feed) -> Parcel:
    """Return what is sent: which payout, and what it has become. The rest is read by the API."""
    event = feed.shape(delivery.event, ours)
    said: WebhookShape = {
        "id": event["id"],
        "type": event["type"],
        "at": event["at"],
        "client": event["client"],
        "data": {"payout": event["data"]["payout"], "number": event["data"]["number"]},
    }
    return Parcel(
        delivery_id=delivery.pk,
        endpoint_id=delivery.endpoint_id,
        url=delivery.endpoint.url,
        event_id=said["id"],
        body=json.dumps(said, ensure_ascii=False),
        secrets=endpoints.secrets_of(delivery.endpoint),
    )


def send(parcel: Parcel) -> Report:
    try:
        answer = post(parcel.url, parcel.body, headers_of(parcel))
    except Unreached as exc:
        return Report(parcel, None, str(exc))
    return Report(parcel, answer)


def headers_of(parcel: Parcel) -> dict[str, str]:
    """Sign at this very moment, by the machine's clock: receivers take no old webhook."""
    at = datetime.fromtimestamp(time.time(), UTC)
    signed = [Webhook(each).sign(parcel.event_id, at, parcel.body) for each in parcel.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Payout-Desk",
        "webhook-id": parcel.event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signed),
    }


def record(reports: Sequence[Report]) -> None:
    with transaction.atomic():
        wanted = {report.parcel.endpoint_id for report in reports}
        rows = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk__in=wanted)
        known = {row.pk: row for row in rows.order_by("pk")}
        tried = Delivery.objects.in_bulk([report.parcel.delivery_id for report in reports])
        for report in reports:
            delivery = tried[report.parcel.delivery_id]
            if delivery.state == Delivery.State.WAITING:  # nobody else brought it meanwhile
                note(report, delivery, known[report.parcel.endpoint_id])


def note(report: Report, delivery: Delivery, endpoint: WebhookEndpoint) -> None:
    now = clock.now()
    delivery.tries += 1
    delivery.first_tried_at = delivery.first_tried_at or now
    delivery.last_tried_at, delivery.lease_until = now, None
    delivery.answer, delivery.trouble = report.answer, report.trouble
    if report.has_arrived:
        delivery.state = Delivery.State.DELIVERED
        note_success(endpoint)
    else:
        note_failure(endpoint, now, is_gone=report.answer == GONE)
        wait = WAITS[min(delivery.tries, len(WAITS)) - 1]
        delivery.due_at = endpoint.rests_until or now + wait
        if delivery.first_tried_at <= now - LASTS and not is_down(endpoint, now):
            delivery.state = Delivery.State.GIVEN_UP
    delivery.save()


def is_down(endpoint: WebhookEndpoint, now: datetime) -> bool:
    """Whether nothing got through for so long that it is stopped, and nothing is given up."""
    return endpoint.failing_since is not None and endpoint.failing_since <= now - LASTS


def note_success(endpoint: WebhookEndpoint) -> None:
    if endpoint.rests_until is not None:
        endpoints.begin_anew(endpoint)
    elif endpoint.failures:
        endpoint.failures, endpoint.failing_since = 0, None
        endpoint.save(update_fields=["failures", "failing_since"])


def note_failure(endpoint: WebhookEndpoint, now: datetime, *, is_gone: bool) -> None:
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    if endpoint.failures >= FEW_FAILURES:
        rest = timedelta(seconds=5 * 2 ** min(endpoint.failures - FEW_FAILURES, 10))
        endpoint.rests_until = now + min(rest, LONGEST_REST)
    endpoint.save(update_fields=["failures", "failing_since", "rests_until"])
    if endpoint.stopped_at is not None:
        return
    worker = Actor.system(Channel.WORKER)
    if is_gone:
        endpoints.stop(endpoint, Reason(PortalCode.RECEIVER_GONE), actor=worker)
    elif is_down(endpoint, now):
        endpoints.stop(endpoint, Reason(PortalCode.RECEIVER_UNREACHED), actor=worker)


def redeliver(endpoint_id: UUID, event: int, *, actor: Actor) -> Delivery:
    """Send a webhook once more, under the same id. Raises Refused."""
    actor.require(endpoints.RIGHT)
    with transaction.atomic():
        endpoint = endpoints.locked(endpoint_id)
        delivery = endpoint.deliveries.select_for_update().filter(event=event).first()
        if delivery is None:
            raise Refused(PortalCode.NOT_FOUND)
        if endpoint.stopped_at is not None:
            raise Refused(PortalCode.ENDPOINT_STOPPED)
        delivery.state, delivery.due_at = Delivery.State.WAITING, clock.now()
        delivery.first_tried_at = None
        delivery.save()
    return delivery
