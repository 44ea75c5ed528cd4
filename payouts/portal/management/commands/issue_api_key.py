from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from payouts.portal.keys import issue_key
from payouts.portal.models import Scope
from payouts.staff import command_line
from wallets.models import Client


class Command(BaseCommand):
    help = (
        "Issue a key for the client API and print it, this once. Without --client it is a key of "
        "the portal itself, which names the client with each request. Exit code: 0 issued, 1 error "
        "and nothing was changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what uses it, such as “Portal, live”")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            metavar="SCOPE",
            help=f"what it may do, as often as needed: {', '.join(Scope.values)}",
        )
        parser.add_argument(
            "--client", metavar="EXTERNAL_ID", help="the one client whose key it is"
        )
        parser.add_argument(
            "--from",
            dest="networks",
            action="append",
            default=[],
            metavar="NETWORK",
            help="an address or network that it may be used from; none: from anywhere",
        )
        parser.add_argument("--until", metavar="TIME", help="like 2027-01-31T00:00:00Z")
        parser.add_argument(
            "--reason",
            default="",
            help="needed for a key that asks for payouts or adds wallets; another person has to "
            "confirm it in the Admin",
        )
        command_line.add_person(parser)
        parser.add_argument("--dry-run", action="store_true", help="check, and issue nothing")
        command_line.add_report_options(parser)

    def handle(self, name: str, *, by: str, dry_run: bool, **options: Any) -> None:
        asked = {
            "name": name,
            "scopes": options["scope"],
            "client": client_called(options["client"]),
            "networks": options["networks"],
            "expires_at": moment(options["until"]),
            "reason": options["reason"],
        }
        with command_line.refusals_as_errors():
            key, text = issue_key(**asked, actor=command_line.actor(by), is_trial=dry_run)
        if options["format"] == "json":
            report = {"prefix": key.prefix, "key": None if dry_run else text, "scopes": key.scopes}
            report["waits_for_second_person"] = key.is_waiting
            command_line.write_json(self.stdout, report)
        elif dry_run:
            self.stdout.write("Dry run: it could be issued. Nothing was changed.")
        else:
            self.stdout.write(f"{text}\nIt is not shown again. Lists call it {key.prefix}….")
            if key.is_waiting:
                self.stdout.write("It is refused until another person confirms it in the Admin.")


def client_called(external_id: str | None) -> Client | None:
    if external_id is None:
        return None
    client = Client.objects.filter(external_id=external_id).first()
    if client is None:
        raise CommandError(f"There is no client with the external id “{external_id}”.")
    return client


def moment(text: str | None) -> Any:
    if text is None:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError("--until takes a time with its offset, like 2027-01-31T00:00:00Z.")
    return found
