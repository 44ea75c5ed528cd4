"""What it does to a payout that Heleket does not have it, or does not say."""

from datetime import datetime

import heleket
from audit import clock
from audit.codes import Reason
from payouts.codes import PayoutCode
from payouts.discrepancies import NOT_FOUND, Kind, count_unclear, open_discrepancy
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt, EventType, Payout, PayoutStatus, WaitingFor
from payouts.recording import NEVER_HAD_IT, go_on_without, keep_answer
from payouts.schedule import (
    ask_later,
    growing_wait,
    may_arrive_until,
    next_watch,
    not_later_than_asked,
)
from payouts.settling import Case

NOT_FOUND_IS_STRANGE = 3
STOPS_REPEATS = (
    *(WaitingFor.APPROVALS, WaitingFor.WALLET),
    *(WaitingFor.SERVICE, WaitingFor.GATEWAY),
)


def apply_not_found(case: Case, asked_at: datetime, account: GatewayAccount) -> None:
    """Heleket said "not found" to a question asked at `asked_at`.

    For a lost call, two of them a quiet time apart allow a repeat of the same bytes and nothing
    more. To end the payout takes the release time.
    """
    payout = case.payout
    if not case.is_current:
        apply_still_not_found(case, asked_at, account)
    elif payout.waiting_for == WaitingFor.DISCREPANCY:
        ask_later(payout)
    elif payout.status == PayoutStatus.BROADCAST:
        count_vanished(case)
    else:
        count_not_found(case, asked_at, account)


def count_vanished(case: Case) -> None:
    case.attempt.not_found_count += 1
    if case.attempt.not_found_count >= NOT_FOUND_IS_STRANGE:
        open_discrepancy(case, Kind.VANISHED, NOT_FOUND)
    elif case.is_current:
        ask_later(case.payout)


def count_not_found(case: Case, asked_at: datetime, account: GatewayAccount) -> None:
    payout, first = case.payout, case.attempt.not_found_at
    quiet_until = first + account.quiet_time if first else case.attempt.quiet_until
    if quiet_until and asked_at < quiet_until:  # a call may still be on its way
        payout.due_at = not_later_than_asked(payout.due_at, quiet_until)
    elif first is None:
        case.attempt.not_found_at = asked_at
        case.log_event(EventType.NOT_FOUND, order_id=case.attempt.order_id)
        payout.due_at = not_later_than_asked(payout.due_at, asked_at + account.quiet_time)
    elif payout.cancel_asked_at or case.attempt.refusal or is_given_up(case, asked_at, account):
        end_after_release_time(case, asked_at, account)
    else:
        payout.may_repeat = True
        if not is_repeat_stopped(payout):  # else it is looked at again and again
            case.log_event(EventType.ALLOW_REPEAT, order_id=case.attempt.order_id)
        payout.due_at = clock.now()


def is_repeat_stopped(payout: Payout) -> bool:
    """Whether the last claim found something in the way of sending the same request again."""
    return payout.waiting_for in STOPS_REPEATS


def is_given_up(case: Case, asked_at: datetime, account: GatewayAccount) -> bool:
    return is_repeat_stopped(case.payout) and not is_within_release_time(
        case.attempt, asked_at, account
    )


def is_within_release_time(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> bool:
    return bool(attempt.lease_until and asked_at < attempt.lease_until + account.release_time)


def end_after_release_time(case: Case, asked_at: datetime, account: GatewayAccount) -> None:
    """End a lost payout that Heleket has never known, and go on asking for a month."""
    payout = case.payout
    if is_within_release_time(case.attempt, asked_at, account):
        ask_later(payout)
        return
    release(case.attempt, asked_at)
    if payout.cancel_asked_at:
        case.log_event(EventType.WITHDRAW, NEVER_HAD_IT, order_id=case.attempt.order_id)
        payout.withdraw(NEVER_HAD_IT)
    else:
        refusal = case.attempt.refusal
        reason = Reason(PayoutCode.REFUSED, refusal) if refusal else payout.why
        case.log_event(EventType.FAIL, reason, order_id=case.attempt.order_id)
        payout.fail(reason)


def apply_still_not_found(case: Case, asked_at: datetime, account: GatewayAccount) -> None:
    """Heleket does not have what is watched: an earlier try, or what was ended or put back.

    Late enough after its last call that releases it: a later try may go. A cancel that was asked
    for takes two such answers a quiet time apart.
    """
    payout, first = case.payout, case.attempt.not_found_at
    is_past = payout.is_ended or case.attempt.generation != payout.generation
    earliest = may_arrive_until(case.attempt, account)
    if payout.cancel_asked_at and first and not case.attempt.released_at:
        earliest = max(earliest, first + account.quiet_time)
    if case.attempt.uuid:  # Heleket knew it once: that says nothing
        case.attempt.watch_at = next_watch(case.attempt)
        if case.attempt.is_awaited and payout.is_ended:
            count_vanished(case)
    elif asked_at < earliest:
        case.attempt.watch_at = not_later_than_asked(case.attempt.watch_at, earliest)
    elif is_past or (payout.cancel_asked_at and first):
        release(case.attempt, asked_at)
        go_on_without(case)
    else:
        case.attempt.not_found_at = first or asked_at
        soon = asked_at + account.quiet_time if payout.cancel_asked_at else next_watch(case.attempt)
        case.attempt.watch_at = soon and not_later_than_asked(case.attempt.watch_at, soon)


def release(attempt: Attempt, asked_at: datetime) -> None:
    """From here on it counts as never executed. Heleket is asked about it for a month more."""
    attempt.released_at = attempt.released_at or clock.now()
    attempt.clear_at = asked_at
    attempt.watch_at = next_watch(attempt)


def apply_no_reply(case: Case, trouble: heleket.HeleketError) -> None:
    """The question was not answered, or with words that say nothing about this payout."""
    keep_answer(case.attempt, trouble)
    if case.is_current:
        ask_later(case.payout)
        count_unclear(case, trouble)
    elif case.attempt.watch_at:
        later = clock.now() + growing_wait(case.payout)
        case.attempt.watch_at = not_later_than_asked(case.attempt.watch_at, later)
