import shutil
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import heleket
from audit import verifying
from payouts import documents
from payouts.books import closing
from payouts.books.signing import Signer
from payouts.management import base
from payouts.models import ClosedMonth
from payouts.staff import command_line
from payouts.staff.command_line import FINDINGS, refusals_as_errors, write_json


def a_new_file(text: str) -> Path:
    path = Path(text)
    if path.exists() or not path.parent.is_dir():
        raise ArgumentTypeError("must be a new file in a folder that is there")
    return path


class Command(BaseCommand):
    help = (
        "Close a month that two people have agreed to close on its page, and write its signed "
        "file; the worker does the same by itself. Of a month that is closed already, hand out the "
        "file. Exit code: 0 closed, 1 error and nothing was closed, 2 something is open or found."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "month", type=base.a_month, nargs="?", metavar="MONTH", help="like 2026-10"
        )
        parser.add_argument(
            "--file", type=a_new_file, metavar="PATH", help="copy the month's file there as well"
        )
        parser.add_argument(
            "--verify", action="store_true", help="look through all records first, as verify_audit"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what keeps it open, and close nothing"
        )
        parser.add_argument(
            "--fingerprint", action="store_true", help="show that of the key which signs, and end"
        )
        command_line.add_report_options(parser)

    def handle(
        self, *, month: date | None, fingerprint: bool, dry_run: bool, verify: bool, **options: Any
    ) -> None:
        self.as_json = options["format"] == "json"
        if fingerprint:
            with refusals_as_errors():
                self.stdout.write(Signer().fingerprint)
            return
        if month is None:
            raise CommandError("Name a month, like 2026-10.")
        closed = ClosedMonth.objects.filter(month=month).first()
        if closed is None:
            self.look(month, verify=verify)
            if dry_run:
                self.stdout.write("Nothing keeps it open. This was a dry run: nothing was closed.")
                return
            closed = self.close(month)
        self.report(closed, options["file"])

    def look(self, month: date, *, verify: bool) -> None:
        """End the command if something keeps the month open."""
        state = closing.state_of(month)
        found = state.reasons
        if verify:
            found += [f"{each.where}: {each.sentence}" for each in verifying.findings()]
        if found:
            self.write_found(found)
            sys.exit(FINDINGS)

    def close(self, month: date) -> ClosedMonth:
        try:
            with base.signed_in() as (client, account):
                return closing.close(month, client=client, account=account, show=self.show)
        except heleket.HeleketError as exc:
            raise CommandError(f"{exc} Nothing was closed.") from exc

    def show(self, text: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(text)

    def write_found(self, found: Iterable[str]) -> None:
        if self.as_json:
            write_json(self.stdout, {"closed": False, "open": list(found)})
            return
        for each in found:
            self.stdout.write(each)
        self.stdout.write("Nothing was closed.")

    def report(self, closed: ClosedMonth, path: Path | None) -> None:
        if path:
            with (
                refusals_as_errors(),
                documents.open_large(closed.sha256) as file,
                path.open("xb") as copy,
            ):
                shutil.copyfileobj(file, copy)
        facts = {"month": str(closed), "root": closed.root, "sha256": closed.sha256}
        if self.as_json:
            write_json(self.stdout, {"closed": True, **facts})
        else:
            self.stdout.write(f"{closed} is closed. Root {closed.root}, SHA-256 {closed.sha256}.")
