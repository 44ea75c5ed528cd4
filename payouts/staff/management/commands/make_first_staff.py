from collections import defaultdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.actor import Actor, Channel
from payouts.staff import command_line, first_staff, links
from payouts.staff.first_staff import Newcomer
from payouts.staff.roles import ROLES


def option_of(role: str) -> str:
    return role.lower().replace(" ", "-")


class Command(BaseCommand):
    help = (
        "Set up the first people of a new desk, once, while nobody holds a right that counts. Name "
        "who holds each role; one person may hold several, but a user manager decides nothing "
        "about money. At least one user manager, two policy managers and two approvers are needed, "
        "for which three people are enough. Prints for each a link to choose a password by. Exit "
        "code: 0 done, 1 error and nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for role in ROLES:
            parser.add_argument(
                f"--{option_of(role)}",
                action="append",
                default=[],
                metavar="LOGIN[:EMAIL]",
                help=f"a person who is {role}, as often as needed",
            )
        parser.add_argument("--dry-run", action="store_true", help="check, and change nothing")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        newcomers = read({role: options[option_of(role).replace("-", "_")] for role in ROLES})
        with command_line.refusals_as_errors(), transaction.atomic():
            tokens = first_staff.make(newcomers, actor=Actor.system(Channel.COMMAND))
            transaction.set_rollback(dry_run)
        for each in newcomers:
            self.stdout.write(f"{each.login}: {', '.join(sorted(each.roles))}")
            if not dry_run:
                link = links.path_of(tokens[each.login])
                self.stdout.write(f"  {settings.PUBLIC_URL}{link}")
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")
            return
        self.stdout.write("Hand each link to its owner alone. It works once, for 24 hours.")
        if not settings.PUBLIC_URL:
            self.stdout.write("Write the address of the desk before them: PUBLIC_URL is not set.")


def read(named: dict[str, list[str]]) -> list[Newcomer]:
    """Return the people by what the options say of each, in the order in which they come."""
    held: dict[str, set[str]] = defaultdict(set)
    emails: dict[str, str] = {}
    for role, people in named.items():
        for text in people:
            login, _colon, email = text.partition(":")
            held[login].add(role)
            if email and emails.setdefault(login, email) != email:
                raise CommandError(f"“{login}” has two e-mail addresses.")
    return [
        Newcomer(login, emails.get(login, ""), frozenset(roles)) for login, roles in held.items()
    ]
