"""Ratios of things measured in turn, so that a machine that slows down for a minute slows all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
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
    def span(self) -> str:
        least, most = min(self.ratios), max(self.ratios)
        return "" if least == most else f"{number(least)}-{number(most)}"

    @property
    def margin(self) -> float:
        """How many times better than its goal the median is; of a figure that has one."""
        return self.better_than_goal(self.median)

    @property
    def margins(self) -> list[float]:
        return [self.better_than_goal(ratio) for ratio in self.ratios]

    def better_than_goal(self, ratio: float) -> float:
        if self.at_least is not None:
            return ratio / self.at_least
        return self.at_most / ratio if self.at_most and ratio else 0.0

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
        line = ", ".join(f"{name} {value:.4g}" for name, value in measured[-1].items())
        print(f"  round {number}: {line}", flush=True)
    return measured


def ratios(rounds: Sequence[Round], what: str, against: str) -> list[float]:
    return [each[what] / each[against] for each in rounds]


def p95_of(times: Sequence[float]) -> float:
    """What 19 of 20 take at most."""
    return quantiles(times, n=20, method="inclusive")[-1]


def number(value: float) -> str:
    """Write a ratio or a count with as many digits as say something."""
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def table(figures: Sequence[Figure]) -> Table:
    shown = Table()
    for title in ("what", "against"):
        shown.add_column(title)
    for title in ("median", "range", "goal"):
        shown.add_column(title, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for figure in figures:
        middle = number(figure.median)
        shown.add_row(figure.what, figure.against, middle, figure.span, figure.goal, figure.verdict)
    return shown
