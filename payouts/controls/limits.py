"""Limits on what leaves in a window of time: per payout, client, coin, and for the whole desk.

Sums are kept by the hour and written in the transaction that moves a payout, under one lock. What
is under way counts whatever its age, what is paid from the hour of its confirmation until the whole
hour is out of the window. Amounts are in the reference currency.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Q

from audit import clock
from audit.database import advisory_lock
from audit.refusals import Refusal
from payouts.controls.codes import ControlsCode
from payouts.controls.documents import WINDOWS, Limit, LimitOf
from payouts.controls.models import Spent
from wallets.amounts import Total, money

UNDER_WAY = datetime(1970, 1, 1, tzinfo=UTC)  # the hour of what has no final word yet
HOUR = timedelta(hours=1)
LIMITS_LOCK = 0x6C696D6974  # "limit"
DESK = "desk"
COIN, CLIENT = "coin ", "client "  # what the other keys begin with

Sums = Mapping[tuple[str, datetime], Decimal]  # by key and hour
Usage = dict[tuple[str, int], Decimal]  # by key and window


def coin(currency: str) -> str:
    return f"{COIN}{currency}"


def client(client_id: int) -> str:
    return f"{CLIENT}{client_id}"


def hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Spender:
    """One payout as limits see it."""

    client_id: int
    external_id: str
    currency: str
    amount: Decimal

    def key_for(self, limit: Limit) -> str:
        """Return whose sum a limit compares, or nothing if it does not speak of this payout."""
        if limit.of == LimitOf.DESK:
            return DESK
        if limit.of == LimitOf.CURRENCY:
            return coin(self.currency) if limit.only in ("", self.currency) else ""
        return client(self.client_id) if limit.of == LimitOf.CLIENT else ""


def lock() -> None:
    """Keep others from reading and writing sums until this transaction ends.

    Lock order: after the payouts and whatever else is locked. Sums are read in a statement that
    follows, or those of a transaction that ended meanwhile would be missed.
    """
    advisory_lock(LIMITS_LOCK)


def book(changes: Mapping[tuple[str, datetime], Decimal]) -> None:
    """Add to the sums of keys and hours: what is less than nothing is taken off."""
    wanted = {place: amount for place, amount in changes.items() if amount}
    if not wanted:
        return
    lock()
    keys, hours = {key for key, _hour in wanted}, {hour for _key, hour in wanted}
    stored = Spent.objects.filter(of__in=keys, hour__in=hours)
    known = {(row.of, row.hour): row.amount for row in stored}
    Spent.objects.bulk_create(
        [
            Spent(of=key, hour=hour, amount=known.get((key, hour), Decimal(0)) + amount)
            for (key, hour), amount in sorted(wanted.items())
        ],
        update_conflicts=True,
        unique_fields=["of", "hour"],
        update_fields=["amount"],
    )


def used(keys: Collection[str], windows: Iterable[int]) -> Usage:
    """Return what counts for each key in each window of hours: one statement."""
    now, wanted = clock.now(), sorted(set(windows))
    if not keys or not wanted:
        return {}
    sums = [Total("amount", filter=counting(hours, now)) for hours in wanted]
    rows = Spent.objects.filter(of__in=keys).order_by().values("of")
    named = {f"in_{hours}": total for hours, total in zip(wanted, sums, strict=True)}
    found = {
        (key, hours): total
        for key, *totals in rows.annotate(**named).values_list("of", *named)
        for hours, total in zip(wanted, totals, strict=True)
    }
    return {(key, hours): found.get((key, hours), Decimal(0)) for key in keys for hours in wanted}


def counting(hours: int, now: datetime) -> Q:
    return Q(hour=UNDER_WAY) | Q(hour__gt=now - timedelta(hours=hours + 1))


def in_force_for(limits: Sequence[Limit], external_id: str) -> list[Limit]:
    """Leave out the limits for all clients where this one has its own with the same window."""
    own = {each.hours for each in limits if each.of == LimitOf.CLIENT and each.only == external_id}
    return [
        each
        for each in limits
        if each.of != LimitOf.CLIENT
        or each.only == external_id
        or (not each.only and each.hours not in own)
    ]


class Headroom:
    """What the limits leave to a claim. Made after `lock`; what is taken counts for the next."""

    def __init__(self, limits: Sequence[Limit], spenders: Sequence[Spender]) -> None:
        self.limits = limits
        keys = {each.key_for(limit) for limit in limits for each in spenders} - {""}
        self.used = used(keys, {limit.hours for limit in limits if limit.hours})

    def refusal(self, spender: Spender) -> Refusal | None:
        """Return why it has to wait, or take its amount."""
        if refusal := next(self.refusals(spender), None):
            return refusal
        for place in {place for _limit, place in self.places(spender)}:
            self.used[place] += spender.amount
        return None

    def refusals(self, spender: Spender) -> Iterator[Refusal]:
        """Yield why it has to wait, for each limit that it would pass."""
        for limit in in_force_for(self.limits, spender.external_id):
            if limit.of == LimitOf.PAYOUT and spender.amount > limit.at_most:
                yield refusal_of_limit(limit, ControlsCode.ABOVE_LIMIT)
        for limit, place in self.places(spender):
            if spender.amount > limit.at_most:
                yield refusal_of_limit(limit, ControlsCode.ABOVE_LIMIT)
            elif self.used[place] + spender.amount > limit.at_most:
                yield refusal_of_limit(limit, ControlsCode.LIMIT_REACHED)

    def places(self, spender: Spender) -> list[tuple[Limit, tuple[str, int]]]:
        """Return the limits with a window that speak of it, each with the sum that it compares."""
        found = in_force_for(self.limits, spender.external_id)
        keyed = [(limit, spender.key_for(limit)) for limit in found]
        return [(limit, (key, limit.hours)) for limit, key in keyed if key]


def refusal_of_limit(limit: Limit, code: ControlsCode) -> Refusal:
    return Refusal(code, words=in_words(limit))


def in_words(limit: Limit) -> str:
    """Say what a limit is, as in “one coin (USDT), 24 hours: 5,000 USD”."""
    name = str(limit.of.label)
    if limit.only:
        name = f"{name} ({limit.only})"
    if limit.hours:
        name = f"{name}, {WINDOWS[limit.hours]}"
    return f"{name}: {money(limit.at_most, settings.REFERENCE_CURRENCY)}"


# A client's own


@dataclass(frozen=True)
class OwnLimit:
    """A limit as its client sees it."""

    hours: int
    at_most: Decimal
    used: Decimal
    frees_at: datetime | None  # when something of it is free again, if nothing else is paid

    @property
    def left(self) -> Decimal:
        return max(self.at_most - self.used, Decimal(0))

    @property
    def percent(self) -> int:
        return percent(self.used, self.at_most)


def percent(used: Decimal, at_most: Decimal) -> int:
    """Return the share of a limit that is used: above 100, once it was lowered."""
    return int(used * 100 / at_most) if at_most else 100


def own_limits(
    limits: Sequence[Limit], client_id: int, external_id: str, waiting: Decimal
) -> list[OwnLimit]:
    """Return the limits of one client, shortest window first; `waiting` is what was asked for and
    has not left yet. Read that before, as what leaves meanwhile then counts twice and not never."""
    own = [each for each in in_force_for(limits, external_id) if each.of == LimitOf.CLIENT]
    key, now = client(client_id), clock.now()
    usage = used([key], {each.hours for each in own})
    hours = Spent.objects.filter(of=key, amount__gt=0).exclude(hour=UNDER_WAY).order_by("hour")
    stored = list(hours.values_list("hour", flat=True))
    found = []
    for limit in sorted(own, key=lambda each: (each.hours, each.at_most)):
        span = timedelta(hours=limit.hours + 1)
        frees_at = next((hour + span for hour in stored if hour + span > now), None)
        total = usage[key, limit.hours] + waiting
        found.append(OwnLimit(limit.hours, limit.at_most, total, frees_at))
    return found


def lock_client(client_id: int) -> None:
    """Let requests of one client go one after the other until this transaction ends."""
    advisory_lock(LIMITS_LOCK & 0x7FFFFFFF, client_id)
