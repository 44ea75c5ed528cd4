"""What is stored, read with SQL of our own, and what is raised when it breaks a promise."""

from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection

from payouts.models import PayoutStatus


class Broken(BaseException):
    """A promise was broken. No `except Exception` on the way may hide it."""


class Row(NamedTuple):
    """A payout as it is stored."""

    id: object
    number: int
    status: str
    last_event: int
    generation: int
    waiting_for: str
    due_at: object
    client: int
    wallet: int
    currency: str
    amount: object
    network: str
    address: str
    memo: str
    pay_from: object

    @property
    def terms(self) -> tuple[object, ...]:
        """What an approval is for."""
        return self[7:]

    @property
    def place(self) -> tuple[datetime, int] | None:
        """Where it stands in the line of what is to be sent."""
        is_in_line = self.status == PayoutStatus.APPROVED and self.due_at is not None
        return (as_time(self.due_at), self.number) if is_in_line else None


class Try(NamedTuple):
    """An attempt as it is stored."""

    payout: object
    generation: int
    order_id: str
    body: str
    uuid: str | None
    was_released: bool
    is_watched: bool
    calls: int
    lease_until: datetime | None
    is_linked: bool  # a payout made by hand, taken over

    @property
    def asked_by(self) -> str:
        """By what Heleket is asked about it."""
        return (self.uuid or "") if self.is_linked else self.order_id


class Event(NamedTuple):
    id: int
    payout: object
    number: int
    event_type: str
    before: str
    after: str
    person: int | None
    code: str  # of its reason


def as_time(stored: object) -> datetime:
    """SQLite keeps times as text."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return at.replace(tzinfo=UTC)


def rows(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchall()
    if connection.vendor == "sqlite":
        return found
    # PostgreSQL's driver gives views of what is binary, and a view cannot be kept for later.
    return [tuple(bytes(x) if isinstance(x, memoryview) else x for x in row) for row in found]
