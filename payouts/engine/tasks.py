"""The worker's jobs as Celery tasks: a message only wakes, the tables say what there is to do."""

import logging
import mmap
import struct
from datetime import UTC, datetime
from functools import cache
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

import heleket
from audit import database, jobs
from payouts import wakeups
from payouts.engine.start import FirstQuestions
from payouts.engine.worker import Worker, outage
from payouts.gateway import accounts, continuity
from payouts.gateway.accounts import GatewayAccount, WrongAccount
from payouts.heartbeats import Heartbeat, Pulse

logger = logging.getLogger("payouts.worker")

THREADS = 8
# A round that still finds work ends after this and wakes another: no job keeps a process to itself.
ROUND_SECONDS = 5.0

# Shared with the processes that are forked from this one, and free of locks, as each may be killed.
stopping = mmap.mmap(-1, 1)
begun_at = mmap.mmap(-1, 8)  # when the first of them asked about lost calls, or 0

pulse = Pulse(
    Heartbeat.Kind.CELERY, continuity.keep
)  # of each process that is forked from this one


@worker_shutting_down.connect
def stop(**_signal: Any) -> None:
    stopping[0] = 1


def task_of(name: str) -> Any:
    @shared_task(name=wakeups.task_name(name))
    def run() -> None:
        work(name)

    return run


TASKS = {name: task_of(name) for name in jobs.REGISTERED}


def work(name: str) -> None:
    """Do what is due of one job, and leave it to the next wakeup if that cannot be."""
    try:
        work_for(*signed_in(), name)
    except (WrongAccount, heleket.InvalidBaseUrl, heleket.MissingCredentials) as exc:
        logger.error("%s", exc)  # noqa: TRY400  # a sentence for people, who need no traceback
    except Exception as exc:
        if not database.has_failed(exc):
            raise
        outage.get_over(exc)


def work_for(client: heleket.HeleketClient, account: GatewayAccount, name: str) -> None:
    """Work for some seconds at most, and until each answer is recorded; wake again for more."""
    job = jobs.REGISTERED[name](client, account, THREADS)
    worker = Worker([job], seconds=ROUND_SECONDS, may_send=may_send, pulse=pulse)
    done = worker.run(once=True, on_round=lambda _done: worker.stop() if stopping[0] else None)
    if done.total() and not job.every:
        logger.info("recorded %d %s", done.total(), name)
    if not worker.is_dry and not outage.failures:
        wakeups.wake(name)


def may_send() -> bool:
    """Whether the questions of this start are put: of all the processes, whichever began."""
    first = first_questions()
    are_put = first.are_put()
    if first.since:
        begun_at[:] = struct.pack("d", first.since.timestamp())
    return are_put


@cache
def first_questions() -> FirstQuestions:
    [seconds] = struct.unpack("d", begun_at[:])
    return FirstQuestions(datetime.fromtimestamp(seconds, UTC) if seconds else None)


@cache
def signed_in() -> tuple[heleket.HeleketClient, GatewayAccount]:
    """The client and the desk of this process, made at its first wakeup: after a fork."""
    client = accounts.heleket_client()
    return client, accounts.open_account(client)
