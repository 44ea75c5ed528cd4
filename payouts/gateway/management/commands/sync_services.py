import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

import heleket
from audit import clock
from payouts.gateway import accounts
from wallets.services import SyncReport, sync_services


class Command(BaseCommand):
    help = (
        "Read from Heleket what it pays, within which limits and for which fee. "
        "Exit code: 0 done, 1 error, 2 done but Heleket lists coins this desk cannot use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="show what would change")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        odd: list[str] = []
        try:
            with accounts.heleket_client() as client:
                services = client.list_services(on_odd=odd.append)
        except (heleket.HeleketError, heleket.InvalidBaseUrl) as exc:
            raise CommandError(str(exc)) from exc
        with transaction.atomic():
            report = sync_services(services, now=clock.now(), odd=odd)
            transaction.set_rollback(dry_run)
        as_json = options["format"] == "json"
        self.stdout.write(json.dumps(asdict(report)) if as_json else describe(report))
        if report.unknown or report.unreadable or not report.listed:
            sys.exit(2)


def describe(report: SyncReport) -> str:
    counts = f"{report.added} new, {report.changed} changed, {report.withdrawn} withdrawn"
    lines = [f"Heleket lists {report.listed} payout services: {counts}."]
    lines += [
        f"Not known to this desk, so nothing is paid in it: {pair}" for pair in report.unknown
    ]
    lines += [f"Not usable as Heleket wrote it: {pair}" for pair in report.unreadable]
    return "\n".join(lines)
