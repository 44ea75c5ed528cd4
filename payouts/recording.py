"""What Heleket's answers do to a payout. Submission, checks and reconciliation all end here.

Only an answer to our own call counts, only `is_final: true` is final, and while a call is
unanswered no refusal proves anything. What differs from what was sent is believed by nobody: it
opens a discrepancy and stops the payout.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction

import heleket
from audit import clock, database
from audit.events import log_event
from audit.models import Channel
from payouts import transitions
from payouts.gateway import breaker, rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.models import Pause
from payouts.models import FINAL_FAILURES, Attempt, Discrepancy, Payout, PayoutStatus, WaitingFor
from wallets.addresses import canonical
from wallets.amounts import exact, format_amount

logger = logging.getLogger(__name__)

Told = TypeVar("Told")

FIRST_CHECK = timedelta(seconds=30)
LONGEST_CHECK = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(seconds=5)  # at most, of hosts and of moments in one transaction
WATCH_FOR = timedelta(days=30)
WATCH_EVERY = timedelta(days=1)
NOT_FOUND_IS_STRANGE = 3
UNCLEAR_IS_STRANGE = 10  # the same words that say nothing
FIRST_RETRY = timedelta(seconds=1)  # after a connection that was not made
LONGEST_RETRY = timedelta(minutes=5)
LONGEST_QUIET = 32  # times the quiet time, between repeats that all go unanswered

Kind = Discrepancy.Kind

ATTEMPT_COLUMNS = [
    field.attname
    for field in Attempt._meta.concrete_fields
    if field.name
    not in (
        "id",
        "payout",
        "generation",
        "order_id",
        "gateway_host",
        "merchant_id",
        "body",
        "created_at",
    )
]

WIDTHS = {field.attname: field.max_length for field in Attempt._meta.concrete_fields}


@contextmanager
def settle(attempt_ids: Iterable[int], *, source: Channel) -> Iterator[dict[int, Attempt]]:
    """Lock the payouts of these attempts and yield the attempts by id; save both, or none of it.

    Each attempt's `payout` is the locked row, and `payout.tries` has all attempts of that payout.
    They are locked as well: a webhook has one watched without touching its payout.
    """
    wanted = set(attempt_ids)
    owners = Attempt.objects.filter(pk__in=wanted).values_list("payout_id", flat=True)
    with transitions.change(set(owners), by=None, source=source) as payouts:
        rows = Attempt.objects.filter(payout__in=payouts).order_by("pk")
        attempts = list(rows.select_for_update())
        before = {attempt.pk: columns_of(attempt) for attempt in attempts}
        by_id = {payout.pk: payout for payout in payouts}
        for payout in payouts:
            payout.tries = []
        for attempt in attempts:
            attempt.payout = by_id[attempt.payout_id]
            attempt.payout.tries.append(attempt)
        yield {attempt.pk: attempt for attempt in attempts if attempt.pk in wanted}
        save_attempts([each for each in attempts if columns_of(each) != before[each.pk]])


def columns_of(attempt: Attempt) -> list[Any]:
    return [attempt.__dict__[name] for name in ATTEMPT_COLUMNS]


def save_attempts(attempts: Sequence[Attempt]) -> None:
    """Update all columns that may change, of all rows in one statement. They are locked."""
    if attempts:
        Attempt.objects.bulk_create(
            attempts, update_conflicts=True, unique_fields=["id"], update_fields=ATTEMPT_COLUMNS
        )


def together_or_each(told: Sequence[Told], store: Callable[[Sequence[Told]], None]) -> None:
    """Store all in one transaction, or else each in its own.

    One that cannot be stored does not hold up the others: its payout stays as it was, and Heleket
    is asked about it when its lease is over. Raises what the database raised if it was the database
    that failed (`database`): what was stored is stored, and all of it may be stored again.
    """
    try:
        store(told)
    except Exception as exc:
        if database.has_failed(exc):
            raise
        logger.exception("could not record %d answers together", len(told))
        for each in told:
            try:
                store([each])
            except Exception as exc:
                if database.has_failed(exc):
                    raise
                logger.exception("could not record %r", each)


def heed(told: Iterable[object]) -> None:
    """Let all processes be silent if one of these answers asks for it. To be called before any
    payout is locked."""
    for each in told:
        if isinstance(each, heleket.HeleketError) and asks_for_silence(each):
            logger.warning("Heleket asks for silence: %s", each.message)
            with transaction.atomic():
                if rate_limit.fall_silent(seconds_asked(each)):
                    log_event("silence", each.message, by=None, source=Channel.WORKER)


def asks_for_silence(trouble: heleket.HeleketError) -> bool:
    """Whether it is 429, or another answer that names a time to come again."""
    return isinstance(trouble, heleket.TooManyRequests) or bool(seconds_asked(trouble))


def seconds_asked(trouble: heleket.HeleketError) -> float | None:
    return trouble.retry_after if isinstance(trouble, heleket.OutcomeUnknown) else None


# Answers to a create call


def answered(attempt: Attempt, call: int, account: GatewayAccount) -> None:
    """The call's own definite answer is in."""
    attempt.unanswered = [number for number in attempt.unanswered if number != call]
    if call == attempt.calls:
        attempt.quiet_until = clock.now() + account.quiet_time


def is_clear(told: object) -> bool:
    """Whether an answer to a create call says what became of it. A refusal in words that nobody
    has documented does not: it may hide that the call was executed."""
    if isinstance(told, heleket.RequestRejected):
        return told.kind != "unknown"
    return not isinstance(told, heleket.OutcomeUnknown)


def trouble_of(told: object) -> Pause.Cause | None:
    """Return which trouble on the way to Heleket an outcome is, if it is any."""
    if isinstance(told, heleket.Unavailable) and not is_refused_key(told):
        return Pause.Cause.UNREACHABLE
    if isinstance(told, heleket.OutcomeUnknown) and not says_nothing(told):
        is_slow_down = isinstance(told, heleket.TooManyRequests)
        return None if is_slow_down else Pause.Cause.NO_ANSWER
    return None


def apply_refusal(attempt: Attempt, refusal: heleket.RequestRejected) -> None:
    """End the payout, or have it wait, unless another call of it went unanswered."""
    payout = attempt.payout
    keep_answer(attempt, refusal)
    kind = refusal.kind
    if kind == "payout":
        attempt.refusal = refusal.message
    else:
        pause_for(kind, refusal.message, payout)
    if proves_nothing(payout):
        stay_lost(attempt, "refused", refusal.message)
    elif payout.status != PayoutStatus.SUBMITTING:
        payout.tell("late_refusal", refusal.message)
    elif kind == "payout":
        payout.fail(refusal.message, order_id=attempt.order_id)
        watch(attempt)
    else:
        waiting_for = WaitingFor.FUNDS if kind == "funds" else WaitingFor.GATEWAY
        put_back(attempt, refusal.message, waiting_for)


def pause_for(kind: str, text: str, payout: Payout) -> None:
    cause = Pause.Cause(kind)
    breaker.pause(cause, text, currency=payout.currency if kind == "funds" else "")
    logger.warning("sending waits: %s (%s)", cause.label, text)


def apply_not_executed(attempt: Attempt, trouble: heleket.Unavailable) -> None:
    """Nothing came of the call: the payout goes back, unless another call went unanswered."""
    payout = attempt.payout
    keep_answer(attempt, trouble)
    logger.error("Heleket executes nothing: %s", trouble.message)
    if is_refused_key(trouble):
        breaker.pause(Pause.Cause.UNAUTHORIZED, trouble.message)
    else:
        attempt.unsent += 1
    if proves_nothing(payout):
        stay_lost(attempt, "not_executed", trouble.message)
    elif payout.status == PayoutStatus.SUBMITTING:
        wait = min(FIRST_RETRY * (1 << min(attempt.calls - 1, 20)), LONGEST_RETRY)
        due_at = None if is_refused_key(trouble) else clock.now() + wait
        put_back(attempt, trouble.message, WaitingFor.GATEWAY, due_at=due_at)


def is_refused_key(trouble: heleket.HeleketError) -> bool:
    return isinstance(trouble, heleket.Unauthorized | heleket.MissingCredentials)


def apply_no_answer(
    attempt: Attempt, call: int, trouble: heleket.HeleketError, account: GatewayAccount
) -> None:
    """Heleket may have it: it is asked soon, and nothing is sent again before the quiet time, which
    grows with each repeat that goes unanswered too."""
    keep_answer(attempt, trouble)
    if call == attempt.calls:  # a later one may still be on its way
        times = min(1 << max(len(attempt.unanswered) - 1, 0), LONGEST_QUIET)
        attempt.quiet_until = clock.now() + account.quiet_time * times
    if isinstance(trouble, heleket.TooManyRequests):
        breaker.pause(Pause.Cause.SLOW_DOWN, trouble.message, seconds=trouble.retry_after or 0)
    if isinstance(trouble, heleket.RequestRejected) and not others_accepted_since(attempt):
        pause_for("unknown", trouble.message, attempt.payout)
    if attempt.payout.status == PayoutStatus.SUBMITTING:
        stay_lost(attempt, "no_answer", trouble.message)
    count_unclear(attempt, trouble)


def others_accepted_since(attempt: Attempt) -> bool:
    """Whether Heleket has taken a payout that was first sent after this one: then what it refuses
    is this one, and not all of them."""
    return Attempt.objects.filter(pk__gt=attempt.pk, uuid__isnull=False).exists()


def count_unclear(attempt: Attempt, trouble: heleket.HeleketError) -> None:
    """Stop the payout once the same words that say nothing of it have come again and again.

    An outage is none of that: it passes, and its pause shows how long it lasts.
    """
    if not says_nothing(trouble):
        return
    words = f"HTTP {trouble.status_code}: {trouble.message}"
    heard = attempt.unclear
    times = heard.get(words, 0) + 1
    if times < UNCLEAR_IS_STRANGE:
        kept = dict(list(heard.items())[-UNCLEAR_IS_STRANGE:])
        attempt.unclear = {**kept, words: times}
        return
    attempt.unclear = {}
    ours = f"asked and sent {times} times"
    open_discrepancy(attempt, Kind.UNCLEAR, ours, words)


def says_nothing(trouble: heleket.HeleketError) -> bool:
    if isinstance(trouble, heleket.RequestRejected):
        return trouble.kind in ("unknown", "payout")
    if not isinstance(trouble, heleket.OutcomeUnknown) or trouble.status_code is None:
        return False
    return trouble.status_code != 429 and trouble.status_code < 500


def apply_unsent(attempt: Attempt, reason: str) -> None:
    """The call was never made."""
    payout = attempt.payout
    attempt.unsent += 1
    if payout.status != PayoutStatus.SUBMITTING:
        return
    if proves_nothing(payout):
        stay_lost(attempt, "unsent", reason)
    else:
        put_back(attempt, reason, WaitingFor.WORKER, due_at=clock.now() + FIRST_CHECK)


def proves_nothing(payout: Payout) -> bool:
    """Whether a call that was not executed moves it nowhere: another one may have been executed, or
    Heleket has told something that people are looking at."""
    is_stopped = payout.waiting_for == WaitingFor.DISCREPANCY
    return is_stopped or any(each.is_open_question for each in payout.tries)


def stay_lost(attempt: Attempt, act: str, text: str) -> None:
    """It is still not known whether Heleket has it. Heleket is asked, unless it is stopped."""
    payout = attempt.payout
    payout.tell(act, text, order_id=attempt.order_id)
    if payout.waiting_for != WaitingFor.DISCREPANCY:
        payout.status_reason = text
        payout.wait_for(WaitingFor.ANSWER, due_at=next_question(payout, FIRST_CHECK))


def put_back(
    attempt: Attempt, text: str, waiting_for: WaitingFor, *, due_at: datetime | None = None
) -> None:
    """Have it sent later, in its old place without `due_at`; or end it, if that was asked. A call
    that reached Heleket may have been executed whatever the answer said: it is watched."""
    payout = attempt.payout
    payout.put_back(text)
    payout.status_reason = text
    if attempt.was_called:
        watch(attempt)
    if payout.cancel_asked_at and all(each.is_over for each in payout.tries):
        payout.cancel("Cancelled as asked: it was never sent.")
    elif payout.cancel_asked_at:
        payout.wait_for(WaitingFor.ANSWER)
    else:
        payout.wait_for(waiting_for, due_at=due_at or payout.approved_at)


# What Heleket has


def owners_of(told: Iterable[object]) -> dict[str, str]:
    """Return which of our order ids have Heleket's ids in these answers already."""
    uuids = {each.uuid for each in told if isinstance(each, heleket.RemotePayout)}
    owners = Attempt.objects.filter(uuid__in=uuids).values_list("uuid", "order_id")
    return {uuid: order_id for uuid, order_id in owners if uuid}


def apply_remote(
    attempt: Attempt,
    remote: heleket.RemotePayout,
    owners: Mapping[str, str],
    *,
    source: Channel,
    asked_at: datetime,
) -> None:
    """Take over what Heleket says of this attempt, if it is what was sent.

    `owners` is what `owners_of` said of it and others, with their payouts locked.
    """
    owner = owners.get(remote.uuid, attempt.order_id)
    if ours_and_theirs := difference(attempt, remote):
        open_discrepancy(attempt, Kind.DIFFERENT, *ours_and_theirs, critical=True)
    elif owner != attempt.order_id:
        ours = f"{remote.uuid} belongs to {owner}"
        open_discrepancy(attempt, Kind.UUID_TAKEN, ours, describe(remote), critical=True)
    elif is_current(attempt):
        move_on(attempt, remote, source)
    else:
        compare_with_what_is_known(attempt, remote, source, asked_at)


def move_on(attempt: Attempt, remote: heleket.RemotePayout, source: Channel) -> None:
    payout, was = attempt.payout, (attempt.remote_status, attempt.is_final)
    keep_facts(attempt, remote, source)
    told = {"uuid": remote.uuid, "remote_status": remote.status, "order_id": attempt.order_id}
    is_news = (attempt.remote_status, attempt.is_final) != was
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        if is_news:
            payout.tell("told", **told)
            add_to_discrepancies(payout, remote)
        ask_later(payout)
    elif is_paid(remote):
        payout.confirm(txid=remote.txid or "", **told)
    elif is_final_failure(remote):
        payout.fail(why_failed(remote), **told)
    elif remote.is_final:
        ours = payout.get_status_display()
        open_discrepancy(attempt, Kind.UNKNOWN_WORD, ours, describe(remote), critical=True)
    elif payout.status == PayoutStatus.SUBMITTING:
        payout.accept(**told)
        payout.wait_for(WaitingFor.FINAL_WORD, due_at=next_question(payout, FIRST_CHECK))
    else:
        if is_news:
            payout.tell("told", **told)
        ask_later(payout)


def compare_with_what_is_known(
    attempt: Attempt, remote: heleket.RemotePayout, source: Channel, asked_at: datetime
) -> None:
    """Judge an answer about what is not under way: nothing leaves a final word, and what
    contradicts it, or what we took for never sent, is shown to people."""
    payout = attempt.payout
    was_known, is_earlier = attempt.uuid is not None, attempt.generation != payout.generation
    was_paid = payout.status == PayoutStatus.CONFIRMED and not is_earlier
    agrees = is_paid(remote) if was_paid else is_final_failure(remote) and (was_known or is_earlier)
    if agrees:
        keep_facts(attempt, remote, source)
        go_on_without(attempt)
        return
    holds_up = is_earlier and not payout.is_ended
    is_old = was_known and not remote.is_final and (was_paid or remote.status != "paid")
    if is_old and not (holds_up and attempt.clear_at and asked_at > attempt.clear_at):
        return  # an answer from before the final word, which was recorded late
    kind = Kind.CONTRADICTION if was_known else Kind.FOUND_LATE
    if holds_up:
        kind = Kind.EARLIER
    open_discrepancy(attempt, kind, payout.get_status_display(), describe(remote), critical=True)


def is_current(attempt: Attempt) -> bool:
    """Whether the payout stands or falls with this attempt at the moment."""
    return attempt.generation == attempt.payout.generation and is_under_way(attempt.payout)


def is_under_way(payout: Payout) -> bool:
    return payout.status in (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)


def is_paid(remote: heleket.RemotePayout) -> bool:
    return remote.is_final and remote.status == "paid"


def is_final_failure(remote: heleket.RemotePayout) -> bool:
    return remote.is_final and remote.status in FINAL_FAILURES


def why_failed(remote: heleket.RemotePayout) -> str:
    told = f" ({remote.fail_reason})" if remote.fail_reason else ""
    if remote.status == "cancel":
        return f"Cancelled at Heleket{told}."
    return f"Heleket could not pay it: {remote.status}{told}."


def ask_later(payout: Payout) -> None:
    """Ask again after 30 s, then twice as long each time, up to 15 min; what is stopped for people
    every 15 min for a day, then daily."""
    payout.due_at = next_question(payout, growing_wait(payout))


def growing_wait(payout: Payout) -> timedelta:
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        is_new = clock.now() < (payout.waiting_since or clock.now()) + WATCH_EVERY
        return LONGEST_CHECK if is_new else WATCH_EVERY
    payout.checks += 1
    return min(FIRST_CHECK * (1 << min(payout.checks - 1, 6)), LONGEST_CHECK)


def next_question(payout: Payout, wait: timedelta) -> datetime:
    """What a webhook or a person made due while Heleket was being asked stays due."""
    return not_later_than_asked(payout.due_at, clock.now() + wait)


def not_later_than_asked(asked_for: datetime | None, at: datetime) -> datetime:
    return asked_for if asked_for and is_asked_for(asked_for) else at


def is_asked_for(at: datetime) -> bool:
    """Whether somebody asked for this time: the claim of a question or of a call put it off for
    longer. Who asks may have waited for a lock less, or have a clock that is a little ahead."""
    return at <= clock.now() + CLOCKS_DIFFER


# What Heleket does not have, or does not say


def apply_not_found(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> None:
    """Heleket said "not found" to a question asked at `asked_at`.

    For a lost call, two of them a quiet time apart allow a repeat of the same bytes and nothing
    more. To end the payout takes the release time.
    """
    payout = attempt.payout
    if not is_current(attempt):
        apply_still_not_found(attempt, asked_at, account)
    elif payout.waiting_for == WaitingFor.DISCREPANCY:
        ask_later(payout)
    elif payout.status == PayoutStatus.BROADCAST:
        count_vanished(attempt)
    else:
        count_not_found(attempt, asked_at, account)


def count_vanished(attempt: Attempt) -> None:
    attempt.not_found_count += 1
    if attempt.not_found_count >= NOT_FOUND_IS_STRANGE:
        theirs = f"not found, {attempt.not_found_count} times"
        open_discrepancy(attempt, Kind.VANISHED, attempt.remote_status, theirs)
    else:
        ask_later(attempt.payout)


def count_not_found(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> None:
    payout, first = attempt.payout, attempt.not_found_at
    quiet_until = first + account.quiet_time if first else attempt.quiet_until
    if quiet_until and asked_at < quiet_until:  # a call may still be on its way
        payout.due_at = not_later_than_asked(payout.due_at, quiet_until)
    elif first is None:
        attempt.not_found_at = asked_at
        payout.tell("not_found", order_id=attempt.order_id)
        payout.due_at = not_later_than_asked(payout.due_at, asked_at + account.quiet_time)
    elif payout.cancel_asked_at or attempt.refusal or is_given_up(attempt, asked_at, account):
        end_after_release_time(attempt, asked_at, account)
    else:
        payout.may_repeat = True
        if not is_repeat_stopped(payout):  # else it is looked at again and again
            payout.tell("may_repeat", order_id=attempt.order_id)
        payout.due_at = clock.now()


def is_repeat_stopped(payout: Payout) -> bool:
    """Whether the last claim found something in the way of sending the same request again."""
    return payout.waiting_for in (WaitingFor.APPROVALS, WaitingFor.WALLET, WaitingFor.SERVICE)


def is_given_up(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> bool:
    return is_repeat_stopped(attempt.payout) and not is_within_release_time(
        attempt, asked_at, account
    )


def is_within_release_time(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> bool:
    return bool(attempt.lease_until and asked_at < attempt.lease_until + account.release_time)


def end_after_release_time(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> None:
    """End a lost payout that Heleket has never known, and go on asking for a month."""
    payout = attempt.payout
    if is_within_release_time(attempt, asked_at, account):
        ask_later(payout)
        return
    release(attempt, asked_at)
    if payout.cancel_asked_at:
        payout.withdraw("Cancelled as asked: Heleket never had it.", order_id=attempt.order_id)
    else:
        payout.fail(attempt.refusal or payout.status_reason, order_id=attempt.order_id)


def apply_still_not_found(attempt: Attempt, asked_at: datetime, account: GatewayAccount) -> None:
    """Heleket does not have what is watched: an earlier try, or what was ended or put back.

    Late enough after its last call that releases it: a later try may go. A cancel that was asked
    for takes two such answers a quiet time apart.
    """
    payout, first = attempt.payout, attempt.not_found_at
    is_past = payout.is_ended or attempt.generation != payout.generation
    earliest = may_arrive_until(attempt, account)
    if payout.cancel_asked_at and first and not attempt.released_at:
        earliest = max(earliest, first + account.quiet_time)
    if attempt.uuid:  # Heleket knew it once: that says nothing
        attempt.watch_at = next_watch(attempt)
    elif asked_at < earliest:
        attempt.watch_at = not_later_than_asked(attempt.watch_at, earliest)
    elif is_past or (payout.cancel_asked_at and first):
        release(attempt, asked_at)
        go_on_without(attempt)
    else:
        attempt.not_found_at = first or asked_at
        soon = asked_at + account.quiet_time if payout.cancel_asked_at else next_watch(attempt)
        attempt.watch_at = soon and not_later_than_asked(attempt.watch_at, soon)


def may_arrive_until(attempt: Attempt, account: GatewayAccount) -> datetime:
    """Until when a "not found" proves nothing: a quiet time after the last call, or the release
    time where one of its calls went without a clear answer."""
    if attempt.unanswered and attempt.lease_until and attempt.uuid is None:
        return attempt.lease_until + account.release_time
    return attempt.quiet_until or attempt.created_at


def release(attempt: Attempt, asked_at: datetime) -> None:
    """From here on it counts as never executed. Heleket is asked about it for a month more."""
    attempt.released_at = attempt.released_at or clock.now()
    attempt.clear_at = asked_at
    attempt.watch_at = next_watch(attempt)


def go_on_without(attempt: Attempt) -> None:
    """Cancel what was to be cancelled, or have a later try looked at, once Heleket has said that
    it will not pay this one."""
    payout = attempt.payout
    if payout.cancel_asked_at and not payout.is_ended and not is_under_way(payout):
        if all(each.is_over for each in payout.tries):
            payout.cancel("Cancelled as asked: Heleket never had it.")
    elif payout.waiting_for == WaitingFor.ANSWER and is_to_be_sent(payout):
        payout.due_at = clock.now()


def is_to_be_sent(payout: Payout) -> bool:
    return payout.status == PayoutStatus.APPROVED or payout.may_repeat


def apply_silence(attempt: Attempt, trouble: heleket.HeleketError) -> None:
    """The question was not answered, or with words that say nothing about this payout."""
    keep_answer(attempt, trouble)
    if is_current(attempt):
        ask_later(attempt.payout)
        count_unclear(attempt, trouble)
    elif attempt.watch_at:
        later = clock.now() + growing_wait(attempt.payout)
        attempt.watch_at = not_later_than_asked(attempt.watch_at, later)


def watch(attempt: Attempt) -> None:
    """Have Heleket asked for a month about what is not under way: it may have it all the same."""
    attempt.watch_at = next_watch(attempt)


def watch_on(attempt: Attempt, *, is_final: bool) -> None:
    """Go on watching what is watched until Heleket's final word."""
    if attempt.watch_at and not is_asked_for(attempt.watch_at):
        is_done = is_final or is_current(attempt)
        attempt.watch_at = None if is_done else next_watch(attempt)


def next_watch(attempt: Attempt) -> datetime | None:
    """Ask when the quiet time is over, then ever more rarely, once a day at last. What a webhook
    made due meanwhile stays due."""
    now, called_at = clock.now(), attempt.lease_until or attempt.created_at
    if now >= (attempt.released_at or called_at) + WATCH_FOR:
        return None
    wait = min(max(now - called_at, LONGEST_CHECK), WATCH_EVERY)
    first = attempt.quiet_until or now
    return not_later_than_asked(attempt.watch_at, first if first > now else now + wait)


# Facts and differences


def keep_answer(attempt: Attempt, told: heleket.HeleketError) -> None:
    attempt.answer = told.answer or told.message
    attempt.answer_status, attempt.answered_at = told.status_code, clock.now()


def keep_facts(attempt: Attempt, remote: heleket.RemotePayout, source: Channel) -> None:
    """Store what Heleket told, each fact with the kind of answer that told it first."""
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
    }
    for name, value in facts.items():
        if isinstance(value, str):
            value = value[: WIDTHS[name]]
        if value is not None and value != getattr(attempt, name):
            setattr(attempt, name, value)
            attempt.sources = {**attempt.sources, name: str(source)}
    attempt.unclear = {}
    if attempt.has_failed:
        attempt.clear_at = clock.now()


def storable(amount: Decimal | None) -> Decimal | None:
    """An amount that our columns cannot hold exactly is shown in the answer and not stored."""
    try:
        return None if amount is None else exact(amount)
    except ValueError:
        return None


def difference(attempt: Attempt, remote: heleket.RemotePayout) -> tuple[str, str] | None:
    """Return what was sent and what Heleket has, in words, if they are not the same payout.

    A member that Heleket leaves out is no difference, nor is another spelling.
    """
    sent = json.loads(attempt.body)
    network = sent["network"]
    differs = [
        name
        for name, ours, theirs in [
            ("order_id", attempt.order_id, remote.order_id),
            ("uuid", attempt.uuid, remote.uuid),
            ("currency", sent["currency"].upper(), remote.currency and remote.currency.upper()),
            ("network", network.lower(), remote.network and remote.network.lower()),
            ("amount", Decimal(sent["amount"]), remote.amount),
            ("address", sent["address"], remote.address and canonical(network, remote.address)),
        ]
        if ours is not None and theirs is not None and ours != theirs
    ]
    if not differs:
        return None
    ours = {name: attempt.uuid if name == "uuid" else sent.get(name) for name in differs}
    theirs = {name: getattr(remote, name) for name in [*differs, "status", "is_final"]}
    return in_words(ours), in_words(theirs)


def describe(remote: heleket.RemotePayout) -> str:
    names = ["uuid", "status", "is_final", "amount", "currency", "network", "address", "txid"]
    return in_words({name: getattr(remote, name) for name in names})


def in_words(facts: dict[str, object]) -> str:
    told = {
        name: format_amount(fact) if isinstance(fact, Decimal) else fact
        for name, fact in facts.items()
        if fact is not None
    }
    return ", ".join(f"{name} {fact}" for name, fact in told.items())


def open_discrepancy(
    attempt: Attempt, kind: Kind, ours: str, theirs: str, *, critical: bool = False
) -> None:
    """Open one discrepancy, once, and stop the payout if it is not ended yet. What Heleket says
    otherwise later is added to it."""
    payout = attempt.payout
    if payout.is_ended and was_closed(kind, attempt.order_id, theirs):
        return
    known, is_new = Discrepancy.objects.get_or_create(
        kind=kind,
        key=attempt.order_id,
        closed_at=None,
        defaults={
            "payout": payout,
            "attempt": attempt,
            "is_critical": critical,
            "ours": ours,
            "theirs": theirs,
            "opened_at": clock.now(),
        },
    )
    if is_new:
        payout.tell("discrepancy", str(kind.label), ours=ours, theirs=theirs)
        logger.critical("discrepancy at %s: %s; ours %s; theirs %s", payout, kind, ours, theirs)
    elif known.theirs != theirs:
        payout.tell("told", theirs=theirs)
        Discrepancy.objects.filter(pk=known.pk).update(theirs=theirs)
    if not payout.is_ended:
        asks = is_under_way(payout)
        payout.stop(due_at=next_question(payout, growing_wait(payout)) if asks else None)


def was_closed(kind: Kind, order_id: str, theirs: str) -> bool:
    """Whether a person has looked at just this already: of an ended payout it is shown once."""
    closed = Discrepancy.objects.filter(kind=kind, key=order_id, theirs=theirs)
    return closed.exclude(closed_at=None).exists()


def add_to_discrepancies(payout: Payout, remote: heleket.RemotePayout) -> None:
    Discrepancy.objects.filter(payout=payout, closed_at=None).update(theirs=describe(remote))
