"""What each payout counts towards limits, by where it stands: kept up with every change of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from payouts.controls import limits
from payouts.controls.rates import price
from payouts.models import Effective, Payout, PayoutStatus

COLUMNS = (
    "status",
    "effective",
    "effective_amount",
    "effective_currency",
    "effective_at",
    "finished_at",
    "reference_rate",
)
UNDER_WAY = (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)
Row = Mapping[str, Any]  # a payout's columns by name


def counted(row: Row) -> tuple[datetime, Decimal] | None:
    """Return in which hour a payout counts, and with how much; None if nothing of it left."""
    if row["reference_rate"] is None:
        return None
    worth = price(row["amount"], row["reference_rate"])
    if row["effective"] in (Effective.PAID, Effective.ELSEWHERE):
        if row["effective_currency"] in ("", row["currency"]):
            worth = price(row["effective_amount"], row["reference_rate"])
        return limits.hour_of(row["effective_at"]), worth
    if row["effective"] == Effective.NOT_PAID:
        return None
    if row["status"] in UNDER_WAY:
        return limits.UNDER_WAY, worth
    if row["status"] == PayoutStatus.CONFIRMED:
        return limits.hour_of(row["finished_at"]), worth
    return None


def places(row: Row) -> dict[tuple[str, datetime], Decimal]:
    """Return what a payout adds to which sums."""
    if (found := counted(row)) is None:
        return {}
    hour, worth = found
    keys = [limits.DESK, limits.coin(row["currency"]), limits.client(row["client_id"])]
    return {(key, hour): worth for key in keys}


def book(changes: Iterable[tuple[Row, Row]]) -> None:
    """Keep the sums equal to what payouts count, given their columns before and after."""
    moved: dict[tuple[str, datetime], Decimal] = defaultdict(Decimal)
    for before, after in changes:
        if all(before[name] == after[name] for name in COLUMNS):
            continue
        for place, amount in places(before).items():
            moved[place] -= amount
        for place, amount in places(after).items():
            moved[place] += amount
    limits.book(moved)


def recount() -> dict[tuple[str, datetime], Decimal]:
    """Return what the sums must be, counted anew from all payouts."""
    total: dict[tuple[str, datetime], Decimal] = defaultdict(Decimal)
    names = [*COLUMNS, "amount", "currency", "client_id"]
    for row in Payout.objects.exclude(reference_rate=None).values(*names).iterator():
        for place, amount in places(row).items():
            total[place] += amount
    return {place: amount for place, amount in total.items() if amount}
