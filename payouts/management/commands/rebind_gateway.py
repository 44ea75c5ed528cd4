from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import desk, rebinding
from payouts.management import base
from payouts.models import Source
from payouts.rebinding import Rebinding


class Command(BaseCommand):
    help = (
        "Bind the database to the Heleket account that the settings name now. A new host name is "
        "followed if Heleket knows our newest payout there; another merchant only if nothing is "
        "unfinished and sending is paused. Asks Heleket, sends nothing. Restart web, worker and "
        "Celery afterwards. Exit code: 0 done, 1 error and nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="kept in the history")
        base.add_person(parser)
        parser.add_argument("--dry-run", action="store_true", help="check all, change nothing")
        base.add_report_options(parser)

    def handle(self, *, by: str, reason: str, dry_run: bool, **options: Any) -> None:
        with base.refusals_as_errors(), desk.open_client() as client:
            moved = rebinding.rebind(
                client,
                reason=reason,
                by=base.person(by),
                source=Source.COMMAND,
                dry_run=dry_run,
            )
        if options["format"] == "json":
            told = {"dry_run": dry_run, "is_new": moved.is_new}
            base.write_json(self.stdout, told | {"before": moved.before, "after": moved.after})
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
