"""Heleket's days and months, which are those of the books: by the clock of its list, three hours
ahead of UTC all year."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from audit import clock
from heleket.answers import HELEKET_TIME

DAY = timedelta(days=1)
DAY_TEXT = re.compile("2[0-9]{3}-[01][0-9]-[0-3][0-9]")
MONTH_TEXT = re.compile("2[0-9]{3}-[01][0-9]")


def day_of(at: datetime) -> date:
    return at.astimezone(HELEKET_TIME).date()


def today() -> date:
    return day_of(clock.now())


def begins_at(day: date) -> datetime:
    return datetime.combine(day, time(), HELEKET_TIME)


def ends_at(day: date) -> datetime:
    """Return the first moment that is not of this day any more."""
    return begins_at(day + DAY)


def span(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * DAY


def month_of(day: date) -> date:
    """Return the month of a day by its first day, which is how months are named and stored."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    return month_of(month + 31 * DAY)


def last_day(month: date) -> date:
    return next_month(month) - DAY


def read_day(text: str) -> date | None:
    """Return the day that a text like 2026-10-31 names, or None."""
    try:
        return date.fromisoformat(text) if DAY_TEXT.fullmatch(text) else None
    except ValueError:
        return None


def read_month(text: str) -> date | None:
    """Return the first day of the month that a text like 2026-10 names, or None."""
    return read_day(f"{text}-01") if MONTH_TEXT.fullmatch(text) else None
