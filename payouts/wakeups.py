"""Rings for a job when something for it is due now, so that no worker has to find out by itself.

The tables are the queue and are swept every few seconds, so a ring that nobody hears costs those
seconds and nothing else. Without a broker there is nobody to ring for.
"""

import time
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import connection, transaction

JOBS = ("submit", "check", "watch")
RING_LASTS = 15  # seconds; whoever is busy for longer looks again by itself
SILENT_SECONDS = 10.0  # after a broker that did not answer

_silent_until = 0.0


def task_name(job: str) -> str:
    return f"payouts.{job}"


def ring(job: str) -> None:
    """Have a job look for what is due, once this transaction is committed.

    A broker that fails is only logged. Outside a transaction this connects to the database.
    """
    if settings.CELERY_BROKER_URL and not is_rung(job):
        transaction.on_commit(bell_of(job), robust=True)


def is_rung(job: str) -> bool:
    return bell_of(job) in (each[1] for each in connection.run_on_commit)


@cache
def bell_of(job: str) -> Callable[[], None]:
    def sound() -> None:  # no partial(): Django logs a failure by the function's name
        send(job)

    return sound


def send(job: str) -> None:
    """Send one message; a broker that does not take it is left alone for a while."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    from celery import current_app  # takes long to import, and most desks do without

    try:
        current_app.send_task(task_name(job), expires=RING_LASTS, retry=False)
    except Exception:
        _silent_until = time.monotonic() + SILENT_SECONDS
        raise  # to Django, which logs it and goes on
