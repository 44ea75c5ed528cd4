from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts.controls import switch
from payouts.staff import command_line


class Command(BaseCommand):
    help = "Send again after pause_payouts. Exit code: 0 done, 1 error and nothing was changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="kept in the history")
        command_line.add_person(parser)
        command_line.add_report_options(parser)

    def handle(self, *, by: str, reason: str, **options: Any) -> None:
        with command_line.refusals_as_errors():
            is_new = switch.set_sending(True, reason=reason, actor=command_line.actor(by))
        if options["format"] == "json":
            command_line.write_json(self.stdout, {"paused": False, "is_new": is_new})
        else:
            self.stdout.write("Sending goes on." if is_new else "Sending was on already.")
