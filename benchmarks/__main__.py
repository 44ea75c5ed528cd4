"""Measure the desk against floors and rivals, and print ratios. `make bench` runs all of it, and
writes the figures into docs/."""

import argparse
import importlib
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import figures, stage
from benchmarks.publish import publish

RESULTS = Path(__file__).parent / "results"
NAMES = (
    *("simulation", "approvals", "webhooks", "cpu"),
    *("submissions", "controls", "scale_out", "recovery", "reconciling", "books"),
    *("admin_list", "api"),  # last, as a million payouts take long to be made
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--only", choices=NAMES, action="append", metavar="|".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="2 rounds: to see that it works")
    parser.add_argument("--publish", action="store_true", help="write all figures into docs/")
    options = parser.parse_args()
    if options.publish and (options.only or options.quick):
        parser.error("only the figures of a whole run are published")
    rounds = 2 if options.quick else options.rounds
    measured: list[figures.Figure] = []
    with stage.database():
        machine = {
            "commit": stage.commit(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpus": os.cpu_count(),
            "load": os.getloadavg(),
            "python": platform.python_version(),
            "postgres": stage.describe_server(),
            "rounds": rounds,
        }
        print(json.dumps(machine))
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{machine['at'].replace(':', '')}.json"
        for name in options.only or NAMES:
            print(f"{name}:", flush=True)
            stage.empty()
            measured += importlib.import_module(f"benchmarks.{name}").run(rounds)
            report = {**machine, "figures": [figure.as_json() for figure in measured]}
            path.write_text(json.dumps(report, indent=2))  # a later one may fail
    Console(width=110).print(figures.table(measured))
    print(path)
    if options.publish:
        publish(measured, machine)


if __name__ == "__main__":
    main()
