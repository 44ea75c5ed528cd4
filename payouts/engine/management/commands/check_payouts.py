from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts.engine.management import runs
from payouts.jobs import Check
from payouts.management import base
from payouts.models import Payout, WaitingFor


class Command(BaseCommand):
    help = (
        "Ask Heleket about the payouts under way that are due for a question, then stop. Sends "
        "nothing. The worker does this by itself and may run at the same time. " + base.EXIT_CODES
    )

    def add_arguments(self, parser: CommandParser) -> None:
        runs.add_options(parser)

    def handle(self, **options: Any) -> None:
        runs.run_due(self.stdout, Payout.objects.askable(), Check, agrees, **options)


def agrees(payout: Payout) -> bool:
    return payout.waiting_for != WaitingFor.DISCREPANCY
