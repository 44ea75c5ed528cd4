"""Run many seeds of the simulation on all CPUs. One that breaks a promise is shrunk and printed.

python -m tests.sim --seeds 10000 --report docs/simulation.md
python -m tests.sim --seed 17          one run with its whole trace
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from config import environment
from tests.engines import start_postgres
from tests.sim import summary

if TYPE_CHECKING:
    from tests.sim.run import Report

console = Console(soft_wrap=True, highlight=False)


def set_up(engine: str) -> None:
    url = "sqlite://:memory:" if engine == "sqlite" else start_postgres()
    environment.use_made_up_values(DATABASE_URL=url, INSTALLATION="test")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()


def run_and_shrink(seed: int, steps: int) -> "Report":
    from tests.sim import run, shrink

    report = run.run(seed, steps)
    return shrink.shrink(report) if report.broken else report


def run_many(seeds: range, steps: int, jobs: int) -> Iterator["Report"]:
    with Pool(jobs) as pool, Progress(console=console) as progress:
        task = progress.add_task("seeds", total=len(seeds))
        for report in pool.imap_unordered(partial(run_and_shrink, steps=steps), seeds, chunksize=4):
            progress.advance(task)
            if report.broken:
                console.print(str(report), markup=False)
            yield report


def names(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) - {""}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sim",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=150, metavar="N", help="how many (150)")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first one (1)")
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="of each storm (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--engine", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a summary")
    parser.add_argument("--seed", type=int, metavar="SEED", help="run this one and print all of it")
    parser.add_argument("--luck", type=int, default=0, metavar="N", help="another course of it")
    parser.add_argument(
        "--without", type=names, default=frozenset(), metavar="FAULT,…", help="leave these out"
    )
    options = parser.parse_args()
    set_up(options.engine)
    if options.seed is not None:
        from tests.sim.run import run

        report = run(options.seed, options.steps, options.without, options.luck)
        console.print(*report.trace, str(report), sep="\n", markup=False)
        sys.exit(bool(report.broken))
    seeds = range(options.first, options.first + options.seeds)
    totals, started = summary.Totals(options.engine, seeds, options.steps), time.monotonic()
    for report in run_many(seeds, options.steps, options.jobs):
        totals.add(report)
    totals.seconds = time.monotonic() - started
    console.print(totals.sentence, markup=False)
    if options.report:
        options.report.write_text(totals.page())
    sys.exit(bool(totals.broken))


if __name__ == "__main__":
    main()
