from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import switching
from payouts.management import base
from payouts.models import Source


class Command(BaseCommand):
    help = "Send again after pause_payouts. Exit code: 0 done, 1 error and nothing was changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="kept in the history")
        base.add_person(parser)
        base.add_report_options(parser)

    def handle(self, *, by: str, reason: str, **options: Any) -> None:
        with base.refusals_as_errors():
            is_new = switching.resume(reason=reason, by=base.person(by), source=Source.COMMAND)
        if options["format"] == "json":
            base.write_json(self.stdout, {"paused": False, "is_new": is_new})
        else:
            self.stdout.write("Sending goes on." if is_new else "Sending was on already.")
