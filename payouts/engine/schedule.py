"""Jobs that are run every so often, once over all processes."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from audit import clock, database
from audit.jobs import Claimed, Job
from payouts.engine.models import ScheduledJob

logger = logging.getLogger(__name__)


def claim(job: Job, limit: int) -> Claimed[Any]:
    """Claim what is due of a job; of a scheduled one, if its turn has come and nobody has it.

    The next turn is counted from this one, whatever comes of it: neither a failure nor a process
    that is killed keeps a job from being run again.
    """
    if job.every is None:
        return job.claim(limit)
    with transaction.atomic():
        claimed = job.claim(limit) if take_turn(job.name, job.every) else Claimed[Any]()
        if not claimed.items:
            transaction.set_rollback(True)
        return claimed


def record(job: Job, results: Sequence[Any]) -> None:
    """Have a job record its results. If a scheduled one cannot, it comes again in its next turn; of
    one that goes on all the same, what cannot be recorded keeps nothing else back."""
    try:
        job.record(results)
    except Exception as exc:
        if database.has_failed(exc) or not (job.every or job.goes_on):
            raise
        if job.every:
            logger.exception("%s failed, its next time is in %s", job.name, job.every)
        elif len(results) > 1:
            for each in results:
                record(job, [each])
        else:
            logger.exception("%s: a result could not be recorded", job.name)


def take_turn(name: str, every: timedelta) -> bool:
    """Put a job off until its next time, and tell whether it was due and is the caller's now."""
    now = clock.now()
    first = ScheduledJob(name=name, due_at=now)
    ScheduledJob.objects.bulk_create([first], ignore_conflicts=True)
    due = ScheduledJob.objects.filter(name=name, due_at__lte=now)
    return due.update(due_at=now + every) == 1
