"""Ratios of things measured in turn, so that a machine that slows down for a minute slows all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

NOISE = 0.1  # a goal missed by less says nothing

Round = Mapping[str, float]


@dataclass(frozen=True)
class Figure:
    """One claim: what was measured against what, once per round, and the bound it should keep."""

    what: str
    against: str
    ratios: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return median(self.ratios)

    @property
    def verdict(self) -> str:
        if self.goal == "":
            return "for comparison"
        if not self.misses_by(0):
            return "holds"
        return "missed" if self.misses_by(NOISE) else "within noise"

    def misses_by(self, share: float) -> bool:
        too_low = self.at_least is not None and self.median < self.at_least * (1 - share)
        too_high = self.at_most is not None and self.median > self.at_most * (1 + share)
        return too_low or too_high

    @property
    def goal(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "median": self.median, "verdict": self.verdict}


def in_turn(contenders: Mapping[str, Callable[[], float]], rounds: int) -> list[Round]:
    """Measure each contender once a round, one after the other."""
    measured = []
    for number in range(1, rounds + 1):
        measured.append({name: measure() for name, measure in contenders.items()})
        told = ", ".join(f"{name} {value:.4g}" for name, value in measured[-1].items())
        print(f"  round {number}: {told}", flush=True)
    return measured


def ratios(rounds: Sequence[Round], what: str, against: str) -> list[float]:
    return [each[what] / each[against] for each in rounds]


def table(figures: Sequence[Figure]) -> Table:
    shown = Table()
    for title in ("what", "against"):
        shown.add_column(title)
    for title in ("median", "range", "goal"):
        shown.add_column(title, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for figure in figures:
        span = f"{min(figure.ratios):.2f}-{max(figure.ratios):.2f}"
        middle = f"{figure.median:.2f}"
        shown.add_row(figure.what, figure.against, middle, span, figure.goal, figure.verdict)
    return shown
