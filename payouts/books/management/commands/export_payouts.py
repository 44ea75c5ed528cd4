from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payouts.admin import taken
from payouts.admin.exports import RIGHT
from payouts.books.journal_export import Format, Span, written
from payouts.management.base import a_day, a_month
from payouts.staff import command_line

WHAT = ["journal"]


class Command(BaseCommand):
    help = (
        "Write the journal of payouts: the entries that count in a month, or those of some days by "
        "their own day. That you took it is written into the desk's events. Exit code: 0 written, "
        "1 error and nothing was written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--what", choices=WHAT, default="journal", help="what to write")
        parser.add_argument("--month", type=a_month, metavar="MONTH", help="like 2026-10")
        parser.add_argument("--from", dest="first", type=a_day, metavar="DAY", help="first day")
        parser.add_argument("--to", dest="last", type=a_day, metavar="DAY", help="last day")
        parser.add_argument(
            "--format",
            choices=Format.values,
            default=Format.HLEDGER.value,
            help="a plain text journal for hledger and tools like it, or CSV",
        )
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="a new file; else it is printed"
        )
        command_line.add_person(parser)

    def handle(
        self,
        *,
        what: str,
        by: str,
        output: Path | None,
        **options: Any,
    ) -> None:
        file_format = options["format"]
        span = span_of(options["month"], options["first"], options["last"])
        with command_line.refusals_as_errors():
            actor = command_line.actor(by)
            actor.require(RIGHT)
            actor.require("payouts.view_entry")
        tally, asked = taken.Tally(), {"file_format": file_format, **span.named}
        taken.log_export(what, actor, **asked)
        content = taken.watched(what, written(span, file_format, tally), tally, actor, **asked)
        if output is None:
            self.stdout.writelines(content)
        else:
            write_new(output, content)
            sums, sha256 = taken.in_line(tally.sums), tally.digest.hexdigest()
            self.stdout.write(f"Debits: {sums or 'none'}. SHA-256: {sha256}")


def span_of(month: date | None, first: date | None, last: date | None) -> Span:
    days = [each for each in (first, last) if each]
    if bool(month) == bool(days) or len(days) == 1:
        raise CommandError("Give --month, or both --from and --to.")
    if first and last and first > last:
        raise CommandError("The period ends before it begins.")
    return Span(month, first, last)


def write_new(path: Path, content: Iterator[str]) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.writelines(content)
    except OSError as exc:
        raise CommandError(f"{path} cannot be written: {exc.strerror}.") from exc
