import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit import verifying
from audit.verifying import Check, Finding
from payouts.staff.command_line import (
    FINDINGS,
    add_report_options,
    progress_bar,
    write_json,
)


class Command(BaseCommand):
    help = (
        "Look through all that is sealed: the chains of events, what they lead to, approvals "
        "with their statements, outcomes, acts by two people, the closed months and their files, "
        "and the triggers that keep all of it. Changes nothing and keeps nobody from working. "
        "Exit code: 0 all is as it was written, 1 error, 2 something is not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument(
            "--only",
            nargs="+",
            choices=sorted(verifying.REGISTERED),
            metavar="CHECK",
            help="make these checks alone: " + ", ".join(sorted(verifying.REGISTERED)),
        )
        add_report_options(parser)

    def handle(self, *, only: Sequence[str] | None, **options: Any) -> None:
        findings = verifying.findings(only or (), with_bar)
        if options["format"] == "json":
            rows = [vars(each) for each in findings]
            write_json(
                self.stdout, {"checks": only or list(verifying.REGISTERED), "findings": rows}
            )
        else:
            for each in findings:
                self.stdout.write(f"{each.where}: {each.sentence} ({each.code})")
            self.stdout.write(in_total(findings))
        if findings:
            sys.exit(FINDINGS)


def with_bar(check: Check) -> AbstractContextManager[Callable[..., None]]:
    return progress_bar(check.name, check.count())


def in_total(findings: Sequence[Finding]) -> str:
    if not findings:
        return "All is as it was written."
    return f"{len(findings)} found that are not as they were written."
