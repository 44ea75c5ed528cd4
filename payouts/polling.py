"""Asking Heleket about payouts: lost ones, unfinished ones, and for a month those not paid.

Claim a question for a moment, ask without lock or transaction, record the answer.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.jobs import Claimed
from audit.operations import Outcome, perform
from payouts import explain, operations, question_answers, recording
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt, Payout
from payouts.seen import Seen
from payouts.settling import Case, record_batch, settle

# Long enough for an answer to be recorded before another worker asks the same again.
QUESTION_LASTS = timedelta(seconds=90)


@dataclass(frozen=True)
class Question:
    attempt_id: int
    order_id: str
    asked_at: datetime
    wants_cancel: bool
    linked_uuid: str = ""  # asked by this in place of the order id


Answer = heleket.RemotePayout | heleket.HeleketError


@dataclass(frozen=True)
class Reply:
    question: Question
    answer: Answer


def claim(
    limit: int, account: GatewayAccount, *, only: Collection[UUID] | None = None
) -> Claimed[Question]:
    """Take up to `limit` payouts about which Heleket should be asked now, or those of `only`."""
    rate = account.calls_per_second
    with transaction.atomic(durable=True):
        most, now = rate_limit.available(limit, rate), clock.now()
        askable = Payout.objects.askable()
        askable = askable.due(now) if only is None else askable.filter(pk__in=only)
        locked = askable.select_for_update(skip_locked=True).order_by("due_at", "number")
        if not most:
            return Claimed(look_again=rate_limit.look_again(rate, askable.exists))
        ids = [payout.pk for payout in locked.only("pk")[:most]]
        if not ids:
            return Claimed()
        Payout.objects.filter(pk__in=ids).update(due_at=now + QUESTION_LASTS)
        rate_limit.consume(len(ids), rate)
    current = Attempt.objects.filter(payout__in=ids, generation=F("payout__generation"))
    names = ["order_id", "uuid", "is_linked", "payout__cancel_asked_at"]
    asked = current.select_related("payout").only(*names)
    return Claimed(
        [
            question(each, now, wants_cancel=each.payout.cancel_asked_at is not None)
            for each in asked
        ]
    )


def question(attempt: Attempt, asked_at: datetime, *, wants_cancel: bool = False) -> Question:
    return Question(attempt.pk, attempt.order_id, asked_at, wants_cancel, attempt.linked_uuid)


def claim_watched(limit: int, account: GatewayAccount) -> Claimed[Question]:
    """Take attempts that are not under way and asked about all the same: earlier tries, and what
    was ended or put back though it was called."""
    rate = account.calls_per_second
    with transaction.atomic(durable=True):
        most, now = rate_limit.available(limit, rate), clock.now()
        due = watched(now)
        if not most:
            return Claimed(look_again=rate_limit.look_again(rate, due.exists))
        locked = due.select_for_update(skip_locked=True)
        attempts = list(locked.order_by("watch_at")[:most])
        if not attempts:
            return Claimed()
        Attempt.objects.filter(pk__in=[each.pk for each in attempts]).update(
            watch_at=now + QUESTION_LASTS
        )
        rate_limit.consume(len(attempts), rate)
    return Claimed([question(each, now) for each in attempts])


def watched(now: datetime) -> QuerySet[Attempt]:
    return Attempt.objects.filter(watch_at__lte=now)


def ask(question: Question, client: heleket.HeleketClient, *, timeout: float) -> Reply:
    """Ask Heleket what it has. Touches neither database nor lock."""
    deadline = time.monotonic() + timeout
    try:
        if question.linked_uuid:
            return Reply(question, client.get_payout(uuid=question.linked_uuid, deadline=deadline))
        if question.wants_cancel:
            found = client.cancel_payout(question.order_id, deadline=deadline).remote
            return Reply(question, found or heleket.PayoutNotFound("Payout not found"))
        return Reply(question, client.get_payout(order_id=question.order_id, deadline=deadline))
    except heleket.HeleketError as exc:
        return Reply(question, exc)


def record(replies: Sequence[Reply], account: GatewayAccount) -> None:
    """Store what Heleket said; one reply that cannot be stored does not hold up the others."""

    def store(some: Sequence[Reply]) -> None:
        ids = [reply.question.attempt_id for reply in some]
        with settle(ids, actor=Actor.system(Channel.POLL)) as cases:
            owners = recording.owners_of(reply.answer for reply in some)
            for reply in some:
                apply(cases[reply.question.attempt_id], reply, owners, account)

    rate_limit.back_off_if_asked(reply.answer for reply in replies)
    record_batch(replies, store)


def apply(
    case: Case,
    reply: Reply,
    owners: Mapping[str, str],
    account: GatewayAccount,
    *,
    channel: Channel = Channel.POLL,
) -> None:
    match reply.answer:
        case heleket.RemotePayout():
            asked_at = reply.question.asked_at
            recording.apply_remote(case, reply.answer, owners, channel=channel, asked_at=asked_at)
            recording.watch_on(case, is_final=reply.answer.is_final)
        case heleket.PayoutNotFound():
            question_answers.apply_not_found(case, reply.question.asked_at, account)
        case heleket.HeleketError():
            question_answers.apply_no_reply(case, reply.answer)


def ask_now(
    seen: Seen, client: heleket.HeleketClient, account: GatewayAccount, *, actor: Actor
) -> Outcome:
    """Ask Heleket about one payout at a person's word and return what it said."""
    [outcome] = perform(operations.REQUEST_CHECK, [seen], actor=actor)
    if not outcome.done:
        return outcome
    for question in claim(1, account, only=[seen.id]).items:
        reply = ask(question, client, timeout=account.timeout)
        record([reply], account)
        result = explain.outcome_of(seen.id)
        if isinstance(reply.answer, heleket.HeleketError):
            return replace(result, text=f"{reply.answer.message} {result.text}")
        return result
    return outcome
