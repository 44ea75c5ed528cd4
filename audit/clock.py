"""The one clock of money decisions: the database's on PostgreSQL, and replaceable in tests.

Several hosts share one queue, so leases and due times go by the clock of the database that they
share. A host measures its distance from that clock and counts on by itself for a few seconds; steps
of its own wall clock do not matter.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from django.db import connection

RESYNC_SECONDS = 5.0
# Only Linux has CLOCK_BOOTTIME. The CLOCK_MONOTONIC of macOS goes on while the machine sleeps, too.
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_measured: tuple[float, datetime] | None = None


def monotonic() -> float:
    """Seconds that never step back and go on while the machine sleeps."""
    return time.clock_gettime(STEADY)


def database_now() -> datetime:
    global _measured
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    if _measured is None or monotonic() - _measured[0] > RESYNC_SECONDS:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            _measured = (monotonic(), cursor.fetchone()[0])
    at, measured = _measured
    return measured + timedelta(seconds=monotonic() - at)


_clock: Callable[[], datetime] = database_now


_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def now() -> datetime:
    return _moment.get() or _clock()


@contextmanager
def one_moment() -> Iterator[datetime]:
    """Let everything inside happen at the same time, as one transaction does."""
    token = _moment.set(now())
    try:
        yield now()
    finally:
        _moment.reset(token)


@contextmanager
def replaced(clock: Callable[[], datetime]) -> Iterator[None]:
    """Take the time from `clock`; for tests and for the history that the demo makes up."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
