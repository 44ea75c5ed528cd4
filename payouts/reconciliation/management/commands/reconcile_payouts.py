import sys
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actor import Actor, Channel
from payouts.discrepancies import in_words
from payouts.management.base import a_day, add_change_options, signed_in
from payouts.models import Discrepancy
from payouts.reconciliation.asking import HEALED, OPEN, OPENED, Finding
from payouts.reconciliation.runs import Reconciliation, reconcile
from payouts.staff.command_line import FINDINGS, progress_bar, write_json

WORDS = {HEALED: "Taken over", OPENED: "Discrepancy opened", OPEN: "Open already"}
DRY_WORDS = {**WORDS, HEALED: "Would be taken over", OPENED: "Would open a discrepancy"}


class Command(BaseCommand):
    help = (
        "Compare Heleket's list with the desk, day by day of Heleket (UTC+3), and ask Heleket "
        "about whatever differs. A final word that was missed is taken over; all else opens a "
        "discrepancy, once. Exit code: 0 nothing differs, 1 error or not all could be read, "
        "2 something differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for name, dest, meaning in [("from", "first", "first day"), ("to", "last", "last day")]:
            parser.add_argument(
                f"--{name}",
                dest=dest,
                type=a_day,
                required=True,
                metavar="YYYY-MM-DD",
                help=f"the {meaning} of Heleket",
            )
        add_change_options(parser)

    def handle(
        self, *, first: date, last: date, dry_run: bool, limit: int | None, **options: Any
    ) -> None:
        if last < first:
            raise CommandError("The last day is before the first.")
        with signed_in() as (client, account), progress_bar("windows") as show:
            found = reconcile(
                first,
                last,
                client,
                account,
                actor=Actor.system(Channel.COMMAND),
                dry_run=dry_run,
                limit=limit,
                show=show,
            )
        if options["format"] == "json":
            write_json(self.stdout, as_json(found))
        else:
            self.describe(found)
        if found.all_troubles:
            sys.exit(1)
        if found.findings:
            sys.exit(FINDINGS)

    def describe(self, found: Reconciliation) -> None:
        for each in found.findings:
            self.stdout.write(sentence(each, dry_run=found.dry_run))
        for trouble in found.all_troubles:
            self.stderr.write(f"Not compared: {trouble}")
        if found.left_out:
            self.stderr.write(f"Not asked about, because of --limit: {found.left_out}")
        self.stdout.write(in_total(found))
        if found.dry_run:
            self.stdout.write("This was a dry run: nothing was changed.")


def sentence(found: Finding, *, dry_run: bool) -> str:
    what = (DRY_WORDS if dry_run else WORDS)[found.state]
    kind = f" ({Discrepancy.Kind(found.kind).label})" if found.kind else ""
    ours = f" Here: {in_words(found.ours)}." if found.ours else ""
    return f"{found.payout or found.uuid}: {what}{kind}.{ours} Heleket: {in_words(found.theirs)}."


def in_total(found: Reconciliation) -> str:
    counts = ", ".join(
        f"{found.count(state)} {name}"
        for state, name in [(HEALED, "taken over"), (OPENED, "opened"), (OPEN, "open already")]
    )
    return f"{found.rows:,} payouts on {found.pages:,} pages: {counts}."


def as_json(found: Reconciliation) -> dict[str, Any]:
    return {
        "dry_run": found.dry_run,
        "rows": found.rows,
        "pages": found.pages,
        "is_whole": found.is_whole,
        "left_out": found.left_out,
        "troubles": found.all_troubles,
        "findings": [asdict(each) for each in found.findings],
    }
