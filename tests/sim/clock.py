"""The time of a run. It passes when the scheduler says so; nobody sleeps."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Clock:
    """True time, which Heleket lives by, and the desk's clock, which may jump away from it."""

    def __init__(self) -> None:
        self.true = START
        self.ahead = self.least = self.most = timedelta()

    def jump(self, ahead: timedelta) -> None:
        self.ahead = ahead
        self.least, self.most = min(self.least, ahead), max(self.most, ahead)

    @property
    def swing(self) -> timedelta:
        """How much more than the true time may have passed by the desk's clock."""
        return self.most - self.least

    def now(self) -> datetime:
        return self.true + self.ahead

    def heleket(self) -> datetime:
        return self.true

    def monotonic(self) -> float:
        return (self.true - START).total_seconds()

    def forward(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)
