"""A balance that fell by more than our payouts took: it looks like a transfer out, so it alarms.

That never stops payouts by itself. Each is found once, between two clear readings, and stands until
somebody has entered what it was, or it turns out to be a payout.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from audit import clock
from audit.actor import Actor, Channel
from audit.events import log_event
from audit.models import DeskEvent
from payouts.backlogs import Backlog
from payouts.books import ours
from payouts.books.models import BalanceReading, Fall, Movement
from payouts.books.ours import ZERO, Key
from payouts.books.readings import is_before
from payouts.days import DAY, day_of
from wallets.amounts import Total, format_amount

logger = logging.getLogger(__name__)

LOOKS_BACK = 2 * DAY  # for a reading to compare with: one is kept a day at least
STANDS_FOR = 100 * DAY  # months are closed by then, with every line explained
WORKER = Actor.system(Channel.WORKER)


def look(kept: Sequence[BalanceReading]) -> list[Fall]:
    """Compare each new clear reading with the one before, and alarm about what has left besides.

    In the transaction that keeps the readings.
    """
    clear = [each for each in kept if each.is_clear]
    before = readings_before(clear)
    found = []
    for reading in clear:
        previous = before.get(reading.currency)
        if previous and reading.amount < previous.amount:
            fall = Fall(
                reading=reading,
                currency=reading.currency,
                before=previous.amount,
                since=previous.at,
                day=day_of(previous.at),
                found_at=clock.now(),
            )
            if is_unknown(fall):
                alarm(fall)
                found.append(fall)
    return found


def readings_before(clear: Sequence[BalanceReading]) -> dict[str, BalanceReading]:
    """Return the last clear reading of each coin before these, which are of one moment."""
    if not clear:
        return {}
    at = clear[0].at
    lately = BalanceReading.objects.filter(is_clear=True, at__lt=at, at__gt=at - LOOKS_BACK)
    coins = lately.filter(currency__in=[each.currency for each in clear])
    return {each.currency: each for each in coins.order_by("at")}


def is_unknown(fall: Fall) -> bool:
    """Whether more has left than payouts and what was entered before anybody saw it."""
    earlier = Fall.objects.filter(day=fall.day, currency=fall.currency).select_related("reading")
    return any(each.fall is fall for each in standing_of([*earlier, fall]))


def alarm(fall: Fall) -> None:
    fall.save(force_insert=True)
    [beyond] = beyond_payouts([fall])
    facts = {
        "coin": fall.currency,
        "amount": format_amount(beyond.amount),
        "before": format_amount(fall.before),
        "after": format_amount(fall.reading.amount),
        "since": fall.since,
        "at": fall.reading.at,
    }
    log_event(DeskEvent.Type.BALANCE_FELL, actor=WORKER, **facts)
    logger.critical("a balance fell by more than was paid: %s", facts)


# What stands


@dataclass(frozen=True)
class Beyond:
    """By how much a balance fell beyond what payouts took."""

    fall: Fall
    amount: Decimal

    @property
    def key(self) -> Key:
        return self.fall.day, self.fall.currency


def standing() -> list[Beyond]:
    """Return what nobody has explained yet, the oldest first: three statements."""
    since = day_of(clock.now()) - STANDS_FOR
    found = Fall.objects.filter(day__gte=since).select_related("reading")
    return standing_of(list(found.order_by("pk")))


def standing_of(falls: Sequence[Fall]) -> list[Beyond]:
    """Return which of these, all of their days and coins, are not covered by what was entered.

    What was entered of a day explains the earliest of its falls first.
    """
    if not falls:
        return []
    gone = entered_as_gone(falls)
    stands = []
    for each in beyond_payouts(falls):
        covered = min(gone[each.key], each.amount)
        gone[each.key] -= covered
        if covered < each.amount:
            stands.append(each)
    return stands


def beyond_payouts(falls: Iterable[Fall]) -> list[Beyond]:
    """Return by how much each fell beyond payouts, also those of which we learned later."""
    falls = list(falls)
    spans = [(is_before(each.since), is_before(each.reading.at)) for each in falls]
    debits = ours.debits_within(spans)
    found = []
    for each, (begin, end) in zip(falls, spans, strict=True):
        paid = sum(
            (amount for coin, at, amount in debits if coin == each.currency and begin <= at < end),
            ZERO,
        )
        amount = each.before - each.reading.amount - paid
        if amount > 0:
            found.append(Beyond(each, amount))
    return found


def entered_as_gone(falls: Iterable[Fall]) -> dict[Key, Decimal]:
    """Return what was entered as having left on the days of these, less what was taken back."""
    gone: dict[Key, Decimal] = defaultdict(Decimal)
    rows = Movement.objects.filter(day__in={each.day for each in falls})
    is_taken_back = {"takes_back": None, "taken_back_by": None}
    left = rows.filter(direction=Movement.Direction.OUT, **is_taken_back)
    sums = left.order_by().values_list("day", "currency").annotate(Total("amount"))
    for day, currency, total in sums:
        gone[day, currency] = total
    return gone


def count() -> int:
    return len(standing())


def oldest() -> datetime | None:
    return min((each.fall.found_at for each in standing()), default=None)


BACKLOG = Backlog(
    title=_("Balances that fell by more than was paid"),
    trouble="",  # people explain it
    count=count,
    oldest=oldest,
)
