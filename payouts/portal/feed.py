"""The feed: what changed for clients, in one order for every reader.

Numbers that are drawn when a row is written become visible in another order, so that a reader who
asks for what comes after the last one skips rows. Here a number is given afterwards, to events that
are committed, in one transaction at a time.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypedDict
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext_lazy as _

from audit import clock
from audit.actor import Actor
from audit.jobs import Claimed, Job
from audit.refusals import Refused
from payouts import wakeups
from payouts.backlogs import Backlog
from payouts.client_sentences import (
    STATUSES,
    ClientCode,
    ClientStatus,
    code_for_client,
    txid_for_client,
)
from payouts.models import Attempt, Payout, PayoutEvent
from payouts.portal.codes import PortalCode
from payouts.portal.event_types import EventType, type_of
from payouts.portal.models import Feed, FeedEvent, UnfedEvent
from payouts.portal.planning import plan
from payouts.portal.statuses import with_differs
from payouts.portal.values import AmountText, IdText, Instant, Says, known, stamp
from payouts.staff.restored import Ending
from wallets.amounts import format_amount
from wallets.models import Client

CHUNK = 500
NUMBER = re.compile("[0-9]{1,18}")  # of an event
COLUMNS = [  # of a payout: what decides where it stands for its client, and what is said of it
    *("number", "client_id", "status", "waiting_for", "generation", "pay_from", "cancel_asked_at"),
    *("amount", "currency", "network", "address", "reference"),
    *("effective", "effective_amount", "effective_currency"),
]


class FeedJob(Job):
    """Takes up what was committed. Then it lets a turn go by, as many events at once cost a tenth
    of what they cost one by one; with Celery it ends there, and the next commit wakes it again."""

    name: ClassVar[str] = "feed"
    claims_ahead = False

    def __init__(self, _client: Any, _account: Any, _threads: int) -> None:
        self.threads = 1
        self.rests = False

    def claim(self, _limit: int) -> Claimed[int]:
        is_due = not self.rests and UnfedEvent.objects.exists()
        self.rests = False
        return Claimed([CHUNK] if is_due else [])

    def call(self, count: int) -> int:
        return count

    def record(self, counts: Sequence[int]) -> None:
        self.rests = take_up(sum(counts)) < CHUNK


def count_unfed() -> int:
    return UnfedEvent.objects.count()


def oldest_unfed() -> datetime | None:
    """When the first of those that are not taken up yet happened."""
    first = UnfedEvent.objects.order_by("event_id").values("event_id")[:1]
    return PayoutEvent.objects.filter(pk__in=first).values_list("at", flat=True).first()


BACKLOG = Backlog(
    title=_("Events not in the clients’ feed yet"),
    trouble=_("The clients’ feed is behind."),
    count=count_unfed,
    oldest=oldest_unfed,
)


def feed() -> Feed:
    found, _is_new = Feed.objects.get_or_create(pk=1)
    return found


def renew_epoch() -> None:
    """Begin anew after a restore: whoever goes on from a cursor of before is told to read all."""
    with transaction.atomic():
        locked_feed()
        Feed.objects.filter(pk=1).update(epoch=uuid4())


def end_epoch(_actor: Actor) -> int:
    renew_epoch()
    return 1


AFTER_RESTORE = Ending("epoch", _("Renew the epoch of the clients' feed"), end_epoch)


def locked_feed() -> Feed:
    """Return the feed, which grows no more until this transaction ends."""
    found, _is_new = Feed.objects.select_for_update().get_or_create(pk=1)
    return found


def take_up(limit: int = CHUNK) -> int:
    """Number what changed by the next `limit` events; return how many events those were."""
    with transaction.atomic():
        ours = locked_feed()
        # In a statement after the one that locks: what the last holder took is gone from it.
        unfed = list(UnfedEvent.objects.order_by("event_id")[:limit])
        payouts = list(dict.fromkeys(each.payout_id for each in unfed))
        news = [made for made in map(news_of, states_of(payouts)) if made is not None]
        for number, made in enumerate(news, ours.last_number + 1):
            made.number = number
        FeedEvent.objects.bulk_create(news)
        if news and plan(news):
            wakeups.wake("deliver")
        Feed.objects.filter(pk=1).update(last_number=ours.last_number + len(news))
        UnfedEvent.objects.filter(pk__in=[each.pk for each in unfed]).delete()
    return len(unfed)


@dataclass(frozen=True)
class State:
    """A payout as it stands, and what the feed said of it last."""

    payout: Payout
    differs: bool
    said: str


def states_of(payouts: Sequence[UUID]) -> list[State]:
    rows = with_differs(Payout.objects.filter(pk__in=payouts))
    rows = rows.only(*COLUMNS)  # a whole payout takes three times as long to be made
    tries = Attempt.objects.only("payout_id", "generation", "taken_for", "txid")
    found = {row.pk: row for row in rows.prefetch_related(Prefetch("attempts", tries))}
    before = FeedEvent.objects.filter(payout__in=payouts).order_by("number")
    said = dict(before.values_list("payout_id", "status"))
    return [State(found[pk], found[pk].differs, said.get(pk, "")) for pk in payouts]


def news_of(state: State) -> FeedEvent | None:
    payout = state.payout
    code = code_for_client(payout, differs=state.differs)
    if STATUSES[code] == state.said:
        return None
    data: NewsShape = {
        "payout": str(payout.pk),
        "number": str(payout),
        "status": str(STATUSES[code]),
        "code": str(code),
        "currency": payout.currency,
        "amount": format_amount(payout.amount),
        "reference": payout.reference,
        "txid": txid_for_client(payout, code) or None,
    }
    return FeedEvent(
        client_id=payout.client_id,
        payout=payout,
        status=STATUSES[code],
        code=code,
        at=clock.now(),
        data=json.dumps(data),
    )


# Reading it


class NewsShape(TypedDict):
    """What a payout has become for its client."""

    payout: IdText
    number: str
    status: Annotated[str, Says(enum=ClientStatus.values)]
    code: Annotated[str, Says(**known(ClientCode.values))]
    currency: str
    amount: AmountText
    reference: str
    txid: str | None


class EventShape(TypedDict):
    """A payout stands elsewhere for its client."""

    id: Annotated[str, Says("Opaque, and never used twice.")]
    type: EventType
    client: Annotated[str, Says("Whose payout it is, by the external id.")]
    at: Instant
    data: NewsShape


class FeedShape(TypedDict):
    """What changed, the oldest first."""

    results: list[EventShape]
    next: Annotated[str, Says("The cursor to go on from, as `after`.")]
    has_more: Annotated[bool, Says("Whether to go on at once.")]


def page(after: str | None, size: int, client: Client | None) -> FeedShape:
    """Return what came after a cursor, of one client or of all, and the cursor to go on from.

    Raises Refused for what is no cursor, and for one of another epoch.
    """
    ours = feed()
    start = read_cursor(after, ours) if after else 0
    rows = FeedEvent.objects.filter(number__gt=start).order_by("number")
    if client is not None:
        rows = rows.filter(client=client)
    found = list(rows.select_related("client")[: size + 1])
    shown = found[:size]
    # Nothing of this client up to the end: go on from there, and not through all of it again.
    end = shown[-1].number if shown else max(start, ours.last_number)
    return {
        "results": [shape(each, ours) for each in shown],
        "next": write_cursor(end, ours),
        "has_more": len(found) > size,
    }


def shape(event: FeedEvent, ours: Feed) -> EventShape:
    return {
        "id": id_of(event.number, ours),
        "type": type_of(event.status),
        "client": event.client.external_id,
        "at": stamp(event.at),
        "data": json.loads(event.data),
    }


def id_of(number: int, ours: Feed) -> str:
    return f"evt_{ours.epoch.hex[:12]}_{number}"


def number_of(event_id: str, ours: Feed) -> int | None:
    """Return the number of an event, unless it is of another epoch or none."""
    number = event_id.rpartition("_")[2]
    is_id = NUMBER.fullmatch(number) and id_of(int(number), ours) == event_id
    return int(number) if is_id else None


def write_cursor(number: int, ours: Feed) -> str:
    return urlsafe_b64encode(f"{ours.epoch.hex}:{number}".encode()).decode().rstrip("=")


def read_cursor(text: str, ours: Feed) -> int:
    try:
        padded = text + "=" * (-len(text) % 4)
        epoch, _colon, number = urlsafe_b64decode(padded.encode()).decode().partition(":")
        if not NUMBER.fullmatch(number):
            raise ValueError(number)
        is_ours, place = UUID(epoch) == ours.epoch, int(number)
    except (ValueError, binascii.Error) as exc:
        raise Refused(PortalCode.CURSOR) from exc
    if not is_ours or place > ours.last_number:
        raise Refused(PortalCode.FEED_RENEWED)
    return place
