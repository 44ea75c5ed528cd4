"""Matching the entries of a window with our tries, and naming what has to be asked about."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

import heleket
from payouts.gateway import history
from payouts.gateway.history import is_before
from payouts.gateway.models import Binding
from payouts.reconciliation.comparing import (
    Ours,
    agrees,
    at_heleket,
    known_by,
    known_within,
    readable,
)
from payouts.reconciliation.days import Sums
from payouts.reconciliation.listing import OVERLAP, Span

TOGETHER = 1000  # entries that are looked up at once
PLACED_TOGETHER = 300
TOO_MUCH = Decimal(10) ** 14  # of any coin; sums of a day are counted far beyond
LONGEST_COIN = 20

PLACE = """
UPDATE payouts_attempt SET created_there_at = listed.column2
FROM (VALUES {}) AS listed WHERE id = listed.column1 AND created_there_at IS NULL
"""


@dataclass(frozen=True)
class Suspect:
    """What Heleket has to be asked about: a try of ours that its list has otherwise, or lacks, or
    an entry of the list that is no try of ours."""

    attempt_id: int | None
    entry: dict[str, Any] | None

    @property
    def uuid(self) -> str:
        return str(self.entry["uuid"]) if self.entry else ""

    @property
    def listed(self) -> heleket.RemotePayout | None:
        return readable(self.entry) if self.entry else None


@dataclass(frozen=True)
class Baseline:
    """What counts as there before the desk: what was read of it, and all of before the binding
    while that is still being read."""

    before: datetime | None

    @classmethod
    def load(cls) -> "Baseline":
        bound = Binding.objects.first()
        is_read = bound is None or bound.history_before is None
        return cls(None if is_read or bound is None else bound.bound_at)

    def of(self, found: dict[str, tuple[Any, datetime | None]]) -> set[str]:
        kept = history.in_baseline(list(found))
        if self.before is None:
            return kept
        return kept | {
            uuid for uuid, (_entry, at) in found.items() if at and is_before(at, self.before)
        }


@dataclass
class Matching:
    """One window's entries against our tries. Each entry counts once, in the window to which its
    time of creation belongs; the others of its neighbours' are passed over."""

    span: Span
    merchant_id: str
    baseline: Baseline
    may_write: bool
    rows: int = 0
    odd: list[str] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    suspects: list[Suspect] = field(default_factory=list)
    placed: set[int] = field(default_factory=set)
    waiting: list[tuple[dict[str, Any], datetime | None]] = field(default_factory=list)
    ours: dict[str, Ours] | None = None

    def add(self, entries: list[Any]) -> None:
        first, end = self.span.first, self.span.end
        for entry in entries:
            if not is_entry(entry):
                self.odd.append("Heleket's list has an entry without a usable id")
                continue
            at = at_heleket(entry)
            if at and first <= at < end:
                self.waiting.append((entry, at))
            elif at is None or not first - OVERLAP <= at <= end + OVERLAP:
                self.odd.append(f"{entry['uuid']} is on no day of those asked for: {at}")
                self.waiting.append((entry, at))
        if len(self.waiting) >= TOGETHER:
            self.match()

    def match(self) -> None:
        if self.ours is None:
            self.ours = known_within(self.span, self.merchant_id)
        others: dict[str, tuple[dict[str, Any], datetime | None]] = {}
        for entry, at in self.waiting:
            if ours := self.ours.pop(entry["uuid"], None):
                self.compare(entry, at, ours)
            else:
                others[entry["uuid"]] = (entry, at)
        self.rows += len(self.waiting)
        self.waiting = []
        if others:
            self.match_others(others)

    def match_others(self, others: dict[str, tuple[dict[str, Any], datetime | None]]) -> None:
        known, to_place = known_by(list(others)), []
        for uuid, ours in known.items():
            entry, at = others.pop(uuid)
            self.compare(entry, at, ours)
            if ours.created_there_at is None and at:
                to_place.append((ours.attempt_id, at))
        self.place(to_place)
        baseline = self.baseline.of(others) if others else set()
        for uuid, (entry, at) in others.items():
            if uuid in baseline:
                continue
            if remote := readable(entry):
                self.count(entry, at, remote.amount, remote.currency)
                self.suspects.append(Suspect(None, entry))
            else:
                self.odd.append(f"{uuid} cannot be read")

    def compare(self, entry: dict[str, Any], at: datetime | None, ours: Ours) -> None:
        if agrees(entry, ours):
            self.count(entry, at, ours.amount, ours.currency)
        elif remote := readable(entry):
            self.count(entry, at, remote.amount, remote.currency)
            self.suspects.append(Suspect(ours.attempt_id, entry))
        else:
            self.odd.append(f"{ours.uuid} cannot be read")

    def count(
        self, entry: dict[str, Any], at: datetime | None, amount: Decimal | None, coin: str | None
    ) -> None:
        if not at or at not in self.span:
            return
        if not 0 <= (amount or 0) < TOO_MUCH or len(coin or "") > LONGEST_COIN:
            self.odd.append(f"{entry['uuid']} has a sum that cannot be counted")
        else:
            self.sums.add(
                (coin or "").upper(),
                entry["status"],
                is_final=entry.get("is_final") is True,
                amount=amount or Decimal(0),
            )

    def place(self, times: list[tuple[int, datetime]]) -> None:
        """Keep when Heleket made these, as its list says: books go by it."""
        self.placed.update(attempt_id for attempt_id, _at in times)
        for start in range(0, len(times) if self.may_write else 0, PLACED_TOGETHER):
            place(times[start : start + PLACED_TOGETHER])

    def end(self, *, is_whole: bool) -> None:
        """Match what is left, and name what the window lacks if it was read to its end."""
        self.match()
        if is_whole and self.ours:
            self.suspects += [Suspect(each.attempt_id, None) for each in self.ours.values()]
        self.ours = {}


def is_entry(entry: Any) -> bool:
    uuid = entry.get("uuid") if isinstance(entry, dict) else None
    is_usable = isinstance(uuid, str) and uuid.isascii() and uuid.isprintable()
    return bool(uuid) and is_usable


def place(times: list[tuple[int, datetime]]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    values = [value for attempt_id, at in times for value in (attempt_id, adapt(at))]
    rows = ", ".join(["(%s, %s)"] * len(times))
    with connection.cursor() as cursor:
        cursor.execute(PLACE.format(rows), values)
