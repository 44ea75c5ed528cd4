"""The time of a desk whose days are made up."""

from datetime import datetime, timedelta


class Clock:
    """A clock that only the story moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def wait_until(self, at: datetime) -> None:
        self.now = max(self.now, at)
