"""What the desk knows of its payouts at Heleket, by Heleket's day: in few statements for any span.

A payout belongs to the day on which Heleket made it. Only Heleket's list says when that was; until
it is read, that is when we made the call which Heleket took. A payout that was edited after a try
of it had failed says what is to be sent now: what was sent then stands in the bytes of that try.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, DateTimeField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate

from heleket.answers import HELEKET_TIME
from payouts.days import begins_at, day_of, ends_at
from payouts.effective import terms
from payouts.models import FINAL_FAILURES, Attempt, Effective
from wallets.amounts import Total

ZERO = Decimal(0)
IS_PAID = Q(is_final=True, remote_status="paid")
HAS_FAILED = Q(is_final=True, remote_status__in=FINAL_FAILURES)
IS_PRICED = Q(merchant_amount__isnull=False)
# What the columns of its payout say of it: neither an earlier try, nor one that people judged.
IS_PLAIN = Q(generation=F("payout__generation"), taken_for__isnull=True)
STANDS = {"paid": IS_PAID, "failed": HAS_FAILED, "open": ~IS_PAID & ~HAS_FAILED}
Key = tuple[date, str]


@dataclass
class Lot:
    """So many payouts, and what they come to."""

    count: int = 0
    total: Decimal = ZERO

    def add(self, count: int, total: Decimal) -> None:
        self.count, self.total = self.count + count, self.total + total

    def __sub__(self, other: "Lot") -> "Lot":
        return Lot(self.count - other.count, self.total - other.total)

    def __bool__(self) -> bool:
        return bool(self.count or self.total)


@dataclass
class DayOfOurs:
    """What the desk has of one coin and day; `debits` are what Heleket took for it, fees included,
    as far as Heleket has said that of all but `unpriced`."""

    paid: Lot = field(default_factory=Lot)
    open: Lot = field(default_factory=Lot)
    failed: Lot = field(default_factory=Lot)
    debits: Decimal = ZERO
    fees: Decimal = ZERO  # of what was paid
    unpriced: int = 0

    @property
    def everything(self) -> Lot:
        lots = [self.paid, self.open, self.failed]
        return Lot(sum(each.count for each in lots), sum((each.total for each in lots), ZERO))


def made_within(begin: datetime, end: datetime, of_try: str = "") -> Q:
    """Match tries that Heleket made in a span, as far as we know. `of_try` leads to them."""
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    unknown = Q(**{f"{of_try}created_there_at": None})
    not_called = unknown & Q(**{f"{of_try}lease_until": None})
    return (
        within(f"{of_try}created_there_at", begin, end)
        | unknown & within(f"{of_try}lease_until", begin + lease, end + lease)
        | not_called & within(f"{of_try}created_at", begin, end)
    )


def within(column: str, begin: datetime, end: datetime) -> Q:
    return Q(**{f"{column}__gte": begin, f"{column}__lt": end})


def made_at(of_try: str = "") -> Coalesce:
    """When Heleket made a try, as far as we know: what `made_within` goes by."""
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    called_at = ExpressionWrapper(F(f"{of_try}lease_until") - lease, output_field=DateTimeField())
    return Coalesce(f"{of_try}created_there_at", called_at, f"{of_try}created_at")


def made_between(begin: datetime, end: datetime) -> QuerySet[Attempt]:
    """Return what Heleket has of ours, made in this span, with its moment as `made_at`."""
    made = Attempt.objects.filter(made_within(begin, end)).exclude(uuid=None)
    return made.annotate(made_at=made_at())


def by_day(first: date, last: date) -> dict[Key, DayOfOurs]:
    """Return what the desk has of each day and coin: two statements."""
    made = made_between(begins_at(first), ends_at(last))
    found: dict[Key, DayOfOurs] = defaultdict(DayOfOurs)
    rows: Iterable[Any] = (
        made.filter(IS_PLAIN)
        .annotate(day=TruncDate("made_at", tzinfo=HELEKET_TIME))
        .order_by()
        .values("day", "payout__currency")
        .annotate(
            debits=Total("merchant_amount"),
            of_paid=Total("merchant_amount", filter=IS_PAID & IS_PRICED),
            paid_priced=Total("payout__amount", filter=IS_PAID & IS_PRICED),
            unpriced=Count("pk", filter=~HAS_FAILED & ~IS_PRICED),
            **{f"{name}_count": Count("pk", filter=which) for name, which in STANDS.items()},
            **{
                f"{name}_total": Total("payout__amount", filter=which)
                for name, which in STANDS.items()
            },
        )
    )
    for row in rows:
        of_day = found[row["day"], row["payout__currency"]]
        of_day.debits += row["debits"]
        of_day.fees += row["of_paid"] - row["paid_priced"]
        of_day.unpriced += row["unpriced"]
        for name in STANDS:
            getattr(of_day, name).add(row[f"{name}_count"], row[f"{name}_total"])
    for each in made.exclude(IS_PLAIN).order_by("pk"):
        add_by_its_terms(found, each)
    return dict(found)


def add_by_its_terms(found: dict[Key, DayOfOurs], attempt: Attempt) -> None:
    """Add an earlier try, or one of which people found what became of it."""
    amount, currency = terms(attempt)
    of_day = found[day_of(attempt.made_at), currency]  # type: ignore[attr-defined]
    debit, name = attempt.merchant_amount, standing(attempt)
    of_day.debits += debit or ZERO
    of_day.unpriced += debit is None and not attempt.has_failed
    if name == "paid" and debit is not None:
        of_day.fees += debit - amount
    getattr(of_day, name).add(1, amount)


def standing(attempt: Attempt) -> str:
    if attempt.taken_for:
        return "failed" if came_back(attempt) else "paid"
    if attempt.has_failed:
        return "failed"
    return "paid" if attempt.is_final and attempt.remote_status == "paid" else "open"


@dataclass(frozen=True)
class Refund:
    """What came back, when Heleket had made it, and when we heard of its end. In between nobody
    knows whether a balance held it already."""

    currency: str
    amount: Decimal
    made_at: datetime
    heard_at: datetime


def refunds(begin: datetime, end: datetime) -> list[Refund]:
    """Return what came back of payouts made in a span: final failures, and what people found not
    to be paid in spite of Heleket's word."""
    made = made_between(begin, end).filter(HAS_FAILED | Q(taken_for__isnull=False))
    return [
        Refund(
            terms(each)[1],
            each.merchant_amount or ZERO,
            each.made_at,  # type: ignore[attr-defined]  # annotated
            heard_at,
        )
        for each in made.select_related("payout").order_by("pk")
        if came_back(each) and (heard_at := heard_of(each))
    ]


def came_back(attempt: Attempt) -> bool:
    if attempt.taken_for:
        return bool(attempt.taken_for["effective"] == Effective.NOT_PAID)
    return attempt.has_failed


def heard_of(attempt: Attempt) -> datetime | None:
    payout = attempt.payout
    if attempt.taken_for:
        return payout.effective_at
    is_current = attempt.generation == payout.generation
    return (payout.finished_at if is_current else None) or attempt.clear_at


def debits_within(
    spans: Iterable[tuple[datetime, datetime]],
) -> list[tuple[str, datetime, Decimal]]:
    """Return coin, moment and debit of each payout that Heleket made in one of these spans."""
    within = Q(pk=None)
    for begin, end in spans:
        within |= made_within(begin, end)
    made = Attempt.objects.filter(within).exclude(uuid=None).annotate(made_at=made_at())
    rows = made.only("body", "taken_for", "merchant_amount")
    return [
        (terms(each)[1], each.made_at, each.merchant_amount or ZERO)  # type: ignore[attr-defined]
        for each in rows
    ]
