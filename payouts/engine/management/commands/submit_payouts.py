from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts.engine.management import runs
from payouts.jobs import Submit
from payouts.management import base
from payouts.models import Payout, PayoutStatus

SENT = (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST, PayoutStatus.CONFIRMED)


class Command(BaseCommand):
    help = (
        "Send the approved payouts that are due now, then stop. The worker does this by itself "
        "and may run at the same time. " + base.EXIT_CODES
    )

    def add_arguments(self, parser: CommandParser) -> None:
        runs.add_options(parser)

    def handle(self, **options: Any) -> None:
        runs.run_due(self.stdout, Payout.objects.sendable(), Submit, is_sent, **options)


def is_sent(payout: Payout) -> bool:
    return payout.status in SENT
