"""What Heleket's answers do to a payout. Submission, polling and reconciliation all end here.

Only an answer to our own call counts, only `is_final: true` is final, and while a call is
unanswered no refusal proves anything (`call_answers`, `question_answers`). What differs from what
was sent is believed by nobody: it opens a discrepancy and stops the payout.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import heleket
from audit import clock
from audit.actor import Channel
from audit.codes import Reason
from payouts.codes import PayoutCode
from payouts.discrepancies import (
    Kind,
    describe,
    difference,
    note,
    open_discrepancy,
    stands,
    was_taken_for_unpaid,
)
from payouts.effective import add_up, take_for, was_paid
from payouts.models import (
    FINAL_FAILURES,
    Attempt,
    Effective,
    EventType,
    Payout,
    PayoutStatus,
    WaitingFor,
)
from payouts.schedule import (
    FIRST_CHECK,
    ask_later,
    is_asked_for,
    next_question,
    next_watch,
)
from payouts.settling import Case
from wallets.amounts import exact

WIDTHS = {field.attname: field.max_length for field in Attempt._meta.concrete_fields}
NEVER_HAD_IT = Reason(PayoutCode.NEVER_HAD_IT)


def owners_of(answers: Iterable[object]) -> dict[str, str]:
    """Return which of our order ids have Heleket's ids in these answers already."""
    uuids = {each.uuid for each in answers if isinstance(each, heleket.RemotePayout)}
    owners = Attempt.objects.filter(uuid__in=uuids).values_list("uuid", "order_id")
    return {uuid: order_id for uuid, order_id in owners if uuid}


def apply_remote(
    case: Case,
    remote: heleket.RemotePayout,
    owners: Mapping[str, str],
    *,
    channel: Channel,
    asked_at: datetime,
) -> None:
    """Take over what Heleket says of this attempt, if it is what was sent.

    `owners` is what `owners_of` said of it and others, with their payouts locked.
    """
    owner = owners.get(remote.uuid, case.attempt.order_id)
    if difference(case.attempt, remote):
        if not case.is_current and was_taken_for_unpaid(case, describe(remote)):
            case.attempt.clear_at = clock.now()
            go_on_without(case)
            return
        open_discrepancy(case, Kind.DIFFERENT, describe(remote), critical=True)
    elif owner != case.attempt.order_id:
        ours = {"uuid": remote.uuid, "order_id": owner}
        open_discrepancy(case, Kind.UUID_TAKEN, describe(remote), ours, critical=True)
    elif case.is_current:
        move_on(case, remote, channel)
    else:
        compare_with_what_is_known(case, remote, channel, asked_at)


def move_on(case: Case, remote: heleket.RemotePayout, channel: Channel) -> None:
    payout, was = case.payout, (case.attempt.remote_status, case.attempt.is_final)
    keep_facts(case.attempt, remote, channel)
    news = {"uuid": remote.uuid, "remote_status": remote.status, "order_id": case.attempt.order_id}
    is_news = (case.attempt.remote_status, case.attempt.is_final) != was
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        if not note(case, describe(remote)) and is_news:
            case.log_event(EventType.NEWS, **news)
        ask_later(payout)
    elif is_paid(remote):
        case.log_event(EventType.CONFIRM, txid=remote.txid or "", **news)
        payout.confirm()
    elif is_final_failure(remote):
        case.log_event(EventType.FAIL, why_failed(remote), **news)
        payout.fail(why_failed(remote))
    elif remote.is_final:
        open_discrepancy(case, Kind.UNKNOWN_WORD, describe(remote), critical=True)
    elif payout.status == PayoutStatus.SUBMITTING:
        case.log_event(EventType.ACCEPT, **news)
        payout.accept()
        payout.wait_for(WaitingFor.FINAL_WORD, due_at=next_question(payout, FIRST_CHECK))
    else:
        if is_news:
            case.log_event(EventType.NEWS, **news)
        ask_later(payout)


def compare_with_what_is_known(
    case: Case, remote: heleket.RemotePayout, channel: Channel, asked_at: datetime
) -> None:
    """Judge an answer about what is not under way: nothing leaves a final word, and what
    contradicts it, or what we took for never sent, is shown to people."""
    payout = case.payout
    if case.attempt.is_awaited and payout.is_ended:
        take_beside(case, remote, channel)
        return
    was_known, is_earlier = (
        case.attempt.uuid is not None,
        case.attempt.generation != payout.generation,
    )
    counts = was_paid(payout, case.attempt)
    agrees = is_paid(remote) if counts else is_final_failure(remote) and (was_known or is_earlier)
    if agrees:
        keep_facts(case.attempt, remote, channel)
        go_on_without(case)
        return
    holds_up = is_earlier and not payout.is_ended
    is_old = was_known and not remote.is_final and (counts or remote.status != "paid")
    if is_old and not (holds_up and case.attempt.clear_at and asked_at > case.attempt.clear_at):
        return  # an answer from before the final word, which was recorded late
    kind = Kind.CONTRADICTION if was_known else Kind.FOUND_LATE
    if holds_up:
        kind = Kind.EARLIER
    open_discrepancy(case, kind, describe(remote), critical=True)


def take_beside(case: Case, remote: heleket.RemotePayout, channel: Channel) -> None:
    """Take over what Heleket says of a payout made by hand that was linked to one which had failed:
    the final status stays, and what was paid counts beside it."""
    payout, was = case.payout, (case.attempt.remote_status, case.attempt.is_final)
    keep_facts(case.attempt, remote, channel)
    if stands(payout):
        note(case, describe(remote))
    elif is_paid(remote):
        amount, currency = remote.amount or payout.amount, remote.currency or payout.currency
        take_for(case.attempt, Effective.PAID, amount, currency)
        add_up(payout, case.attempts)
    elif remote.is_final and not is_final_failure(remote):
        open_discrepancy(case, Kind.UNKNOWN_WORD, describe(remote), critical=True)
    if (case.attempt.remote_status, case.attempt.is_final) != was:
        news = {"uuid": remote.uuid, "remote_status": remote.status, "txid": remote.txid or ""}
        case.log_event(EventType.NEWS, **news)


def is_paid(remote: heleket.RemotePayout) -> bool:
    return remote.is_final and remote.status == "paid"


def is_final_failure(remote: heleket.RemotePayout) -> bool:
    return remote.is_final and remote.status in FINAL_FAILURES


def why_failed(remote: heleket.RemotePayout) -> Reason:
    if remote.status == "cancel":
        return Reason(PayoutCode.CANCELLED_THERE, remote.fail_reason or "")
    words = f"{remote.status} ({remote.fail_reason})" if remote.fail_reason else remote.status
    return Reason(PayoutCode.NOT_PAID, words)


def go_on_without(case: Case) -> None:
    """Cancel what was to be cancelled, or have a later try looked at, once Heleket has said that
    it will not pay this one."""
    payout = case.payout
    if payout.cancel_asked_at and not payout.is_ended and not payout.is_under_way:
        if all(each.is_over for each in case.attempts):
            case.log_event(EventType.CANCEL, NEVER_HAD_IT)
            payout.cancel(NEVER_HAD_IT)
    elif payout.waiting_for == WaitingFor.ANSWER and is_to_be_sent(payout):
        payout.due_at = clock.now()


def is_to_be_sent(payout: Payout) -> bool:
    return payout.status == PayoutStatus.APPROVED or payout.may_repeat


def watch_on(case: Case, *, is_final: bool) -> None:
    """Go on watching what is watched until Heleket's final word."""
    if case.attempt.watch_at and not is_asked_for(case.attempt.watch_at):
        is_done = is_final or case.is_current
        case.attempt.watch_at = None if is_done else next_watch(case.attempt)


# Facts


def keep_answer(attempt: Attempt, trouble: heleket.HeleketError) -> None:
    attempt.answer = trouble.answer or trouble.message
    attempt.answer_status, attempt.answered_at = trouble.status_code, clock.now()


def keep_facts(attempt: Attempt, remote: heleket.RemotePayout, channel: Channel) -> None:
    """Store what Heleket says, each fact with the kind of answer that said it first."""
    attempt.answer, attempt.answer_status, attempt.answered_at = remote.answer, 200, clock.now()
    attempt.not_found_at, attempt.not_found_count = None, 0
    facts = {
        "uuid": remote.uuid,
        "remote_status": remote.status,
        "is_final": remote.is_final,
        "txid": remote.txid,
        "commission": storable(remote.commission),
        "merchant_amount": storable(remote.merchant_amount),
        "payer_amount": storable(remote.payer_amount),
        "payer_currency": remote.payer_currency,
        "created_there_at": remote.created_at,
    }
    for name, value in facts.items():
        if isinstance(value, str):
            value = value[: WIDTHS[name]]
        if value is not None and value != getattr(attempt, name):
            setattr(attempt, name, value)
            attempt.sources = {**attempt.sources, name: str(channel)}
    attempt.unclear = {}
    if attempt.has_failed:
        attempt.clear_at = clock.now()


def storable(amount: Decimal | None) -> Decimal | None:
    """An amount that our columns cannot hold exactly is shown in the answer and not stored."""
    try:
        return None if amount is None else exact(amount)
    except ValueError:
        return None
