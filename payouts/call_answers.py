"""What answers to create calls do: while another call of it is unanswered, none moves a payout."""

import logging
from datetime import datetime, timedelta

import heleket
from audit import clock
from audit.codes import Reason
from payouts.codes import PayoutCode
from payouts.discrepancies import count_unclear, says_nothing
from payouts.funds import debit_of
from payouts.gateway import balance, breaker
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.models import Pause
from payouts.models import Attempt, EventType, Payout, PayoutStatus, WaitingFor
from payouts.recording import keep_answer
from payouts.schedule import FIRST_CHECK, next_question, watch
from payouts.settling import Case
from wallets.models import PayoutMethod

logger = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=1)  # after a connection that was not made
LONGEST_RETRY = timedelta(minutes=5)
LONGEST_QUIET = 32  # times the quiet time, between repeats that all go unanswered


def answered(attempt: Attempt, call: int, account: GatewayAccount) -> None:
    """The call's own definite answer is in."""
    attempt.unanswered = [number for number in attempt.unanswered if number != call]
    if call == attempt.calls:
        attempt.quiet_until = clock.now() + account.quiet_time


def is_clear(answer: object) -> bool:
    """Whether an answer to a create call says what became of it. A refusal in words that nobody
    has documented does not: it may hide that the call was executed."""
    if isinstance(answer, heleket.RequestRejected):
        return answer.kind != "unknown"
    return not isinstance(answer, heleket.OutcomeUnknown)


def trouble_of(answer: object) -> Pause.Cause | None:
    """Return which trouble on the way to Heleket an outcome is, if it is any."""
    if isinstance(answer, heleket.Unavailable) and not is_refused_key(answer):
        return Pause.Cause.UNREACHABLE
    if isinstance(answer, heleket.OutcomeUnknown) and not says_nothing(answer):
        is_slow_down = isinstance(answer, heleket.TooManyRequests)
        return None if is_slow_down else Pause.Cause.NO_ANSWER
    return None


def apply_refusal(case: Case, refusal: heleket.RequestRejected) -> None:
    """End the payout, or have it wait, unless another call of it went unanswered."""
    payout = case.payout
    keep_answer(case.attempt, refusal)
    kind = refusal.kind
    if kind == "payout":
        case.attempt.refusal = refusal.message
    else:
        pause_for(kind, refusal.message, payout)
    reason = Reason(PayoutCode.REFUSED, refusal.message)
    if proves_nothing(case):
        stay_lost(case, EventType.REFUSED, reason)
    elif payout.status != PayoutStatus.SUBMITTING:
        case.log_event(EventType.LATE_REFUSAL, reason)
    elif kind == "payout":
        case.log_event(EventType.FAIL, reason, order_id=case.attempt.order_id)
        payout.fail(reason)
        watch(case.attempt)
    else:
        waiting_for = WaitingFor.FUNDS if kind == "funds" else WaitingFor.GATEWAY
        put_back(case, reason, waiting_for)


def pause_for(kind: str, text: str, payout: Payout) -> None:
    cause = Pause.Cause(kind)
    if cause == Pause.Cause.FUNDS:
        methods = PayoutMethod.objects.by_coin([payout.currency])
        balance.note_refusal(payout.currency, debit_of(payout, methods))
    breaker.trip(cause, text, currency=payout.currency if kind == "funds" else "")
    logger.warning("sending waits: %s (%s)", cause.label, text)


def apply_not_executed(case: Case, trouble: heleket.Unavailable) -> None:
    """Nothing came of the call: the payout goes back, unless another call went unanswered."""
    payout = case.payout
    keep_answer(case.attempt, trouble)
    logger.error("Heleket executes nothing: %s", trouble.message)
    if is_refused_key(trouble):
        breaker.trip(Pause.Cause.UNAUTHORIZED, trouble.message)
    else:
        case.attempt.unsent += 1
    reason = Reason(PayoutCode.NOT_EXECUTED, trouble.message)
    if proves_nothing(case):
        stay_lost(case, EventType.NOT_EXECUTED, reason)
    elif payout.status == PayoutStatus.SUBMITTING:
        wait = min(FIRST_RETRY * (1 << min(case.attempt.calls - 1, 20)), LONGEST_RETRY)
        due_at = None if is_refused_key(trouble) else clock.now() + wait
        put_back(case, reason, WaitingFor.GATEWAY, due_at=due_at)


def is_refused_key(trouble: heleket.HeleketError) -> bool:
    return isinstance(trouble, heleket.Unauthorized | heleket.MissingCredentials)


def apply_no_answer(
    case: Case, call: int, trouble: heleket.HeleketError, account: GatewayAccount
) -> None:
    """Heleket may have it: it is asked soon, and nothing is sent again before the quiet time, which
    grows with each repeat that goes unanswered too."""
    keep_answer(case.attempt, trouble)
    if call == case.attempt.calls:  # a later one may still be on its way
        times = min(1 << max(len(case.attempt.unanswered) - 1, 0), LONGEST_QUIET)
        case.attempt.quiet_until = clock.now() + account.quiet_time * times
    if isinstance(trouble, heleket.TooManyRequests):
        breaker.trip(Pause.Cause.SLOW_DOWN, trouble.message, seconds=trouble.retry_after or 0)
    if isinstance(trouble, heleket.RequestRejected) and not others_accepted_since(case.attempt):
        pause_for("unknown", trouble.message, case.payout)
    if case.payout.status == PayoutStatus.SUBMITTING:
        stay_lost(case, EventType.NO_ANSWER, Reason(PayoutCode.NO_ANSWER, trouble.message))
    count_unclear(case, trouble)


def others_accepted_since(attempt: Attempt) -> bool:
    """Whether Heleket has taken a payout that was first sent after this one: then what it refuses
    is this one, and not all of them."""
    return Attempt.objects.filter(pk__gt=attempt.pk, uuid__isnull=False).exists()


def apply_unsent(case: Case, reason: Reason) -> None:
    """The call was never made."""
    payout = case.payout
    case.attempt.unsent += 1
    if payout.status != PayoutStatus.SUBMITTING:
        return
    if proves_nothing(case):
        stay_lost(case, EventType.UNSENT, reason)
    else:
        put_back(case, reason, WaitingFor.WORKER, due_at=clock.now() + FIRST_CHECK)


def proves_nothing(case: Case) -> bool:
    """Whether a call that was not executed moves it nowhere: another one may have been executed, or
    people are looking at something that Heleket said."""
    is_stopped = case.payout.waiting_for == WaitingFor.DISCREPANCY
    return is_stopped or any(each.is_open_question for each in case.attempts)


def stay_lost(case: Case, event_type: EventType, reason: Reason) -> None:
    """It is still not known whether Heleket has it. Heleket is asked, unless it is stopped."""
    payout = case.payout
    case.log_event(event_type, reason, order_id=case.attempt.order_id)
    if payout.waiting_for != WaitingFor.DISCREPANCY:
        payout.why = reason
        payout.wait_for(WaitingFor.ANSWER, due_at=next_question(payout, FIRST_CHECK))


def put_back(
    case: Case, reason: Reason, waiting_for: WaitingFor, *, due_at: datetime | None = None
) -> None:
    """Have it sent later, in its old place without `due_at`; or end it, if that was asked. A call
    that reached Heleket may have been executed whatever the answer said: it is watched."""
    payout = case.payout
    case.log_event(EventType.PUT_BACK, reason)
    payout.put_back()
    payout.why = reason
    if case.attempt.was_called:
        watch(case.attempt)
    if payout.cancel_asked_at and all(each.is_over for each in case.attempts):
        never_sent = Reason(PayoutCode.NEVER_SENT)
        case.log_event(EventType.CANCEL, never_sent)
        payout.cancel(never_sent)
    elif payout.cancel_asked_at:
        payout.wait_for(WaitingFor.ANSWER)
    else:
        payout.wait_for(waiting_for, due_at=due_at or payout.approved_at)
