from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import operations
from payouts.management import base


class Command(BaseCommand):
    help = (
        "Bring payouts that were not paid back to the approvers. Nothing is sent before they are "
        "approved again. " + base.EXIT_CODES
    )

    def add_arguments(self, parser: CommandParser) -> None:
        base.add_act_options(parser)

    def handle(self, *, by: str, reason: str, **options: Any) -> None:
        base.act(self.stdout, operations.RETRY, by, reason, **options)
