"""What many runs came to, in a sentence and on a page."""

import platform
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks import stage
from tests.sim.swarm import ALL, OF_LISTS

if TYPE_CHECKING:
    from tests.sim.run import Report


class Totals:
    def __init__(self, engine: str, seeds: range, steps: int) -> None:
        self.engine, self.seeds, self.steps, self.commit = engine, seeds, steps, stage.commit()
        self.runs, self.steps_taken, self.seconds, self.cpu = 0, 0, 0.0, 0.0
        self.faults: Counter[str] = Counter()
        self.acts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.broken: list[Report] = []

    def add(self, report: "Report") -> None:
        self.runs += 1
        self.steps_taken += report.steps
        self.cpu += report.seconds
        self.faults.update(report.faults.keys())
        self.acts += report.acts
        self.reasons += report.reasons
        self.refusals += report.refusals
        if report.broken:
            self.broken.append(report)

    @property
    def sentence(self) -> str:
        return (
            f"{self.runs} seeds of {self.steps} steps in {self.seconds:.0f} s, "
            f"{self.acts['claim']} claims and {self.acts['repeat']} repeats among "
            f"{self.acts.total()} acts: {len(self.broken)} broke a promise"
        )

    def page(self) -> str:
        broken = "".join(f"- seed {each.seed}: {each.broken}\n" for each in self.broken)
        return PAGE.format(
            sentence=self.sentence,
            commit=self.commit,
            day=datetime.now(UTC).strftime("%d %B %Y"),
            python=platform.python_version(),
            engine=ENGINES[self.engine],
            first=self.seeds.start,
            last=self.seeds.stop - 1,
            steps=self.steps,
            minutes=self.seconds / 60,
            broken=broken or "None.\n",
            faults=table(self.faults, [*ALL, *OF_LISTS]),
            acts=table(self.acts, sorted(self.acts)),
            reasons=table(self.reasons, sorted(self.reasons)),
            refusals=table(self.refusals, sorted(self.refusals)),
        )


def table(counts: Counter[str], names: list[str]) -> str:
    return "\n".join(f"| `{name}` | {counts[name]:,} |" for name in names)


ENGINES = {"sqlite": "SQLite in memory", "postgres": "PostgreSQL"}

PAGE = """\
# Simulation: the last long run

Written by `make sim`. How it works: [faults.md](faults.md#the-simulation).

**{sentence}.**

| what | |
|---|---|
| commit | {commit} |
| day | {day} |
| seeds | {first} to {last}, {steps} steps each before the calm |
| time | {minutes:.0f} min on the machine, Python {python}, {engine} |

## Broken promises
{broken}
## Faults, and in how many seeds each was on
| fault | seeds |
|---|--:|
{faults}

## Acts that were written down as events
| act | events |
|---|--:|
{acts}

## Why payouts waited or went back, by code
| code | events |
|---|--:|
{reasons}

## What people were refused, by code
| code | times |
|---|--:|
{refusals}
"""
