"""What the desk does by itself. Each job claims in the database, calls Heleket, and records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import heleket
from payouts import checks, submission
from payouts.controls import pace
from payouts.desk import Desk


@dataclass(frozen=True)
class Job:
    """`claim` takes up to a number of items, `call` handles one of them without the database, and
    `record` stores many results. `not_called` is the result of an item that a stopping worker has
    not called, if that has to be stored. `threads` is how many calls are made at once. Where all
    processes share a rate, `is_held_up` tells whether `claim` may have found less for that reason;
    then nothing is claimed ahead of its call.
    """

    name: str
    threads: int
    claim: Callable[[int], Sequence[Any]]
    call: Callable[[Any], Any]
    record: Callable[[Sequence[Any]], None]
    not_called: Callable[[Any], Any] = lambda _item: None
    is_held_up: Callable[[], bool] | None = None


def submit(client: heleket.Client, desk: Desk, threads: int) -> Job:
    return Job(
        name="submit",
        threads=threads,
        claim=partial(submission.claim, desk=desk),
        call=partial(submission.send, client=client, timeout=desk.timeout),
        record=partial(submission.record, desk=desk),
        not_called=not_sent,
        is_held_up=rate_of(desk),
    )


def rate_of(desk: Desk) -> Callable[[], bool] | None:
    return pace.is_full if desk.calls_per_second else None


def not_sent(call: submission.Call) -> submission.Answer:
    return submission.Answer(call, submission.Unsent("The worker was stopped before the call."))


def check(client: heleket.Client, desk: Desk, threads: int) -> Job:
    return Job(
        name="check",
        threads=threads,
        claim=partial(checks.claim, calls_per_second=desk.calls_per_second),
        call=partial(checks.ask, client=client, timeout=desk.timeout),
        record=partial(checks.record, desk=desk),
        is_held_up=rate_of(desk),
    )


def watch(client: heleket.Client, desk: Desk) -> Job:
    """Ask about payouts that were ended as never sent; there are few, and they have time."""
    return Job(
        name="watch",
        threads=1,
        claim=partial(checks.claim_watched, calls_per_second=desk.calls_per_second),
        call=partial(checks.ask, client=client, timeout=desk.timeout),
        record=partial(checks.record, desk=desk),
        is_held_up=rate_of(desk),
    )


def all_jobs(client: heleket.Client, desk: Desk, threads: int) -> list[Job]:
    return [submit(client, desk, threads), check(client, desk, threads), watch(client, desk)]
