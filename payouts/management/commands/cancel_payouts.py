from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import operations
from payouts.management import base


class Command(BaseCommand):
    help = (
        "Cancel payouts. One that was not sent ends at once. One that is being sent is not sent "
        "again, and ends when Heleket has not known it for a day. One that Heleket has cannot be "
        "called back: that is refused. " + base.EXIT_CODES
    )

    def add_arguments(self, parser: CommandParser) -> None:
        base.add_act_options(parser)

    def handle(self, *, by: str, reason: str, **options: Any) -> None:
        base.act(self.stdout, operations.CANCEL, by, reason, **options)
