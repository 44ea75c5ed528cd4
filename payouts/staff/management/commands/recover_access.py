from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit import clock
from audit.actor import Actor, Channel
from audit.refusals import Refused
from audit.texts import day_and_hour
from payouts.staff import command_line, links, people, recovery
from payouts.staff.models import Recovery

MAIL = """{person} is to manage the users of the payout desk from {at} on.

Whoever runs the desk's machine asked for it. The reason they gave:

{reason}

A user manager or policy manager who does not agree stops it before then, on any page of the Admin.
"""


class Command(BaseCommand):
    help = (
        "The last way back in, when no user manager can come in and no two policy managers can "
        "name one. All of the staff are mailed, every page of the Admin says so, and any user or "
        "policy manager can stop it; run again after 24 hours it lets the person in as a user "
        "manager and prints a link for the password. Exit code: 0 done or announced, 1 error and "
        "nothing was changed, 2 announced, but nobody was mailed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--person", required=True, metavar="LOGIN", help="who is to come in")
        parser.add_argument("--email", help="the address of a new person, if there is none yet")
        parser.add_argument("--reason", required=True, help="mailed, shown, and kept for ever")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen")

    def handle(
        self, *, person: str, email: str | None, reason: str, dry_run: bool, **_: Any
    ) -> None:
        with command_line.refusals_as_errors():
            with transaction.atomic():
                whom = found_or_added(person, email)
                found = recovery.of(whom)
                if found and clock.now() >= found.effective_at:
                    self.finish(found, dry_run)
                elif found:
                    at = day_and_hour(found.effective_at)
                    raise CommandError(f"This takes effect at {at}. Run the command again then.")
                else:
                    found = recovery.ask(whom, reason=reason, actor=Actor.system(Channel.COMMAND))
                    at = day_and_hour(found.effective_at)
                    self.stdout.write(f"{whom} is let in at {at}, unless somebody stops it.")
                    self.stdout.write("Run the command again then: it prints a link.")
                transaction.set_rollback(dry_run)
            if dry_run:
                self.stdout.write("Dry run: nothing was changed.")
            elif found.ended_at is None:
                self.announce(found)

    def finish(self, found: Recovery, dry_run: bool) -> None:
        token = recovery.finish(found.pk, actor=Actor.system(Channel.COMMAND))
        found.refresh_from_db()
        self.stdout.write(f"{found.person} is a user manager, and may come in.")
        if not dry_run:
            self.stdout.write(f"Hand them this link: {settings.PUBLIC_URL}{links.path_of(token)}")

    def announce(self, found: Recovery) -> None:
        text = MAIL.format(
            person=found.person, at=day_and_hour(found.effective_at), reason=found.reason
        )
        try:
            if not settings.SENDS_MAIL:
                raise CommandError("Nobody was mailed: EMAIL_URL is not set.", returncode=2)
            links.post(recovery.addresses(), "Access to the payout desk is recovered", text)
        except Refused as exc:
            raise CommandError(f"Nobody was mailed. {exc}", returncode=2) from exc


def found_or_added(login: str, email: str | None) -> User:
    known = User.objects.filter(username=login).first()
    if known:
        return known
    if not email:
        raise CommandError(f"There is no person “{login}”. With --email they are added.")
    return people.add(login, email, actor=Actor.system(Channel.COMMAND))
