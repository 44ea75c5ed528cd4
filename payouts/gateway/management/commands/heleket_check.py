import sys
from argparse import ArgumentParser
from dataclasses import asdict, replace
from typing import Any, TextIO, cast

from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.forms import model_to_dict
from rich.console import Console
from rich.table import Table

from heleket.client import HeleketClient
from heleket.probe import Finding, Report, probe
from payouts.gateway import accounts
from payouts.gateway.accounts import WrongAccount
from payouts.gateway.models import Binding
from payouts.staff import command_line

BOUND = ("host", "merchant_id", "installation")
LEARNED = "Learned. Restart worker and Celery: until then they go by the words they started with."


class Command(BaseCommand):
    help = (
        "Check that Heleket answers with these settings and that the database belongs to this "
        "account. Reads and calculates only. Exit code 0: all is well, 1: payouts cannot work, "
        "2: something to look at."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=["text", "json"], default="text")
        parser.add_argument(
            "--learn",
            action="store_true",
            help="accept the words Heleket uses now for a payout it does not have (needs --by)",
        )
        command_line.add_person(parser, required=False)

    def handle(self, **options: Any) -> None:
        if options["learn"]:
            self.learn(options["by"])
        with command_line.refusals_as_errors(), accounts.heleket_client() as client:
            report = probe(client)
            report = replace(report, findings=[binding(client), callback(), *report.findings])
        show = self.show_json if options["format"] == "json" else self.show_table
        show(report)
        if report.exit_code:
            sys.exit(report.exit_code)

    def show_json(self, report: Report) -> None:
        command_line.write_json(self.stdout, asdict(report) | {"exit_code": report.exit_code})

    def show_table(self, report: Report) -> None:
        table = Table("", "", "What Heleket said")
        for finding in report.findings:
            table.add_row(finding.state, finding.about, finding.sentence)
        Console(file=cast(TextIO, self.stdout)).print(table)

    def learn(self, username: str | None) -> None:
        if not username:
            raise CommandError("Say who decides this, with --by USERNAME.")
        with command_line.refusals_as_errors(), accounts.heleket_client() as client:
            text = probe(client).not_found_text
            if text not in client.not_found_texts:
                actor = command_line.actor(username)
                accounts.learn_not_found(text, actor=actor)
                self.stderr.write(LEARNED)


def binding(client: HeleketClient) -> Finding:
    bound = Binding.objects.first()
    if bound is None:
        return Finding("database", "ok", "Bound to no account yet; the first worker binds it.")
    try:
        accounts.check_binding(client)
    except WrongAccount as exc:
        return Finding("database", "error", str(exc))
    sentence = f"Belongs to {bound}, installation {bound.installation}."
    return Finding("database", "ok", sentence, model_to_dict(bound, BOUND))


def callback() -> Finding:
    """What `manage.py check` says of the address for Heleket's webhooks."""
    if wrong := checks.run_checks(tags=["webhooks"]):
        return Finding("callback", "problem", " ".join(each.msg for each in wrong))
    return Finding("callback", "ok", "HELEKET_CALLBACK_URL leads to this desk.")
