"""A starting process first has Heleket asked about every call of which no answer is known.

What the processes before it left behind is looked into before more money leaves: nothing is sent
until each of these questions was put once, whatever came of it. An unanswered one is put again as
any other, and sending does not wait for that: a gateway that does not answer is a matter for the
pauses, and one lost payout shall not hold up all others.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from audit import clock
from payouts import wakeups
from payouts.gateway import continuity
from payouts.models import Attempt, Payout, PayoutQuerySet, PayoutStatus
from payouts.reconciliation import starting

logger = logging.getLogger(__name__)


class FirstQuestions:
    """The questions of one start, which may be that of several processes: the first of them has
    made them due at `since`."""

    def __init__(self, since: datetime | None = None) -> None:
        self.since = since
        self.are_over = False

    def are_put(self) -> bool:
        """Make them due, at first; then tell whether somebody has taken up each of them, and has
        read Heleket's list."""
        if self.since is None:
            starting.begin()
            self.since = make_due()
        self.are_over = self.are_over or not lost().due(self.since).exists()
        return self.are_over and continuity.state().is_checked


def lost() -> PayoutQuerySet:
    """Of these nobody knows whether Heleket has them, and it may be asked."""
    return Payout.objects.askable().filter(status=PayoutStatus.SUBMITTING)


@transaction.atomic
def make_due() -> datetime:
    """Have Heleket asked about each call at once, unless it may still be another worker's."""
    now = clock.now()
    over = Attempt.objects.filter(
        payout=OuterRef("pk"), generation=OuterRef("generation"), lease_until__lte=now
    )
    waiting = lost().filter(Exists(over), due_at__gt=now)
    locked = waiting.select_for_update(skip_locked=True).order_by("pk")
    Payout.objects.filter(pk__in=[each.pk for each in locked.only("pk")]).update(due_at=now)
    if count := lost().due(now).count():
        logger.info("asks Heleket about %d calls without an answer before it sends", count)
        wakeups.wake("check")
    return now
