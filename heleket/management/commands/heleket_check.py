import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import TextIO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from heleket.client import Client
from heleket.errors import InvalidBaseUrl
from heleket.probe import Report, probe

REQUIRED = ("HELEKET_MERCHANT_ID", "HELEKET_API_KEY")


class Command(BaseCommand):
    help = (
        "Check that Heleket answers with these settings. Reads and calculates only; needs no "
        "database. Exit code 0: all is well, 1: payouts cannot work, 2: something to look at."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, **options: object) -> None:
        report = self.find_out()
        show = self.show_json if options["format"] == "json" else self.show_table
        show(report)
        if report.exit_code:
            sys.exit(report.exit_code)

    def find_out(self) -> Report:
        with self.open_client() as client:
            return probe(client)

    def open_client(self) -> Client:
        if missing := [name for name in REQUIRED if not getattr(settings, name)]:
            raise CommandError(f"Set {' and '.join(missing)} in the environment or in .env.")
        try:
            return Client(
                base_url=settings.HELEKET_PROJECT_URL,
                merchant_id=settings.HELEKET_MERCHANT_ID,
                payout_key=settings.HELEKET_API_KEY,
                payment_key=settings.HELEKET_PAYMENT_API_KEY,
                timeout_seconds=settings.HELEKET_TIMEOUT_SECONDS,
            )
        except InvalidBaseUrl as exc:
            raise CommandError(f"HELEKET_PROJECT_URL: {exc}") from None

    def show_json(self, report: Report) -> None:
        self.stdout.write(json.dumps(asdict(report) | {"exit_code": report.exit_code}, indent=2))

    def show_table(self, report: Report) -> None:
        table = Table("", "", "What Heleket said")
        for finding in report.findings:
            table.add_row(finding.state, finding.about, finding.sentence)
        Console(file=cast(TextIO, self.stdout)).print(table)
