"""What was done to a payout, sealed."""

from typing import Any

from django.db import models

from audit.models import StatusEvent
from payouts.models.payout import Payout


class PayoutEvent(StatusEvent):
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="events")

    class Meta(StatusEvent.Meta):
        abstract = False
        constraints = [models.UniqueConstraint("payout", "number", name="one_event_per_number")]

    def fields(self) -> list[Any]:
        return [str(self.payout_id), *super().fields()]
