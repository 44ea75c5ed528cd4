import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import submission
from payouts.controls import switch
from payouts.controls.models import Scope
from payouts.management.scopes import add_scope, named, scope_of
from payouts.staff import command_line

LOOK_EVERY_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Stop sending: all of it, or of one network, one coin or one client. Returns when every "
        "such call that was under way is answered or its time is over (two minutes at most), so "
        "that from then on nothing of it can be paid. Heleket is still asked about payouts it has. "
        "Exit code: 0 paused, 1 error and nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="kept in the history")
        add_scope(parser)
        command_line.add_person(parser)
        parser.add_argument("--no-wait", action="store_true", help="return at once")
        parser.add_argument("--dry-run", action="store_true", help="count calls, change nothing")
        command_line.add_report_options(parser)

    def handle(
        self,
        *,
        by: str,
        reason: str,
        network: str,
        currency: str,
        client: str,
        no_wait: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        scope = scope_of(network, currency, client)
        is_new = False if dry_run else self.pause(by, reason, scope)
        under_way = submission.calls_out(scope)
        if not (no_wait or dry_run):
            wait_for_calls(under_way, scope)
        report: dict[str, Any] = {
            "paused": not dry_run,
            "is_new": is_new,
            "under_way": under_way,
            "left": submission.calls_out(scope),
        }
        what = named(network, currency, client)
        if options["format"] == "json":
            command_line.write_json(self.stdout, report | what)
        else:
            self.stdout.write(in_words(**report, what=" ".join(what.values())))

    def pause(self, by: str, reason: str, scope: Scope) -> bool:
        actor = command_line.actor(by)
        with command_line.refusals_as_errors():
            return switch.set_sending(False, reason=reason, actor=actor, scope=scope)


def wait_for_calls(count: int, scope: Scope) -> None:
    with command_line.progress_bar("calls under way", count) as show:
        while left := submission.calls_out(scope):
            show(count - left)
            time.sleep(LOOK_EVERY_SECONDS)


def in_words(*, paused: bool, is_new: bool, under_way: int, left: int, what: str) -> str:
    if not paused:
        return f"Dry run: nothing was changed. {under_way} calls are under way."
    sending = f"Sending of {what}" if what else "Sending"
    now = f"{sending} is paused." if is_new else f"{sending} was paused already."
    if left:
        return f"{now} {left} calls are still under way: they may yet be paid."
    return f"{now} It waited for {under_way} calls; none is under way now."
