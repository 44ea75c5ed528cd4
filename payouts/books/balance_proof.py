"""The balance proof: opening + other movements + refunds − debits = closing, by coin.

Opening and closing are balances that Heleket said while nothing of the coin was under way: of each
day the first such one, so that what ends a day begins the next, and nothing lies between. A day
without any joins the one before. What is left over nobody has entered: it is to be explained.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Min
from django.db.models.functions import TruncDate

from heleket.answers import HELEKET_TIME
from payouts.books import ours
from payouts.books.models import BalanceReading, Movement
from payouts.books.ours import ZERO, DayOfOurs, Key, Refund
from payouts.books.readings import is_before
from payouts.days import DAY, begins_at, day_of, ends_at, span
from payouts.models.journal import ClosedMonth
from wallets.amounts import Total

# So many days without a balance are bridged, and so long a refund may have been there before we
# heard of it: what is stopped is asked about once a day.
BRIDGED = 35 * DAY
HEARD_WITHIN = timedelta(days=1)


@dataclass
class Period:
    """What a coin's balance did from one reading to another, and what is known to have moved it.

    `days` are those that it stands for. Without `closing` the last of them has not ended, or
    Heleket has said nothing since; then `latest` is the last that it said.
    """

    currency: str
    days: Sequence[date]
    opening: BalanceReading
    closing: BalanceReading | None
    latest: BalanceReading
    debits: Decimal = ZERO
    refunds: Decimal = ZERO
    unpriced: int = 0
    moved: dict[str, Decimal] = field(default_factory=dict)  # by category, what left is negative

    @property
    def last_day(self) -> date:
        return self.days[-1]

    @property
    def movements(self) -> Decimal:
        return sum(self.moved.values(), ZERO)

    @property
    def moved_in_words(self) -> list[tuple[str, Decimal]]:
        names = dict(Movement.Category.choices)
        return [(str(names[each]), amount) for each, amount in sorted(self.moved.items())]

    @property
    def less_debits(self) -> Decimal:
        return -self.debits

    @property
    def expected(self) -> Decimal:
        return self.opening.amount + self.movements + self.refunds - self.debits

    @property
    def rest(self) -> Decimal:
        """What nobody has entered: negative if more has left than is known."""
        return self.latest.amount - self.expected

    @property
    def is_closed(self) -> bool:
        return self.closing is not None

    @property
    def agrees(self) -> bool:
        return self.is_closed and not self.unpriced and not self.rest

    @property
    def is_still(self) -> bool:
        """Whether nothing moved it, as far as anybody knows."""
        known = self.debits or self.refunds or self.moved or self.unpriced
        return not (known or self.rest)


@dataclass(frozen=True)
class Balances:
    """The periods of all coins that stand for days of a span, and lately before it."""

    periods: Sequence[Period]

    def of_day(self, day: date) -> list[Period]:
        return [each for each in self.periods if each.days[0] <= day <= each.last_day]


def of_span(first: date, last: date) -> Balances:
    """Return the periods of these days: few statements, however many days and coins."""
    begin, end = begins_at(first - BRIDGED), ends_at(last + BRIDGED)
    refunds = ours.refunds(begin, end)
    readings = first_of_each_day(begin, end, refunds)
    periods = list(make_periods(readings, latest_readings(readings), last))
    if shown := [each for each in periods if each.last_day >= first]:
        fill_in(shown, refunds)
    return Balances(periods)


def first_of_each_day(
    begin: datetime, end: datetime, refunds: Iterable[Refund]
) -> dict[str, list[BalanceReading]]:
    """Return of each coin the first clear reading of each day that has one."""
    clear = BalanceReading.objects.filter(is_clear=True, at__gte=begin, at__lt=end)
    firsts = (
        clear.annotate(day=TruncDate("at", tzinfo=HELEKET_TIME))
        .order_by()
        .values("currency", "day")
        .annotate(first=Min("at"))
    )
    moments = {(row["currency"], row["first"]) for row in firsts}
    rows = clear.filter(at__in={at for _coin, at in moments}).order_by("at")
    found = [each for each in rows if (each.currency, each.at) in moments]
    in_doubt, fixed = doubts(refunds), closed_with()
    readings: dict[str, list[BalanceReading]] = defaultdict(list)
    for each in found:
        is_to_be_taken = each.pk in fixed or is_sure(each, in_doubt)
        if sure := each if is_to_be_taken else next_sure(each, in_doubt):
            readings[each.currency].append(sure)
    return readings


def closed_with() -> set[int]:
    """Return the readings with which closed months have ended: the next ones begin with these,
    whatever is heard later."""
    facts = ClosedMonth.objects.values_list("facts", flat=True)
    return {pk for each in facts for pk in each.get("closing", {}).values()}


def doubts(refunds: Iterable[Refund]) -> dict[str, list[tuple[datetime, datetime]]]:
    """Return of each coin the spans in which a refund may have been there, or not yet."""
    spans: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for each in refunds:
        since = max(each.made_at, each.heard_at - HEARD_WITHIN)
        spans[each.currency].append((since, each.heard_at))
    return spans


def is_sure(reading: BalanceReading, in_doubt: dict[str, list[tuple[datetime, datetime]]]) -> bool:
    spans = in_doubt.get(reading.currency, ())
    return not any(since <= reading.at < until for since, until in spans)


def next_sure(
    reading: BalanceReading, in_doubt: dict[str, list[tuple[datetime, datetime]]]
) -> BalanceReading | None:
    """Return the first reading later that day that no refund is in doubt at."""
    later = BalanceReading.objects.filter(
        currency=reading.currency,
        is_clear=True,
        at__gt=reading.at,
        at__lt=ends_at(day_of(reading.at)),
    )
    return next((each for each in later.order_by("at") if is_sure(each, in_doubt)), None)


def latest_readings(readings: dict[str, list[BalanceReading]]) -> dict[str, BalanceReading]:
    """Return the last clear reading of each coin at all: of a day that has not ended."""
    if not readings:
        return {}
    since = min(each[-1].at for each in readings.values())
    clear = BalanceReading.objects.filter(is_clear=True, at__gte=since).order_by("at")
    return {each.currency: each for each in clear}


def make_periods(
    readings: dict[str, list[BalanceReading]],
    latest: dict[str, BalanceReading],
    last: date,
) -> Iterable[Period]:
    for coin, found in sorted(readings.items()):
        for opening, closing in zip(found, [*found[1:], None], strict=True):
            begin = day_of(opening.at)
            end = day_of(closing.at) - DAY if closing else day_of(latest[coin].at)
            if begin <= last:
                days = list(span(begin, end))
                yield Period(coin, days, opening, closing, closing or latest[coin])


def fill_in(periods: Sequence[Period], refunds: Iterable[Refund]) -> None:
    """Add up what is known to have moved each balance: four statements."""
    first = min(each.days[0] for each in periods)
    last = max(each.last_day for each in periods)
    known = ours.by_day(first, last)
    edges: dict[str, list[tuple[datetime, Decimal]]] = defaultdict(list)
    for coin, at, amount in ours.debits_within(edges_of(periods)):
        edges[coin].append((at, amount))
    moved = movements_by_day(first, last)
    for period in periods:
        coin, since, until = period.currency, period.opening.at, period.latest.at
        for day in period.days:
            of_day = known.get((day, coin), DayOfOurs())
            period.debits += of_day.debits
            period.unpriced += of_day.unpriced
            for category, amount in moved.get((day, coin), {}).items():
                period.moved[category] = period.moved.get(category, ZERO) + amount
        for at, amount in edges[coin]:
            period.debits += amount * correction(period, at)
        for each in refunds:
            is_later = since < each.heard_at or is_before(since) <= each.made_at
            if each.currency == coin and is_later and each.heard_at <= until:
                period.refunds += each.amount


def correction(period: Period, at: datetime) -> int:
    """Return how often a debit of this moment counts beside the sum of the period's days."""
    is_counted = period.days[0] <= day_of(at) <= period.last_day
    is_within = is_before(period.opening.at) <= at < is_before(period.latest.at)
    return is_within - is_counted


def edges_of(periods: Iterable[Period]) -> list[tuple[datetime, datetime]]:
    """Return where days and periods differ: from midnight to a day's first reading, and what
    follows the last one of a day that has not ended."""
    until: dict[date, datetime] = {}
    for each in periods:
        for reading in filter(None, [each.opening, each.closing]):
            day = day_of(reading.at)
            until[day] = max(until.get(day, reading.at), reading.at)
    spans = [(is_before(begins_at(day)), at) for day, at in until.items()]
    if unfinished := [each for each in periods if not each.closing]:
        since = min(each.latest.at for each in unfinished)
        spans.append((is_before(since), ends_at(max(each.last_day for each in unfinished))))
    return spans


def movements_by_day(first: date, last: date) -> dict[Key, dict[str, Decimal]]:
    """Return what was entered of each day and coin by category; what left is negative."""
    rows = (
        Movement.objects.filter(day__gte=first, day__lte=last)
        .order_by()
        .values("day", "currency", "category", "direction")
        .annotate(total=Total("amount"))
    )
    moved: dict[Key, dict[str, Decimal]] = defaultdict(dict)
    for row in rows:
        of_day, total = moved[row["day"], row["currency"]], row["total"]
        signed = total if row["direction"] == Movement.Direction.IN else -total
        of_day[row["category"]] = of_day.get(row["category"], ZERO) + signed
    return moved
