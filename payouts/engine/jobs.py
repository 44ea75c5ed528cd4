"""What the desk does by itself. Each job claims in the database, calls Heleket, and records."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import QuerySet

import heleket
from audit import clock
from audit.codes import Reason
from payouts import polling, submission
from payouts.codes import PayoutCode
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount, is_still_ours
from payouts.models import Payout

logger = logging.getLogger("payouts.worker")


@dataclass(frozen=True)
class Job:
    """`claim` takes up to a number of items, `call` handles one of them without the database, and
    `record` stores many results. `not_called` is the result of an item that was not called in the
    end, if that has to be stored: the worker stops, or another result `asks_to_back_off` of all.
    `threads` is how many calls are made at once. Nothing is claimed until `may_begin`.

    Where all processes share a rate, nothing is claimed ahead of its call, and `is_held_up` tells
    of a claim that began at some time and found nothing whether that may be for want of room alone.
    """

    name: str
    threads: int
    claim: Callable[[int], Sequence[Any]]
    call: Callable[[Any], Any]
    record: Callable[[Sequence[Any]], None]
    not_called: Callable[[Any], Any] = lambda _item: None
    asks_to_back_off: Callable[[Any], bool] = lambda _result: False
    is_held_up: Callable[[datetime], bool] | None = None
    may_begin: Callable[[], bool] | None = None


def submit(
    client: heleket.HeleketClient,
    account: GatewayAccount,
    threads: int,
    may_begin: Callable[[], bool] | None = None,
) -> Job:
    streak = submission.Streak()
    return Job(
        name="submit",
        threads=threads,
        claim=while_ours(account, partial(submission.claim, account=account)),
        call=lambda call: streak.judge(submission.send(call, client, timeout=account.timeout)),
        record=partial(submission.record, account=account),
        not_called=not_sent,
        asks_to_back_off=asks_to_back_off,
        is_held_up=held_up(account, lambda now: Payout.objects.sendable().due(now)),
        may_begin=may_begin,
    )


def while_ours(
    account: GatewayAccount, claim: Callable[[int], Sequence[Any]]
) -> Callable[[int], Sequence[Any]]:
    """Claim nothing once the database is bound to another account than this process works for."""
    is_said = False

    def claim_while_ours(most: int) -> Sequence[Any]:
        nonlocal is_said
        if is_still_ours(account):
            is_said = False
            return claim(most)
        if not is_said:
            logger.error("the database belongs to another account now: nothing is sent or asked")
        is_said = True
        return []

    return claim_while_ours


def held_up(
    account: GatewayAccount, due: Callable[[datetime], QuerySet[Any]]
) -> Callable[[datetime], bool] | None:
    """Where there is a rate: whether something is due, for which there may have been no room."""
    rate = account.calls_per_second
    if not rate:
        return None
    return lambda began: rate_limit.was_full(began, rate) and due(clock.now()).exists()


def asks_to_back_off(result: submission.Answer | polling.Reply) -> bool:
    if isinstance(result, submission.Answer):
        return result.breaks_off or isinstance(result.outcome, heleket.TooManyRequests)
    return isinstance(result.answer, heleket.TooManyRequests)


def not_sent(call: submission.Call) -> submission.Answer:
    return submission.Answer(call, submission.Unsent(Reason(PayoutCode.NOT_CALLED)))


def check(client: heleket.HeleketClient, account: GatewayAccount, threads: int) -> Job:
    return Job(
        name="check",
        threads=threads,
        claim=while_ours(account, partial(polling.claim, account=account)),
        call=partial(polling.ask, client=client, timeout=account.timeout),
        record=partial(polling.record, account=account),
        asks_to_back_off=asks_to_back_off,
        is_held_up=held_up(account, lambda now: Payout.objects.askable().due(now)),
    )


def watch(client: heleket.HeleketClient, account: GatewayAccount) -> Job:
    """Ask about what is not under way: earlier tries, and what was ended or put back."""
    return Job(
        name="watch",
        threads=1,
        claim=while_ours(account, partial(polling.claim_watched, account=account)),
        call=partial(polling.ask, client=client, timeout=account.timeout),
        record=partial(polling.record, account=account),
        asks_to_back_off=asks_to_back_off,
        is_held_up=held_up(account, polling.watched),
    )


def all_jobs(
    client: heleket.HeleketClient,
    account: GatewayAccount,
    threads: int,
    may_send: Callable[[], bool] | None = None,
) -> list[Job]:
    return [
        submit(client, account, threads, may_send),
        check(client, account, threads),
        watch(client, account),
    ]
