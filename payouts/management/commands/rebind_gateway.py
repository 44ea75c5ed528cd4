from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import rebinding
from payouts.gateway import accounts
from payouts.rebinding import Rebinding
from payouts.staff import command_line


class Command(BaseCommand):
    help = (
        "Bind the database to the Heleket account that the settings name now. A new host name is "
        "followed if Heleket knows our newest payout there; another merchant only if nothing is "
        "unfinished and sending is paused. Asks Heleket, sends nothing. Restart web, worker and "
        "Celery afterwards. Exit code: 0 done, 1 error and nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="kept in the history")
        command_line.add_person(parser)
        parser.add_argument("--dry-run", action="store_true", help="check all, change nothing")
        command_line.add_report_options(parser)

    def handle(self, *, by: str, reason: str, dry_run: bool, **options: Any) -> None:
        with command_line.refusals_as_errors(), accounts.heleket_client() as client:
            moved = rebinding.rebind(
                client,
                reason=reason,
                actor=command_line.actor(by),
                dry_run=dry_run,
            )
        if options["format"] == "json":
            report = {"dry_run": dry_run, "is_new": moved.is_new}
            command_line.write_json(
                self.stdout, report | {"before": moved.before, "after": moved.after}
            )
        else:
            self.stdout.write(in_words(moved, dry_run=dry_run))


def in_words(moved: Rebinding, *, dry_run: bool) -> str:
    names = "{merchant_id} at {host}"
    before, after = names.format(**moved.before), names.format(**moved.after)
    if not moved.is_new:
        return f"The database belongs to {before} already."
    if dry_run:
        return f"Dry run: it would leave {before} and belong to {after}. Nothing was changed."
    return f"The database left {before} and belongs to {after}. Restart web, worker and Celery."
