"""The months that are closed, and which part of the desk's records each of them has."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.apps import apps


@dataclass(frozen=True)
class Closed:
    """A closed month: its `cut` names, for each table, the ids after which it begins and with which
    it ends."""

    month: date
    cut: dict[str, list[int]]
    root: str
    sha256: str


def closed_months() -> list[Closed]:
    """Return them in order."""
    rows: Any = apps.get_model("payouts", "ClosedMonth")
    found = rows.objects.order_by("month").values_list("month", "cut", "root", "sha256")
    return [Closed(*each) for each in found]
