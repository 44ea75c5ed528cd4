"""The balances of a coin as a line, with what moved them marked on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from payouts.books.models import BalanceReading, Fall, Movement
from payouts.days import begins_at

WIDTH, HEIGHT, MARGIN = 720, 120, 8
MOST_POINTS = 500


@dataclass(frozen=True)
class Mark:
    x: str
    title: str
    tone: str  # in, out or bad


@dataclass(frozen=True)
class Picture:
    """Points of a line in a box of WIDTH × HEIGHT, written for SVG."""

    points: str
    marks: Sequence[Mark]
    least: Decimal
    most: Decimal
    begin: datetime
    end: datetime
    width: int = WIDTH
    height: int = HEIGHT


def picture_of(
    readings: Sequence[BalanceReading], movements: Sequence[Movement], falls: Sequence[Fall]
) -> Picture | None:
    """Draw readings in the order of their moments; None if there are too few for a line."""
    if len(readings) < 2 or readings[0].at == readings[-1].at:
        return None
    step = -(-len(readings) // MOST_POINTS)
    shown = [*readings[:-1:step], readings[-1]]
    begin, end = shown[0].at, shown[-1].at
    amounts = [each.amount for each in shown]
    least, most = min(amounts), max(amounts)
    height = most - least

    def x(at: datetime) -> str:
        share = (min(max(at, begin), end) - begin) / (end - begin)
        return f"{MARGIN + share * (WIDTH - 2 * MARGIN):.1f}"

    def y(amount: Decimal) -> str:
        share = (amount - least) / height if height else Decimal("0.5")
        return f"{HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN):.1f}"

    points: list[str] = []
    for before, each in zip([None, *shown], shown, strict=False):
        if before:  # a balance stays until it is another
            points.append(f"{x(each.at)},{y(before.amount)}")
        points.append(f"{x(each.at)},{y(each.amount)}")
    marks = [
        Mark(
            x(begins_at(each.day)),
            f"{each.day}: {each}, {each.get_category_display()}",
            each.direction,
        )
        for each in movements
    ]
    marks += [Mark(x(each.reading.at), str(each), "bad") for each in falls]
    return Picture(" ".join(points), marks, least, most, begin, end)
