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
from typing import TypeVar

from django.db import transaction

import heleket
from payouts import clock, database, door, pauses
from payouts.controls import pace
from payouts.desk import Desk
from payouts.models import (
    Attempt,
    Discrepancy,
    Pause,
    Payout,
    PayoutStatus,
    Source,
    WaitingFor,
)
from wallets.addresses import check_address
from wallets.amounts import exact, format_amount
from wallets.errors import InvalidAddress

logger = logging.getLogger(__name__)

Told = TypeVar("Told")

FINAL_FAILURES = {"fail", "system_fail", "cancel"}
FIRST_CHECK = timedelta(seconds=30)
LONGEST_CHECK = timedelta(minutes=15)
WATCH_FOR = timedelta(days=30)
WATCH_EVERY = timedelta(days=1)
NOT_FOUND_IS_STRANGE = 3

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
def settle(attempt_ids: Iterable[int], *, source: Source) -> Iterator[dict[int, Attempt]]:
    """Lock the payouts of these attempts and yield the attempts by id; save both, or none of it.

    Each attempt's `payout` is the locked row, and `payout.tries` has all attempts of that payout.
    """
    wanted = set(attempt_ids)
    owners = Attempt.objects.filter(pk__in=wanted).values_list("payout_id", flat=True)
    with door.change(set(owners), by=None, source=source) as payouts:
        attempts = list(Attempt.objects.filter(payout__in=payouts).order_by("pk"))
        by_id = {payout.pk: payout for payout in payouts}
        for payout in payouts:
            payout.tries = []
        for attempt in attempts:
            attempt.payout = by_id[attempt.payout_id]
            attempt.payout.tries.append(attempt)
        chosen = {attempt.pk: attempt for attempt in attempts if attempt.pk in wanted}
        yield chosen
        save_attempts(list(chosen.values()))


def save_attempts(attempts: Sequence[Attempt]) -> None:
    """Update all columns that may change, of all rows in one statement."""
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
        if isinstance(each, heleket.TooManyRequests):
            logger.warning("Heleket asks for silence: %s", each.message)
            with transaction.atomic():
                if pace.fall_silent(each.retry_after):
                    door.tell_desk("silence", each.message, by=None, source=Source.WORKER)


# Answers to a create call


def answered(attempt: Attempt, call: int) -> None:
    """The call's own definite answer is in."""
    attempt.unanswered = [number for number in attempt.unanswered if number != call]


def apply_refusal(attempt: Attempt, refusal: heleket.RequestRejected) -> None:
    """End the payout, or have it wait, unless another call of it went unanswered."""
    payout = attempt.payout
    keep_answer(attempt, refusal)
    kind = heleket.kind_of_refusal(refusal.message)
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
    else:
        waiting_for = WaitingFor.FUNDS if kind == "funds" else WaitingFor.GATEWAY
        # Others go first if the text may be about this payout alone.
        due_at = clock.now() if kind == "unknown" else None
        put_back(payout, refusal.message, waiting_for, due_at=due_at)


def pause_for(kind: str, text: str, payout: Payout) -> None:
    cause = Pause.Cause(kind)
    pauses.pause(cause, text, currency=payout.currency if kind == "funds" else "")
    logger.warning("sending waits: %s (%s)", cause.label, text)


def apply_not_executed(attempt: Attempt, trouble: heleket.Unavailable) -> None:
    """Nothing came of the call: the payout goes back, unless another call went unanswered."""
    payout = attempt.payout
    keep_answer(attempt, trouble)
    unauthorized = isinstance(trouble, heleket.Unauthorized | heleket.MissingCredentials)
    cause = Pause.Cause.UNAUTHORIZED if unauthorized else Pause.Cause.UNREACHABLE
    pauses.pause(cause, trouble.message)
    logger.error("Heleket executes nothing: %s", trouble.message)
    if proves_nothing(payout):
        stay_lost(attempt, "not_executed", trouble.message)
    elif payout.status == PayoutStatus.SUBMITTING:
        put_back(payout, trouble.message, WaitingFor.GATEWAY)


def apply_no_answer(attempt: Attempt, call: int, trouble: heleket.HeleketError, desk: Desk) -> None:
    """Heleket may have it: it is asked soon, and nothing is sent again before the quiet time."""
    keep_answer(attempt, trouble)
    if call == attempt.calls:  # a later one may still be on its way
        attempt.quiet_until = clock.now() + desk.quiet_time
    if isinstance(trouble, heleket.TooManyRequests):
        pauses.pause(Pause.Cause.SLOW_DOWN, trouble.message, seconds=trouble.retry_after or 0)
    if attempt.payout.status == PayoutStatus.SUBMITTING:
        stay_lost(attempt, "no_answer", trouble.message)


def apply_unsent(attempt: Attempt, reason: str) -> None:
    """The call was never made."""
    payout = attempt.payout
    if payout.status != PayoutStatus.SUBMITTING:
        return
    if proves_nothing(payout):
        stay_lost(attempt, "unsent", reason)
    else:
        put_back(payout, reason, WaitingFor.WORKER, due_at=clock.now() + FIRST_CHECK)


def apply_earlier_alive(attempt: Attempt, order_id: str, remote: heleket.RemotePayout) -> None:
    """An earlier try may still be paid: the new one was not sent, and people have to look."""
    payout = attempt.payout
    earlier = next(each for each in payout.tries if each.order_id == order_id)
    if payout.status == PayoutStatus.SUBMITTING and not proves_nothing(payout):
        put_back(payout, "An earlier try is not dead at Heleket.", WaitingFor.GATEWAY)
    open_discrepancy(earlier, Kind.EARLIER, "ended", describe(remote), critical=True)


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
        payout.wait_for(WaitingFor.ANSWER, due_at=clock.now() + FIRST_CHECK)


def put_back(
    payout: Payout, text: str, waiting_for: WaitingFor, *, due_at: datetime | None = None
) -> None:
    """Have it sent later, in its old place without `due_at`; or end it, if that was asked."""
    payout.put_back(text)
    if payout.cancel_asked_at:
        payout.cancel("Cancelled as asked: it was never sent.")
        return
    payout.status_reason = text
    payout.wait_for(waiting_for, due_at=due_at or payout.approved_at)


# What Heleket has


def owners_of(told: Iterable[object]) -> dict[str, str]:
    """Return which of our order ids have Heleket's ids in these answers already."""
    uuids = {each.uuid for each in told if isinstance(each, heleket.RemotePayout)}
    owners = Attempt.objects.filter(uuid__in=uuids).values_list("uuid", "order_id")
    return {uuid: order_id for uuid, order_id in owners if uuid}


def apply_remote(
    attempt: Attempt, remote: heleket.RemotePayout, owners: Mapping[str, str], *, source: Source
) -> None:
    """Take over what Heleket says of this attempt, if it is what was sent.

    `owners` is what `owners_of` said of it and others, with their payouts locked.
    """
    payout = attempt.payout
    owner = owners.get(remote.uuid, attempt.order_id)
    if ours_and_theirs := difference(attempt, remote):
        open_discrepancy(attempt, Kind.DIFFERENT, *ours_and_theirs, critical=True)
    elif owner != attempt.order_id:
        ours = f"{remote.uuid} belongs to {owner}"
        open_discrepancy(attempt, Kind.UUID_TAKEN, ours, describe(remote), critical=True)
    elif attempt.generation != payout.generation or not is_under_way(payout):
        compare_with_final_word(attempt, remote, source)
    else:
        move_on(attempt, remote, source)


def move_on(attempt: Attempt, remote: heleket.RemotePayout, source: Source) -> None:
    payout, was = attempt.payout, attempt.remote_status
    keep_facts(attempt, remote, source)
    told = {"uuid": remote.uuid, "remote_status": remote.status, "order_id": attempt.order_id}
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        payout.tell("told", **told)
    elif is_paid(remote):
        payout.confirm(txid=remote.txid or "", **told)
    elif is_final_failure(remote):
        payout.fail(why_failed(remote), **told)
    elif payout.status == PayoutStatus.SUBMITTING:
        payout.accept(**told)
        payout.wait_for(WaitingFor.FINAL_WORD, due_at=next_question(payout, FIRST_CHECK))
    else:
        if attempt.remote_status != was:
            payout.tell("told", **told)
        ask_later(payout)


def compare_with_final_word(attempt: Attempt, remote: heleket.RemotePayout, source: Source) -> None:
    """Nothing leaves a final word; what contradicts it is shown to people."""
    payout = attempt.payout
    was_known = attempt.uuid is not None
    was_paid = payout.status == PayoutStatus.CONFIRMED and attempt.generation == payout.generation
    agrees = is_paid(remote) if was_paid else was_known and is_final_failure(remote)
    if agrees:
        keep_facts(attempt, remote, source)
        return
    if was_known and not remote.is_final and (was_paid or remote.status != "paid"):
        return  # an answer from before the final word, which was recorded late
    kind = Kind.CONTRADICTION if was_known else Kind.FOUND_LATE
    open_discrepancy(attempt, kind, payout.get_status_display(), describe(remote), critical=True)


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
    """Ask again after 30 s, then twice as long each time, up to 15 min."""
    wait = min(FIRST_CHECK * 2 ** min(payout.checks, 6), LONGEST_CHECK)
    payout.checks += 1
    payout.due_at = next_question(payout, wait)


def next_question(payout: Payout, wait: timedelta) -> datetime:
    """What a webhook or a person made due while Heleket was being asked stays due."""
    now = clock.now()
    return payout.due_at if payout.due_at and payout.due_at <= now else now + wait


# What Heleket does not have, or does not say


def apply_not_found(attempt: Attempt, asked_at: datetime, desk: Desk) -> None:
    """Heleket said "not found" to a question asked at `asked_at`.

    For a lost call, two of them a quiet time apart allow a repeat of the same bytes and nothing
    more. To end the payout takes the release time.
    """
    payout = attempt.payout
    if payout.waiting_for == WaitingFor.DISCREPANCY or attempt.generation != payout.generation:
        return
    if payout.status == PayoutStatus.BROADCAST:
        count_vanished(attempt)
    elif payout.status == PayoutStatus.SUBMITTING:
        count_not_found(attempt, asked_at, desk)


def count_vanished(attempt: Attempt) -> None:
    attempt.not_found_count += 1
    if attempt.not_found_count >= NOT_FOUND_IS_STRANGE:
        theirs = f"not found, {attempt.not_found_count} times"
        open_discrepancy(attempt, Kind.VANISHED, attempt.remote_status, theirs)
    else:
        ask_later(attempt.payout)


def count_not_found(attempt: Attempt, asked_at: datetime, desk: Desk) -> None:
    payout, first = attempt.payout, attempt.not_found_at
    quiet_until = first + desk.quiet_time if first else attempt.quiet_until
    if quiet_until and asked_at < quiet_until:  # a call may still be on its way
        payout.due_at = quiet_until
    elif first is None:
        attempt.not_found_at = asked_at
        payout.tell("not_found", order_id=attempt.order_id)
        payout.due_at = asked_at + desk.quiet_time
    elif payout.cancel_asked_at or attempt.refusal:
        end_after_release_time(attempt, asked_at, desk)
    else:
        payout.may_repeat = True
        if payout.waiting_for != WaitingFor.WALLET:  # whose return is looked for again and again
            payout.tell("may_repeat", order_id=attempt.order_id)
        payout.due_at = clock.now()


def end_after_release_time(attempt: Attempt, asked_at: datetime, desk: Desk) -> None:
    """End a lost payout that Heleket has never known, and go on asking for a month."""
    payout = attempt.payout
    if attempt.lease_until and asked_at < attempt.lease_until + desk.release_time:
        ask_later(payout)
        return
    attempt.released_at, attempt.watch_at = clock.now(), clock.now() + WATCH_EVERY
    if payout.cancel_asked_at:
        payout.withdraw("Cancelled as asked: Heleket never had it.", order_id=attempt.order_id)
    else:
        payout.fail(attempt.refusal, order_id=attempt.order_id)


def apply_silence(attempt: Attempt, trouble: heleket.HeleketError) -> None:
    """The question was not answered, or with words that say nothing about this payout."""
    keep_answer(attempt, trouble)
    if is_under_way(attempt.payout) and attempt.payout.waiting_for != WaitingFor.DISCREPANCY:
        ask_later(attempt.payout)


def keep_watching(attempt: Attempt) -> None:
    """It was ended as never sent and Heleket still does not know it."""
    if attempt.released_at and clock.now() < attempt.released_at + WATCH_FOR:
        attempt.watch_at = clock.now() + WATCH_EVERY
    else:
        attempt.watch_at = None


# Facts and differences


def keep_answer(attempt: Attempt, told: heleket.HeleketError) -> None:
    attempt.answer = told.answer or told.message
    attempt.answer_status, attempt.answered_at = told.status_code, clock.now()


def keep_facts(attempt: Attempt, remote: heleket.RemotePayout, source: Source) -> None:
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
            attempt.sources[name] = str(source)


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
    theirs = {name: getattr(remote, name) for name in differs}
    return in_words(ours), in_words(theirs)


def canonical(network: str, address: str) -> str:
    try:
        return check_address(network, address)
    except InvalidAddress:
        return address


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
    """Open one discrepancy, once, and stop the payout if it is not ended yet."""
    payout = attempt.payout
    _known, is_new = Discrepancy.objects.get_or_create(
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
    if not payout.is_ended:
        payout.stop()
