"""What packages have before them, so that the pages say how far behind each is.

Those of the floors above register theirs, as they do their jobs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise

from audit import clock

LATE = timedelta(minutes=1)


@dataclass(frozen=True)
class Backlog:
    """How many wait, since when the first of them does, and what it is if that is long ago:
    nothing, if it is no trouble of the worker's."""

    title: str | Promise
    trouble: str | Promise
    count: Callable[[], int]
    oldest: Callable[[], datetime | None]

    def late_since(self) -> datetime | None:
        at = self.oldest()
        return at if at and clock.now() - at > LATE else None


REGISTERED: list[Backlog] = []


def register(*backlogs: Backlog) -> None:
    """Have the pages show these. For `AppConfig.ready` of the package that owns them."""
    REGISTERED.extend(backlogs)
