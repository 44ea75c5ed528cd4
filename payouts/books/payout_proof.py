"""The payouts proof: ours = journal = Heleket's list, by Heleket's day and coin, to the last unit.

What is left over is a discrepancy. A day can be proven once Heleket's list of it was read whole
after the day had ended.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import TruncDate

from heleket.answers import HELEKET_TIME
from payouts import foreign
from payouts.books import ours
from payouts.books.ours import ZERO, DayOfOurs, Key, Lot, made_at, made_within
from payouts.days import begins_at, day_of, ends_at
from payouts.effective import telling_try
from payouts.models import FINAL_FAILURES, Attempt, Discrepancy, Payout
from payouts.models.journal import AccountKind, Posting, Side
from payouts.reconciliation.models import DaySum, ListedDay
from wallets.amounts import Total

STANDINGS = ("paid", "open", "failed")


@dataclass
class CoinOfDay:
    """One coin on one day, on all sides. `foreign` are payouts of Heleket's list that are known to
    be none of ours."""

    currency: str
    ours: DayOfOurs = field(default_factory=DayOfOurs)
    theirs: DayOfOurs = field(default_factory=DayOfOurs)
    foreign: DayOfOurs = field(default_factory=DayOfOurs)
    journal: Decimal = ZERO  # what the journal says was sent, without fees
    journal_fees: Decimal = ZERO

    @property
    def rest(self) -> Lot:
        """What the list has beyond ours and what is known to be foreign."""
        return self.theirs.everything - self.ours.everything - self.foreign.everything

    @property
    def rests(self) -> dict[str, Lot]:
        """The same by standing: paid, open and failed."""
        return {
            name: getattr(self.theirs, name)
            - getattr(self.ours, name)
            - getattr(self.foreign, name)
            for name in STANDINGS
        }

    @property
    def journal_rest(self) -> Decimal:
        """What the journal has as sent beyond what of ours Heleket has paid."""
        return self.journal - self.ours.paid.total

    @property
    def fees_rest(self) -> Decimal:
        """What the journal has as fees beyond what Heleket took on top of what it has paid."""
        return ZERO if self.ours.unpriced else self.journal_fees - self.ours.fees

    @property
    def is_open(self) -> bool:
        """Whether one of its payouts has no final word yet."""
        return bool(self.ours.open or self.theirs.open)

    @property
    def differs(self) -> bool:
        return bool(self.journal_rest or self.fees_rest or any(self.rests.values()))

    @property
    def agrees(self) -> bool:
        return not self.differs and not self.is_open


@dataclass
class PayoutsOfDay:
    """A day's payouts by coin; `read_at` is when Heleket's list of it was read whole."""

    day: date
    read_at: datetime | None
    coins: Sequence[CoinOfDay]
    discrepancies: int = 0  # of its payouts, not ended yet

    @property
    def is_provable(self) -> bool:
        return self.read_at is not None and self.read_at >= ends_at(self.day)

    @property
    def agrees(self) -> bool:
        is_sound = all(each.agrees for each in self.coins)
        return self.is_provable and is_sound and not self.discrepancies


def of_span(
    first: date, last: date, known: Mapping[Key, DayOfOurs] | None = None
) -> dict[date, PayoutsOfDay]:
    """Return the proof of each day of which anything is known: few statements for any span."""
    known = ours.by_day(first, last) if known is None else known
    listed = {each.day: each for each in ListedDay.objects.filter(day__gte=first, day__lte=last)}
    coins: dict[date, dict[str, CoinOfDay]] = defaultdict(dict)

    def of(day: date, currency: str) -> CoinOfDay:
        return coins[day].setdefault(currency, CoinOfDay(currency))

    for (day, currency), of_day in known.items():
        of(day, currency).ours = of_day
    for said in DaySum.objects.filter(day__in=listed):
        lots = {
            name: Lot(getattr(said, f"{name}_count"), getattr(said, f"{name}_sum"))
            for name in STANDINGS
        }
        of(said.day_id, said.currency).theirs = DayOfOurs(
            lots["paid"], lots["open"], lots["failed"]
        )
    for day, currency, kind, amount in journal_between(first, last):
        if kind == AccountKind.SENT:
            of(day, currency).journal += amount
        else:
            of(day, currency).journal -= amount
            of(day, currency).journal_fees += amount
    for found in without_ours(foreign_between(first, last)):
        add_foreign(of(foreign_day(found), str(found.theirs["currency"])).foreign, found)
    standing = standing_by_day(first, last)
    days = sorted(coins.keys() | listed.keys() | standing.keys())
    return {
        day: PayoutsOfDay(
            day,
            listed[day].read_at if day in listed and listed[day].is_whole else None,
            [each for _name, each in sorted(coins[day].items())],
            standing.get(day, 0),
        )
        for day in days
    }


def journal_between(first: date, last: date) -> Iterator[tuple[date, str, str, Decimal]]:
    """Yield what the journal says was sent, and the fees in it, by coin and by the day on which
    Heleket made the payout: an entry may know another day, as it is written before the list is
    read."""
    begin, end = begins_at(first), ends_at(last)
    of_try = "entry__payout__attempts__"
    present = Posting.objects.filter(
        made_within(begin, end, of_try),
        entry__payout__attempts__generation=F("entry__payout__generation"),
        entry__payout__attempts__uuid__isnull=False,
        entry__payout__effective="",
    ).annotate(day=TruncDate(made_at(of_try), tzinfo=HELEKET_TIME))
    yield from totals(present, "day")
    judged = Attempt.objects.filter(made_within(begin, end)).exclude(payout__effective="")
    payouts = Payout.objects.filter(pk__in=judged.values("payout"))
    tries: dict[Any, list[Attempt]] = defaultdict(list)
    for each in Attempt.objects.filter(payout__in=payouts).annotate(made_at=made_at()):
        tries[each.payout_id].append(each)
    days = {
        payout.pk: day_of(found.made_at)  # type: ignore[attr-defined]  # annotated
        for payout in payouts
        if (found := telling_try(payout, tries[payout.pk]))
    }
    of_judged = Posting.objects.filter(entry__payout__in=payouts)
    for pk, currency, kind, amount in totals(of_judged, "entry__payout"):
        if pk in days and first <= days[pk] <= last:
            yield days[pk], currency, kind, amount


def totals(postings: QuerySet[Posting], by: str) -> Iterator[tuple[Any, str, str, Decimal]]:
    sent = postings.filter(kind__in=[AccountKind.SENT, AccountKind.FEES]).order_by()
    rows = sent.values_list(by, "currency", "kind", "side").annotate(Total("amount"))
    for key, currency, kind, side, amount in rows:
        grows = Side.CREDIT if kind == AccountKind.SENT else Side.DEBIT
        yield key, currency, kind, amount if side == grows else -amount


# What explains a rest


def of_days(first: date, last: date) -> QuerySet[Discrepancy]:
    """Return discrepancies about payouts that Heleket made on these days."""
    made = Attempt.objects.filter(made_within(begins_at(first), ends_at(last)))
    return Discrepancy.objects.filter(attempt__in=made)


def foreign_between(first: date, last: date) -> list[Discrepancy]:
    """Return what Heleket made on these days that is none of ours: open, or explained."""
    found = Discrepancy.objects.filter(kind=Discrepancy.Kind.FOREIGN)
    not_ours = found.exclude(outcome=Discrepancy.Outcome.LINKED)
    opened = not_ours.filter(opened_at__gte=begins_at(first)).order_by("pk")
    newest: dict[str, Discrepancy] = {each.key: each for each in opened}
    return [
        each
        for each in newest.values()
        if first <= foreign_day(each) <= last and amount_of(each) is not None
    ]


def without_ours(found: Sequence[Discrepancy]) -> list[Discrepancy]:
    """Leave out what people have found since to be a try of ours: it counts there."""
    keys = [each.key for each in found]
    ours_by_now = set(Attempt.objects.filter(uuid__in=keys).values_list("uuid", flat=True))
    return [each for each in found if each.key not in ours_by_now]


def foreign_day(found: Discrepancy) -> date:
    """Return Heleket's day of it; that on which it was found, if Heleket did not say more."""
    return day_of(foreign.created_there(found) or found.first_seen_at)


def amount_of(found: Discrepancy) -> Decimal | None:
    return foreign.amount_in(found.theirs) if found.theirs.get("currency") else None


def add_foreign(lots: DayOfOurs, found: Discrepancy) -> None:
    status, amount = found.theirs.get("status"), amount_of(found)
    is_final = bool(found.theirs.get("is_final"))
    name = "open"
    if is_final and status == "paid":
        name = "paid"
    elif is_final and status in FINAL_FAILURES:
        name = "failed"
    getattr(lots, name).add(1, amount or ZERO)


def standing_by_day(first: date, last: date) -> dict[date, int]:
    """Count the discrepancies of these days that nobody has ended."""
    counts: dict[date, int] = defaultdict(int)
    attempts = Discrepancy.objects.standing().values("attempt")
    made = Attempt.objects.filter(made_within(begins_at(first), ends_at(last)), pk__in=attempts)
    for at in made.annotate(made_at=made_at()).values_list("made_at", flat=True):
        counts[day_of(at)] += 1
    for found in foreign_between(first, last):
        counts[foreign_day(found)] += found.is_standing
    return {day: count for day, count in counts.items() if count}


def discrepancies_of(day: date) -> list[Discrepancy]:
    """Return what explains a rest of this day, ended or not, those first that nobody has ended."""
    found = of_days(day, day).select_related("payout", "owner")
    of_nobody = foreign_between(day, day)
    return sorted([*found, *of_nobody], key=lambda each: (not each.is_standing, each.pk))
