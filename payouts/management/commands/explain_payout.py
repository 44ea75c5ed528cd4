from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, OutputWrapper
from django.forms import model_to_dict
from django.utils.timezone import localtime

from payouts import explain
from payouts.management import base
from payouts.models import Payout
from payouts.staff import command_line
from payouts.states import States
from wallets.coins import network_name

ABOUT = (
    *("number", "status", "effective", "reason_code", "reason"),
    *("amount", "currency", "network", "generation", "is_linked"),
)


class Command(BaseCommand):
    help = (
        "Say what a payout waits for, since when, who can act, and what happens next by itself. "
        "Changes nothing. Exit code: 0 done, 1 no such payout."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "payout", metavar="PAYOUT", help="a number (12, P-12), an id or an order id"
        )
        command_line.add_report_options(parser)

    def handle(self, *, payout: str, **options: Any) -> None:
        found = base.find_tried(payout)
        explanation = explain.explain(found, States.now(shows_balances=True))
        if options["format"] == "json":
            about = model_to_dict(found, ABOUT) | {"id": found.pk, "amount": f"{found.amount:f}"}
            command_line.write_json(self.stdout, about | asdict(explanation))
        else:
            write(self.stdout, found, explanation)


def write(out: OutputWrapper, payout: Payout, explanation: explain.Explanation) -> None:
    where = network_name(payout.network)
    out.write(f"{payout}, {payout.money} on {where}: {payout.get_status_display()}.")
    out.write(explanation.sentence)
    if explanation.since:
        out.write(f"Since {localtime(explanation.since):%Y-%m-%d %H:%M:%S %Z}.")
    if explanation.who:
        out.write(f"Who can act: {explanation.who}")
    out.write(f"What happens next: {explanation.next}")
