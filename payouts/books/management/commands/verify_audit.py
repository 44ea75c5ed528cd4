import logging
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext as _

from audit import verifying
from audit.verifying import Finding
from payouts.staff.command_line import (
    FINDINGS,
    add_report_options,
    progress_bar,
    write_json,
)

logger = logging.getLogger(__name__)


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
        findings = find(only or list(verifying.REGISTERED))
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


def find(names: Sequence[str]) -> list[Finding]:
    """Make these checks, all on one state of the database, with progress on a terminal."""
    findings: list[Finding] = []
    with verifying.snapshot():
        for name in names:
            check = verifying.REGISTERED[name]
            with progress_bar(name, check.count()) as show:
                findings += found_by(check, show)
    return findings


def found_by(check: verifying.Check, show: verifying.Show) -> Iterator[Finding]:
    """What was changed past the desk may be such that a check cannot read it: that is found too,
    and the other checks go on."""
    try:
        yield from check.find(show)
    except DatabaseError:
        raise
    except Exception as exc:
        logger.exception("the check of %s broke off", check.name)
        words = _("This check broke off, as it could not read what is stored: %s") % repr(exc)
        yield Finding("check_broke_off", check.name, words)


def in_total(findings: Sequence[Finding]) -> str:
    if not findings:
        return "All is as it was written."
    return f"{len(findings)} found that are not as they were written."
