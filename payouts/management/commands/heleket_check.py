from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core import checks
from django.core.management.base import CommandError
from django.forms import model_to_dict

from heleket.client import Client
from heleket.management.commands import heleket_check
from heleket.probe import Finding, Report, probe
from payouts import desk, switching
from payouts.errors import WrongDesk
from payouts.management import base
from payouts.models import Gateway, Source

BOUND = ("host", "merchant_id", "installation")
LEARNED = "Learned. Restart worker and Celery: until then they go by the words they started with."


class Command(heleket_check.Command):
    help = (
        "Check that Heleket answers with these settings and that the database belongs to this "
        "account. Reads and calculates only. Exit code 0: all is well, 1: payouts cannot work, "
        "2: something to look at."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--learn",
            action="store_true",
            help="accept the words Heleket uses now for a payout it does not have (needs --by)",
        )
        base.add_person(parser, required=False)

    def handle(self, **options: Any) -> None:
        if options["learn"]:
            self.learn(options["by"])
        super().handle(**options)

    def open_client(self) -> Client:
        with base.refusals_as_errors():
            return desk.open_client()

    def find_out(self) -> Report:
        with self.open_client() as client:
            report = probe(client)
            return replace(report, findings=[binding(client), callback(), *report.findings])

    def learn(self, username: str | None) -> None:
        if not username:
            raise CommandError("Say who decides this, with --by USERNAME.")
        with base.refusals_as_errors(), self.open_client() as client:
            text = probe(client).not_found_text
            if text not in client.not_found_texts:
                switching.learn_not_found(text, by=base.person(username), source=Source.COMMAND)
                self.stderr.write(LEARNED)


def binding(client: Client) -> Finding:
    bound = Gateway.objects.first()
    if bound is None:
        return Finding("database", "ok", "Bound to no account yet; the first worker binds it.")
    try:
        desk.refuse_other(bound, client)
    except WrongDesk as exc:
        return Finding("database", "error", str(exc))
    told = f"Belongs to {bound}, installation {bound.installation}."
    return Finding("database", "ok", told, model_to_dict(bound, BOUND))


def callback() -> Finding:
    """What `manage.py check` says of the address for Heleket's webhooks."""
    if wrong := checks.run_checks(tags=["webhooks"]):
        return Finding("callback", "problem", " ".join(each.msg for each in wrong))
    return Finding("callback", "ok", "HELEKET_CALLBACK_URL leads to this desk.")
