"""Wakes a worker when something is due now, so that it need not find out by itself.

The tables are the queue and are swept every few seconds, so a wake-up that is lost costs those
seconds and nothing else. Without a broker there is nobody to wake.
"""

import time
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import connection, transaction

WAKEUP_EXPIRES = 15  # seconds; whoever is busy for longer looks again by itself
BROKER_BACKOFF_SECONDS = 10.0  # after a broker that did not answer

_backoff_until = 0.0


def task_name(job: str) -> str:
    return f"payouts.{job}"


def wake(job: str) -> None:
    """Have a job look for what is due, once this transaction is committed.

    A broker that fails is only logged. Outside a transaction this connects to the database.
    """
    if settings.CELERY_BROKER_URL and not is_pending(job):
        transaction.on_commit(sender_of(job), robust=True)


def is_pending(job: str) -> bool:
    return sender_of(job) in (each[1] for each in connection.run_on_commit)


@cache
def sender_of(job: str) -> Callable[[], None]:
    def deliver() -> None:  # no partial(): Django logs a failure by the function's name
        send(job)

    return deliver


def send(job: str) -> None:
    """Send one message; a broker that does not take it is left alone for a while."""
    global _backoff_until
    if time.monotonic() < _backoff_until:
        return
    from celery import current_app  # takes long to import, and most desks do without

    try:
        current_app.send_task(task_name(job), expires=WAKEUP_EXPIRES, retry=False)
    except Exception:
        _backoff_until = time.monotonic() + BROKER_BACKOFF_SECONDS
        raise  # to Django, which logs it and goes on
