import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actor import Actor
from audit.refusals import Refused
from payouts.gateway import accounts
from payouts.reconciliation import restores
from payouts.reconciliation.confirmations import CONFIRMATIONS, Standing
from payouts.reconciliation.models import Restore
from payouts.staff import command_line

BEGIN = "begin"


class Command(BaseCommand):
    help = (
        "Put the desk right after a backup was put back, or a copy was started. With --reason one "
        "person begins: sending is paused at once. With --confirm begin another one confirms it; "
        "then all approvals are void, sessions, links and API keys end, and Heleket's list is "
        "compared. --show says how wallets, clients, people or the policy stand, and --confirm "
        "with --seen confirms that. Repeat it with --by to go on. When nothing is left, sending "
        "can be resumed with resume_payouts. Without --by it only reports. "
        "Exit code: 0 nothing is left, 1 error, 2 something is left to be done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        command_line.add_person(parser, required=False)
        parser.add_argument("--reason", default="", help="begin, and why; kept in the history")
        names = [BEGIN, *CONFIRMATIONS]
        parser.add_argument("--confirm", choices=names, help="confirm this, as --by")
        parser.add_argument("--seen", default="", help="what --show said last, to be confirmed")
        parser.add_argument("--show", choices=list(CONFIRMATIONS), help="say how this stands")
        parser.add_argument("--dry-run", action="store_true", help="only report, change nothing")
        command_line.add_report_options(parser)

    def handle(
        self,
        *,
        by: str | None,
        reason: str,
        confirm: str | None,
        seen: str,
        show: str | None,
        dry_run: bool,
        **options: Any,
    ) -> None:
        as_json = options["format"] == "json"
        if show:
            self.say(show, restores.standing(show), as_json=as_json)
            return
        with command_line.refusals_as_errors():
            if (reason or confirm) and not by:
                raise CommandError("Say who does this: --by.")
            if by and not dry_run:
                self.act(command_line.actor(by), reason, confirm, seen)
        self.report(restores.under_way(), as_json=as_json)

    def act(self, actor: Actor, reason: str, confirm: str | None, seen: str) -> None:
        if reason:
            restores.propose(reason=reason, actor=actor)
            return
        if confirm == BEGIN:
            if (joint := restores.proposed()) is None:
                raise CommandError("Nobody has begun: one person begins with --reason.")
            restores.confirm(joint.pk, seen=restores.facts(), actor=actor)
        elif confirm:
            restores.confirm_step(confirm, seen=seen, actor=actor)
        if restores.under_way():
            self.go_on(actor)

    def go_on(self, actor: Actor) -> None:
        restore = restores.under_way()
        total = restore.last_number if restore else 0
        try:
            with (
                accounts.at_heleket(actor) as (client, account),
                command_line.progress_bar("approvals", total) as show,
            ):
                restores.go_on(client, account, actor=actor, show=show)
        except Refused as exc:
            self.stderr.write(str(exc))  # what was done stays, and the report says what is left

    def say(self, name: str, stands: Standing, *, as_json: bool) -> None:
        if as_json:
            command_line.write_json(self.stdout, {"name": name, **vars(stands)})
            return
        for line in stands.lines:
            self.stdout.write(line)
        self.stdout.write(stands.summary)
        self.stdout.write(f"Confirm it with: --confirm {name} --seen {stands.digest}")

    def report(self, restore: Restore | None, *, as_json: bool) -> None:
        found = restores.items(restore) if restore else []
        waits = restores.proposed() is not None
        left = [each for each in found if not each.done]
        if as_json:
            steps = [{"name": each.name, "done": bool(each.done)} for each in found]
            report = {"waits_for_second_person": waits, "under_way": bool(restore), "steps": steps}
            command_line.write_json(self.stdout, report)
        else:
            for each in found:
                self.stdout.write(f"[{'x' if each.done else ' '}] {each.name}: {each.title}")
            self.stdout.write(in_words(restore, len(left), waits=waits))
        if left or waits:
            sys.exit(command_line.FINDINGS)


def in_words(restore: Restore | None, left: int, *, waits: bool) -> str:
    if waits:
        return "Sending is paused. Another person confirms it with --confirm begin."
    if restore is None:
        return "No restore is being put right. Sending can be resumed, if it is paused."
    return f"{left} left. Sending stays paused until then."
