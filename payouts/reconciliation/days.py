"""What Heleket's list says of a whole day, kept by coin."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Self

from django.db import transaction

from audit import clock
from payouts.days import begins_at, day_of, ends_at
from payouts.models import FINAL_FAILURES
from payouts.reconciliation.listing import Span
from payouts.reconciliation.models import DaySum, ListedDay
from wallets.amounts import UNIT

SETTLED = timedelta(minutes=1)  # after a day, in which clocks and their list may lag
PAID, OPEN, FAILED = "paid", "open", "failed"


@dataclass
class Sums:
    """Counts and sums of one day, by coin and by what became of it."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    amounts: defaultdict[tuple[str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )

    def add(self, currency: str, status: str, *, is_final: bool, amount: Decimal) -> None:
        key = (currency, group_of(status, is_final=is_final))
        self.counts[key] += 1
        self.amounts[key] += amount

    def add_all(self, others: "Sums") -> None:
        self.counts += others.counts
        for key, amount in others.amounts.items():
            self.amounts[key] += amount

    def as_json(self) -> list[tuple[str, str, int, str]]:
        return [(*key, count, str(self.amounts[key])) for key, count in self.counts.items()]

    @classmethod
    def of_json(cls, rows: Iterable[Sequence[Any]]) -> Self:
        sums = cls()
        for currency, group, count, amount in rows:
            sums.counts[currency, group] = count
            sums.amounts[currency, group] = Decimal(amount)
        return sums

    def rows(self, day: ListedDay) -> list[DaySum]:
        found: dict[str, DaySum] = {}
        for (currency, group), count in sorted(self.counts.items()):
            row = found.setdefault(currency, DaySum(day=day, currency=currency))
            setattr(row, f"{group}_count", count)
            setattr(row, f"{group}_sum", self.amounts[currency, group].quantize(UNIT))
        return list(found.values())


def group_of(status: str, *, is_final: bool) -> str:
    if not is_final:
        return OPEN
    return {PAID: PAID, **dict.fromkeys(FINAL_FAILURES, FAILED)}.get(status, OPEN)


class Days:
    """Days of which windows are still to be read; each is kept once all of it is read."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.left = Counter(day_of(span.first) for span in spans)
        first = {day: begins_at(day) for day in self.left}
        begins = {span.first for span in spans}
        self.cut_short = {day for day, at in first.items() if at not in begins}
        self.sums: defaultdict[date, Sums] = defaultdict(Sums)

    def take(self, span: Span, sums: Sums, *, is_whole: bool) -> bool:
        """Add what a window came to; return whether its day is read now, from its beginning on."""
        day = day_of(span.first)
        self.left[day] -= 1
        self.sums[day].add_all(sums)
        if not is_whole:
            self.cut_short.add(day)
        return not self.left[day] and day not in self.cut_short

    def keep(self, span: Span) -> None:
        """Store the day that ends with this window."""
        day = day_of(span.first)
        keep(day, self.sums.pop(day))


def keep(day: date, sums: Sums) -> None:
    """Store what the list said of a day that was read from its beginning to this moment, or to its
    end."""
    now = clock.now()
    is_over = now >= ends_at(day) + SETTLED
    with transaction.atomic():
        row, _is_new = ListedDay.objects.select_for_update().update_or_create(
            day=day, defaults={"read_at": now, "is_whole": is_over}
        )
        row.sums.all().delete()
        DaySum.objects.bulk_create(sums.rows(row))
