from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.management.scopes import add_scope, named, scope_of
from payouts.staff import command_line


class Command(BaseCommand):
    help = (
        "Send again after pause_payouts, or after the guard paused sending. A stop of a network, "
        "a coin or a client is resumed by itself. Exit code: 0 done, 1 error and nothing was "
        "changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="kept in the history")
        add_scope(parser)
        command_line.add_person(parser)
        parser.add_argument(
            "--same-database",
            action="store_true",
            help="say that no backup was put back and nothing copied, where that is asked",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be resumed")
        command_line.add_report_options(parser)

    def handle(
        self,
        *,
        by: str,
        reason: str,
        network: str,
        currency: str,
        client: str,
        same_database: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        scope, what = scope_of(network, currency, client), named(network, currency, client)
        was_off = Switch.objects.of(scope).filter(is_on=False).exists()
        actor, is_new = command_line.actor(by), False
        if not dry_run:
            with command_line.refusals_as_errors():
                is_new = switch.set_sending(
                    True,
                    reason=reason,
                    actor=actor,
                    scope=scope,
                    is_same_database=same_database,
                )
        if options["format"] == "json":
            report = {"paused": dry_run and was_off, "is_new": is_new}
            command_line.write_json(self.stdout, report | what)
            return
        sending = f"Sending of {' '.join(what.values())}" if what else "Sending"
        if dry_run:
            is_off = f"{sending} is paused" if was_off else f"{sending} is on"
            self.stdout.write(f"Dry run: nothing was changed. {is_off}.")
        else:
            self.stdout.write(f"{sending} goes on." if is_new else f"{sending} was on already.")
