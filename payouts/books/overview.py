"""How each day of the books stands: agrees, or is open and why. Both proofs for any span of days,
in few statements."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from audit.refusals import Refusal
from payouts.books import balance_proof, ours, payout_proof
from payouts.books.balance_proof import Balances, Period
from payouts.books.codes import BooksCode
from payouts.books.models import BalanceReading
from payouts.books.ours import DayOfOurs, Key
from payouts.books.payout_proof import PayoutsOfDay
from payouts.days import day_of, month_of, next_month, span, today
from payouts.models.journal import ClosedMonth
from wallets.amounts import format_amount


@dataclass(frozen=True)
class Day:
    """One day with both proofs, and why it is open, if it is."""

    day: date
    payouts: PayoutsOfDay
    periods: Sequence[Period]
    why: Sequence[Refusal]
    is_closed: bool  # with its month

    @property
    def agrees(self) -> bool:
        return not self.why

    @property
    def is_over(self) -> bool:
        return self.day < today()


def begins_on() -> date | None:
    """Return the day with which the books begin: that of the first balance that is known."""
    first = BalanceReading.objects.filter(is_clear=True).order_by("at").first()
    return day_of(first.at) if first else None


def last_closed() -> date | None:
    found = ClosedMonth.objects.order_by("-month").values_list("month", flat=True)
    return found.first()


def first_open_month() -> date | None:
    """Return the month that is the next to be closed, or None before the books have begun."""
    if closed := last_closed():
        return next_month(closed)
    begin = begins_on()
    return month_of(begin) if begin else None


def days_of(first: date, last: date) -> list[Day]:
    """Return the days of a span that the books have, up to today, in their order."""
    begin = begins_on()
    if begin is None:
        return []
    first, last = max(first, begin), min(last, today())
    if first > last:
        return []
    known = ours.by_day(first, last)
    payouts = payout_proof.of_span(first, last, known)
    balances = balance_proof.of_span(first, last)
    closed = set(ClosedMonth.objects.values_list("month", flat=True))
    return [
        make_day(
            payouts.get(day) or PayoutsOfDay(day, None, []),
            balances,
            known,
            month_of(day) in closed,
        )
        for day in span(first, last)
    ]


def make_day(
    payouts: PayoutsOfDay, balances: Balances, known: Mapping[Key, DayOfOurs], is_closed: bool
) -> Day:
    day = payouts.day
    periods = balances.of_day(day)
    if day >= today():
        why = [Refusal(BooksCode.DAY_NOT_OVER)]
    else:
        why = [*why_payouts(payouts), *why_balances(day, periods, balances, known)]
    return Day(day, payouts, periods, why, is_closed)


def why_payouts(of_day: PayoutsOfDay) -> Iterator[Refusal]:
    if of_day.discrepancies:
        yield Refusal(BooksCode.DIFFERENCES_STAND, words=of_day.discrepancies)
    if not of_day.is_provable:
        yield Refusal(BooksCode.LIST_NOT_READ)
        return
    if open_ones := [each.currency for each in of_day.coins if each.is_open]:
        yield Refusal(BooksCode.PAYOUTS_UNDER_WAY, words=", ".join(open_ones))
    if differing := [each.currency for each in of_day.coins if each.differs]:
        yield Refusal(BooksCode.PAYOUTS_DIFFER, words=", ".join(differing))


def why_balances(
    day: date, periods: Sequence[Period], balances: Balances, known: Mapping[Key, DayOfOurs]
) -> Iterator[Refusal]:
    unread = unread_coins(day, periods, balances, known)
    if unread or not periods:
        yield Refusal(BooksCode.BALANCE_UNKNOWN, words=", ".join(unread) or _("no coin"))
    if unpriced := [each.currency for each in periods if each.unpriced]:
        yield Refusal(BooksCode.DEBITS_UNKNOWN, words=", ".join(unpriced))
    if rests := [each for each in periods if each.is_closed and not each.unpriced and each.rest]:
        words = ", ".join(f"{with_sign(each.rest)} {each.currency}" for each in rests)
        yield Refusal(BooksCode.TO_BE_EXPLAINED, words=words)


def unread_coins(
    day: date, periods: Sequence[Period], balances: Balances, known: Mapping[Key, DayOfOurs]
) -> list[str]:
    """Return the coins whose balance after this day is not known, though it may have moved."""
    waiting = {each.currency for each in periods if not each.is_closed}
    covered = {each.currency for each in periods}
    gone = {each.currency for each in balances.periods if each.last_day < day} - covered
    gone -= {each.currency for each in balances.periods if each.days[0] > day}
    was_paid = {coin for on, coin in known if on == day} - covered
    left = {
        each.currency
        for each in balances.periods
        if each.currency in gone and each.closing is None and each.latest.amount
    }
    return sorted(waiting | left | was_paid)


def with_sign(amount: Decimal) -> str:
    return ("+" if amount > 0 else "−") + format_amount(abs(amount))
