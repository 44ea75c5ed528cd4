"""What is kept for thirty days, and what of it is kept for ever.

Of an answer the id of what it made stays, as its key does. Of a webhook that arrived or was given
up nothing stays: the feed has its event.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet

from audit import clock
from audit.jobs import Claimed, Job
from payouts.portal.models import ApiAnswer, Delivery

KEPT = timedelta(days=30)
CHUNK = 500


class Forget(Job):
    name: ClassVar[str] = "forget"
    every: ClassVar[timedelta | None] = timedelta(hours=1)

    def __init__(self, _client: Any, _account: Any, _threads: int) -> None:
        self.threads = 1

    def claim(self, _limit: int) -> Claimed[datetime]:
        until = clock.now() - KEPT
        return Claimed([until] if any(rows(until).exists() for rows in OLD) else [])

    def call(self, until: datetime) -> datetime:
        return until

    def record(self, moments: Sequence[datetime]) -> None:
        for until in moments:
            for rows, end in OLD.items():
                while end(rows(until)) == CHUNK:
                    pass


def old_answers(until: datetime) -> QuerySet[ApiAnswer]:
    return ApiAnswer.objects.filter(status=ApiAnswer.MADE, at__lte=until).order_by("at")


def shorten(rows: QuerySet[ApiAnswer]) -> int:
    """Shorten a chunk of answers; return how many those were."""
    answers = list(rows[:CHUNK])
    for each in answers:
        each.body = json.dumps({"id": json.loads(each.body)["id"]})
        each.status = ApiAnswer.SHORTENED
    ApiAnswer.objects.bulk_update(answers, ["body", "status"])
    return len(answers)


def old_deliveries(until: datetime) -> QuerySet[Delivery]:
    over = Delivery.objects.exclude(state=Delivery.State.WAITING)
    return over.filter(last_tried_at__lte=until).order_by("last_tried_at")


def delete(rows: QuerySet[Delivery]) -> int:
    """Delete a chunk of webhooks; return how many those were."""
    found = list(rows.values_list("pk", flat=True)[:CHUNK])
    Delivery.objects.filter(pk__in=found).delete()
    return len(found)


OLD: dict[Callable[[datetime], QuerySet[Any]], Callable[[QuerySet[Any]], int]] = {
    old_answers: shorten,
    old_deliveries: delete,
}
