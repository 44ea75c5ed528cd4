"""Run the races, the tests with real processes and schemathesis in their heavy form, and those in
which weeks pass on PostgreSQL as well: `make torture`.

The names of HEAVY in the environment change how heavy. What came of it is written
to docs/torture.md, the failures included.
"""

import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import stage

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "torture.md"
HEAVY = {
    "KILLS": "200",
    "SEED": "1",
    "RACE_ROUNDS": "500",
    "CLAIMED_ROWS": "1000",
    "BACKLOG": "100000",
    "FULL_ROWS": "1000000",
    "SCHEMA_EXAMPLES": "300",
}
LONG = [
    *(f"tests/payouts/test_{name}.py" for name in ("doubts", "effective", "sending_faults")),
    "tests/portal/test_schemathesis.py",
]
PLACES = ["tests/payouts/races", "tests/payouts/processes", *LONG]


class Chronicle:
    """The pytest plugin that keeps what each test recorded, and how it ended."""

    def __init__(self):
        self.began, self.failed, self.seconds, self.recorded = time.monotonic(), [], {}, {}

    def pytest_runtest_logreport(self, report):
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)
        if report.when == "call":
            self.seconds[report.nodeid] = report.duration
        if report.when == "teardown":
            self.recorded[report.nodeid] = dict(report.user_properties)

    def each(self, name):
        """Yield the tests that recorded something under this name, with what it was."""
        for test, record in self.recorded.items():
            if name in record:
                yield test, record[name]


def main():
    os.environ.update({name: os.environ.get(name, usual) for name, usual in HEAVY.items()})
    chronicle = Chronicle()
    code = pytest.main(["--engine=postgres", "-v", *PLACES], plugins=[chronicle])
    REPORT.write_text("\n".join(report(chronicle)) + "\n")
    print(f"\n{REPORT.relative_to(ROOT)} is written.")  # noqa: T201
    sys.exit(code)


def report(chronicle):
    yield from ["# Torture", ""]
    yield "Written by `make torture`, never by hand: the races and the tests with real processes in"
    yield "their heavy form. What strikes, and how, is in `tests/payouts/processes/storm.py`."
    yield ""
    minutes = (time.monotonic() - chronicle.began) / 60
    yield from table(
        ["", ""],
        ["commit", stage.commit()],
        ["at", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {minutes:.0f} min"],
        ["machine", machine()],
        ["repeat it with", " ".join(f"{name}={os.environ[name]}" for name in HEAVY)],
        ["tests", f"{len(chronicle.seconds)} run, {len(chronicle.failed)} failed"],
    )
    yield from [f"- failed: `{test}`" for test in chronicle.failed]
    yield from ["", "## Storms over two processes of each engine", ""]
    yield from storms([verdict for _test, verdict in chronicle.each("verdict")])
    yield from ["", "## A backlog after an outage", ""]
    yield from backlogs(chronicle)
    yield from ["", "## Races", ""]
    yield from races(chronicle)


def storms(verdicts):
    yield from table(
        ["", *[each.name for each in verdicts]],
        ["seed", *[each.seed for each in verdicts]],
        ["payouts", *[each.payouts for each in verdicts]],
        ["debits at the gateway", *[each.debits for each in verdicts]],
        ["**paid twice**", *[each.doubled for each in verdicts]],
        ["**not paid**", *[each.unpaid for each in verdicts]],
        ["debits of no payout", *[each.foreign for each in verdicts]],
        ["not confirmed in the end", *[each.unfinished for each in verdicts]],
        ["chains that do not close", *[each.broken for each in verdicts]],
        ["discrepancies", *[each.discrepancies for each in verdicts]],
        ["seconds", *[each.seconds for each in verdicts]],
        *[
            [f"struck: {what}", *[each.struck.get(what, 0) for each in verdicts]]
            for what in sorted({what for each in verdicts for what in each.struck})
        ],
    )


def backlogs(chronicle):
    for _test, each in chronicle.each("drained"):
        yield from table(
            ["", ""],
            ["payouts", f"{each.payouts:,}"],
            ["sent per second", f"{each.payouts / each.seconds:.0f}"],
            ["places that the hastiest went before its turn", each.overtaken],
            ["the Admin's list before, median", f"{each.list_before * 1000:.0f} ms"],
            ["the Admin's list meanwhile, median", f"{each.list_meanwhile * 1000:.0f} ms"],
        )


def races(chronicle):
    """One row for each race; those between two say how often each side won.

    One that looks for a planted bug ends when it has found it.
    """
    wins, rounds = dict(chronicle.each("duel")), dict(chronicle.each("rounds"))
    rows = []
    for test, seconds in chronicle.seconds.items():
        if "/races/" in test:
            won = f"{wins[test][True]} : {wins[test][False]}" if test in wins else ""
            rows.append([f"`{test.rpartition('::')[2]}`", rounds[test], won, f"{seconds:.0f}"])
    yield from table(["race", "rounds", "first : second won", "seconds"], *rows)


def table(head, *rows):
    for row in [head, ["---"] * len(head), *rows]:
        yield f"| {' | '.join(str(cell) for cell in row)} |"


def machine():
    facts = [
        f"{os.cpu_count()} CPUs",
        f"load {os.getloadavg()[2]:.1f}",
        platform.platform(terse=True),
    ]
    return ", ".join([*facts, f"Python {platform.python_version()}"])


if __name__ == "__main__":
    main()
