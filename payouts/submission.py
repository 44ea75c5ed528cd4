"""Sending: claim and commit, call Heleket, record what it said.

The claim stores an attempt with the exact bytes, a lease and one more unanswered call. The call
happens without lock or transaction. What comes back is recorded for many calls at once.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import NO_REASON, Reason
from audit.events import log_event
from audit.jobs import Claimed
from audit.models import DeskEvent
from audit.operations import Change, Outcome, perform
from payouts import approvals, call_answers, explain, funds, operations, recording, transitions
from payouts.codes import PayoutCode
from payouts.controls.documents import Limit
from payouts.controls.limits import Headroom, Spender, lock
from payouts.controls.models import ALL, Scope, Switch
from payouts.controls.rates import price
from payouts.controls.rules import Proposal
from payouts.eligibility import Eligibility, Says, Verdict, judged_as
from payouts.funds import Funds, Passed, place_of
from payouts.gateway import breaker, continuity, rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.models import Pause
from payouts.models import Attempt, EventType, Payout, PayoutQuerySet, PayoutStatus, WaitingFor
from payouts.schedule import may_arrive_until
from payouts.seen import Seen
from payouts.settling import Case, record_batch, save_attempts, settle
from wallets import changes as wallets
from wallets import stops

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
FRESH = timedelta(minutes=10)  # so long holds what Heleket said of an earlier try
LONGEST_LOOK = timedelta(hours=1)
SENT = (
    PayoutStatus.SUBMITTING,
    PayoutStatus.BROADCAST,
    PayoutStatus.CONFIRMED,
    PayoutStatus.FAILED,
)
WORKER = Actor.system(Channel.WORKER)
CLAIMERS = 4  # at one moment, before one of them comes away with less than there is


@dataclass(frozen=True)
class Call:
    """One call to make: the bytes to send, and how long the claim on it lasts."""

    payout_id: UUID
    attempt_id: int
    order_id: str
    number: int
    body: bytes
    claimed_at: datetime
    lease_ends: float  # by clock.monotonic()
    passes: bool = False  # something that waits for funds


@dataclass(frozen=True)
class Unsent:
    """The call was not made, so nothing can have come of it."""

    reason: Reason


@dataclass(frozen=True)
class Answer:
    """What came of a call. `breaks_off` if it is one failure too many in a row: see `Streak`."""

    call: Call
    outcome: heleket.RemotePayout | heleket.HeleketError | Unsent
    breaks_off: bool = False


# Claim


def claim(
    limit: int, account: GatewayAccount, *, only: Collection[UUID] | None = None
) -> Claimed[Call]:
    """Take up to `limit` due payouts, or those of `only`, and commit to one call for each."""
    lease_ends = clock.monotonic() + account.lease
    with transaction.atomic(durable=True):
        if limit < 1:
            return Claimed()
        stops.let_stops_pass()
        if not continuity.lets_send():
            return Claimed()
        sending, *stopped = Switch.objects.that_matter()
        if not sending.is_on:
            return Claimed()
        due = due_payouts(only, [each.scope for each in stopped])
        rate = account.calls_per_second
        most = rate_limit.available(limit, rate)
        if not most:
            return Claimed(look_again=rate_limit.look_again(rate, due.exists))
        chosen = choose(most, due, by_person=only is not None)
        if not chosen.ids:
            return Claimed(look_again=0.0 if chosen.found_short else None)
        with transitions.change(chosen.ids, actor=WORKER) as changes:
            calls = {
                call.payout_id: call for call in take(changes, account, lease_ends, chosen.passed)
            }
        funds.note_passed(chosen.passed, calls.keys())
        if only is None:  # a person's probe does not put off the next one
            probes = chosen.probes.items()
            breaker.allow_probe(pause for pause, some in probes if calls.keys() & set(some))
        rate_limit.consume(len(calls), rate)
        # They were locked by id; the oldest is sent first.
        going = [calls[each] for each in chosen.ids if each in calls]
        # What cannot be sent was put off, and others may stand behind it.
        return Claimed(going, look_again=None if going else 0.0)


def due_payouts(only: Collection[UUID] | None, stopped: Collection[Scope]) -> PayoutQuerySet:
    """Return those to be sent or sent again, of nothing that is stopped by itself."""
    due = Payout.objects.sendable().outside(stopped)
    return due.due(clock.now()) if only is None else due.filter(pk__in=only)


@dataclass(frozen=True)
class Chosen:
    """Locked payouts, oldest first; for each pause those that would probe it; and what they go
    before, if the balance does not cover that."""

    ids: Sequence[UUID] = ()
    probes: Mapping[Pause, Collection[UUID]] = field(default_factory=dict)
    passed: Passed = field(default_factory=dict)
    found_short: bool = False


def choose(limit: int, due: PayoutQuerySet, *, by_person: bool) -> Chosen:
    """Lock due payouts with their wallets and return them as pauses and balances allow. Of a coin
    that is short one goes as a probe, and else what its balance is known to cover.

    One that a person sends now is a probe of its own, unless Heleket asked us to slow down.
    """
    now, balances = clock.now(), Funds(due, is_asked=not by_person)
    standing = list(Pause.objects.select_for_update())

    def lets_one_through(each: Pause) -> bool:
        may_probe = by_person and each.cause != Pause.Cause.SLOW_DOWN
        return may_probe or each.probe_at <= now

    if not all(lets_one_through(each) for each in standing if each.currency == ""):
        return Chosen()
    short = [each.currency for each in standing]
    free = due.exclude(currency__in=short)
    probing = [each for each in standing if each.currency and lets_one_through(each)]
    others = [each for each in standing if each.currency and each not in probing]
    lines = [(free, limit), *((due.filter(currency=each.currency), 1) for each in probing)]
    lines += [(balances.line_of(each.currency), limit) for each in others]
    oldest, *found = lock_oldest(lines)
    probes = found[: len(probing)]
    in_line = [*oldest, *(pk for some in found[len(probing) :] for pk in some)]
    covered = balances.cover(in_line, short)
    ids = [*covered.ids[:limit], *(pk for probe in probes for pk in probe)]
    for_all = [each for each in standing if each.currency == ""]
    if for_all:
        ids = ids[:1]
    probed: dict[Pause, Collection[UUID]] = dict(zip(probing, probes, strict=True))
    return Chosen(ids, probed | dict.fromkeys(for_all, ids), covered.passed, covered.found_short)


def lock_oldest(lines: Sequence[tuple[PayoutQuerySet, int]]) -> list[list[UUID]]:
    """Lock so many of each line, first their wallets and then those that nobody else holds.

    Only the oldest few of a line are looked at, as a long one is not sorted to be locked; more than
    are wanted, so that claims of one moment share what is due and none comes away empty.
    """
    oldest = [
        dict(line.order_by("due_at", "number").values_list("pk", "wallet_id")[: most * CLAIMERS])
        for line, most in lines
    ]
    wallets.hold({wallet for some in oldest for wallet in some.values()})
    found = []
    for (line, most), some in zip(lines, oldest, strict=True):
        free = line.filter(pk__in=some).select_for_update(skip_locked=True) if some else line.none()
        found.append(list(free.order_by("due_at", "number").values_list("pk", flat=True)[:most]))
    return found


def take(
    changes: Sequence[Change[Payout]], account: GatewayAccount, lease_ends: float, passed: Passed
) -> list[Call]:
    """Check locked payouts once more; store the attempts of those that may go, and return calls."""
    payouts = [change.row for change in changes]
    attempts: dict[UUID, list[Attempt]] = defaultdict(list)
    stored = Attempt.objects.filter(payout__in=payouts).order_by("pk").select_for_update()
    for attempt in sorted(stored, key=lambda each: each.generation):
        attempts[attempt.payout_id].append(attempt)
    eligibility = Eligibility(payouts, attempts, account.installation)
    ready = [
        (change, verdict.judged)
        for change in changes
        if is_sendable(change.row)
        and may_go(change, verdict := eligibility.of(change.row))
        and verdict.judged
    ]
    going, asked = [], list[Attempt]()
    for change, judged in within_limits(ready, eligibility.limits):
        payout = change.row
        tries = attempts[payout.pk]
        is_new = not tries or tries[-1].generation != payout.generation
        if earlier := unclear_tries(payout, tries if is_new else tries[:-1]):
            ask_first(change, earlier, account)
            asked += earlier
            continue
        try:
            attempt = new_attempt(payout, account) if is_new else tries.pop()
        except Exception as exc:
            logger.exception("%s cannot be sent", payout)
            park(change, WaitingFor.WORKER, Reason(PayoutCode.CANNOT_BE_SENT, str(exc)))
            continue
        start_call(change, attempt, account, judged, passed.get(payout.pk, ()))
        going.append((payout, attempt))
    store_attempts([attempt for _payout, attempt in going], asked)
    voided = [payout for payout in payouts if payout.status == PayoutStatus.PENDING]
    approvals.void_approvals(voided, EventType.VOID)
    return [
        Call(
            payout_id=payout.pk,
            attempt_id=attempt.pk,
            order_id=attempt.order_id,
            number=attempt.calls,
            body=attempt.body.encode("ascii"),
            claimed_at=clock.now(),
            lease_ends=lease_ends,
            passes=payout.pk in passed,
        )
        for payout, attempt in going
    ]


def within_limits(
    ready: Sequence[tuple[Change[Payout], Proposal]], limits: Sequence[Limit]
) -> list[tuple[Change[Payout], Proposal]]:
    """Have those wait that would pass a limit, the oldest served first. What goes out again counts
    already."""
    first = [pair for pair in ready if pair[0].row.status == PayoutStatus.APPROVED]
    if not limits or not first:
        return list(ready)
    lock()
    spenders = {change.row.pk: spender(change.row, judged) for change, judged in first}
    headroom, kept = Headroom(limits, list(spenders.values())), []
    for change, judged in sorted(ready, key=lambda pair: place_of(pair[0].row)):
        spends = spenders.get(change.row.pk)
        if spends and (refusal := headroom.refusal(spends)):
            park(change, WaitingFor.LIMIT, refusal.reason)
        else:
            kept.append((change, judged))
    return kept


def spender(payout: Payout, judged: Proposal) -> Spender:
    worth = price(payout.amount, judged.rate)
    return Spender(payout.client_id, judged.client, payout.currency, worth)


def unclear_tries(payout: Payout, earlier: Sequence[Attempt]) -> list[Attempt]:
    """Return the earlier tries of which Heleket has not said since the approval, and just now, that
    it pays nothing."""
    fresh = clock.now() - FRESH
    if payout.approved_at:
        fresh = max(fresh, payout.approved_at)
    return [each for each in earlier if each.clear_at is None or each.clear_at < fresh]


def ask_first(change: Change[Payout], earlier: Sequence[Attempt], account: GatewayAccount) -> None:
    """Have Heleket asked about earlier tries, as soon as its answer can prove something."""
    for each in earlier:
        at = max(clock.now(), may_arrive_until(each, account))
        each.watch_at = min(each.watch_at or at, at)
    park(change, WaitingFor.ANSWER, Reason(PayoutCode.EARLIER_TRY))


def is_sendable(payout: Payout) -> bool:
    """What `choose` looked for, asked again of the locked row."""
    if payout.waiting_for == WaitingFor.DISCREPANCY or payout.cancel_asked_at:
        return False
    return payout.status == PayoutStatus.APPROVED or payout.may_repeat


def may_go(change: Change[Payout], verdict: Verdict) -> bool:
    """Return whether the payout may be sent; if not, have it wait or go back to the approvers."""
    payout = change.row
    if verdict.says == Says.PASS:
        return True
    if verdict.is_forged:
        alarm(payout, verdict.reason)
        payout.why = verdict.reason  # no event: its chain may not take one
        payout.wait_for(verdict.waiting_for, due_at=clock.now() + LONGEST_LOOK)
    elif verdict.says == Says.VOID and payout.status == PayoutStatus.APPROVED:
        change.log_event(EventType.VOID, verdict.reason)
        payout.void(verdict.reason)
    else:
        park(change, verdict.waiting_for, verdict.reason, until=verdict.until)
    payout.may_repeat = False  # so that Heleket is asked meanwhile
    return False


def alarm(payout: Payout, reason: Reason) -> None:
    """Log once that somebody wrote to a payout's rows past the desk."""
    if payout.why != reason:
        logger.critical("%s is not sent: %s", payout, reason.sentence)
        log_event(DeskEvent.Type.FORGERY, reason, actor=WORKER, payout=payout)


def park(
    change: Change[Payout],
    waiting_for: WaitingFor,
    reason: Reason,
    *,
    until: datetime | None = None,
) -> None:
    """Let a payout wait and be looked at again later, or at that moment; log it once."""
    payout = change.row
    if (payout.waiting_for, payout.why) != (waiting_for, reason):
        change.log_event(EventType.WAIT, reason, waiting_for=waiting_for)
        payout.why = reason
    wait = LOOK_AGAIN
    if payout.status == PayoutStatus.SUBMITTING:  # Heleket is asked each time
        wait = min(LOOK_AGAIN * 2 ** min(payout.poll_count, 4), LONGEST_LOOK)
        payout.poll_count += 1
        until = None
    payout.wait_for(waiting_for, due_at=until or clock.now() + wait)


def new_attempt(payout: Payout, account: GatewayAccount) -> Attempt:
    order_id = payout.order_id(account.installation)
    body = heleket.payout_body(
        order_id=order_id,
        amount=payout.amount,
        currency=payout.currency,
        network=payout.network,
        address=payout.address,
        memo=payout.memo,
        url_callback=account.callback_url,
    )
    return Attempt(
        payout=payout,
        generation=payout.generation,
        order_id=order_id,
        gateway_host=account.host,
        merchant_id=account.merchant_id,
        body=body.decode("ascii"),
        created_at=clock.now(),
    )


def start_call(
    change: Change[Payout],
    attempt: Attempt,
    account: GatewayAccount,
    judged: Proposal,
    passed: Sequence[Payout],
) -> None:
    """Count one more unanswered call, with a lease and the quiet time that follows it."""
    payout, now = change.row, clock.now()
    attempt.calls += 1
    attempt.unanswered = [*attempt.unanswered, attempt.calls]
    attempt.lease_until = now + timedelta(seconds=account.lease)
    attempt.quiet_until = attempt.lease_until + account.quiet_time
    attempt.not_found_at = attempt.released_at = attempt.clear_at = attempt.watch_at = None
    is_first = payout.status == PayoutStatus.APPROVED
    change.log_event(
        EventType.CLAIM if is_first else EventType.REPEAT,
        order_id=attempt.order_id,
        call=attempt.calls,
        **({"passed": ", ".join(map(str, passed))} if passed else {}),
        **(judged_as(judged) if judged.rate != payout.reference_rate else {}),
    )
    if is_first:
        payout.claim()
    payout.reference_rate = judged.rate
    payout.may_repeat, payout.why = False, NO_REASON
    payout.wait_for(WaitingFor.ANSWER, due_at=attempt.lease_until)


def store_attempts(attempts: Sequence[Attempt], asked: Sequence[Attempt]) -> None:
    Attempt.objects.bulk_create([each for each in attempts if each.pk is None])
    save_attempts([*(each for each in attempts if each.calls > 1), *asked])


# Call


def send(call: Call, client: heleket.HeleketClient, *, timeout: float) -> Answer:
    """Make one call of at most `timeout` seconds. Touches neither database nor lock."""
    try:
        return Answer(call, create(call, client, timeout))
    except heleket.HeleketError as exc:
        return Answer(call, exc)


def create(
    call: Call, client: heleket.HeleketClient, timeout: float
) -> heleket.RemotePayout | Unsent:
    if call.lease_ends - clock.monotonic() < timeout:
        return Unsent(Reason(PayoutCode.LEASE_RAN_OUT))
    return client.create_payout(call.body, deadline=time.monotonic() + timeout)


# Record


def record(answers: Sequence[Answer], account: GatewayAccount) -> None:
    """Store what Heleket said. An answer that is stored already changes nothing."""

    def store(some: Sequence[Answer]) -> None:
        ids = [answer.call.attempt_id for answer in some]
        with settle(ids, actor=Actor.system(Channel.WORKER)) as cases:
            owners = recording.owners_of(answer.outcome for answer in some)
            for answer in some:
                case = cases[answer.call.attempt_id]
                if answer.call.number in case.attempt.unanswered:
                    apply(case, answer, owners, account)
            breaker.reset(
                (held_up_by(answer.call, cases), answer.call.claimed_at)
                for answer in some
                if isinstance(answer.outcome, heleket.RemotePayout)
            )
            count_failures(some)

    rate_limit.back_off_if_asked(answer.outcome for answer in answers)
    record_batch(answers, store)


def apply(case: Case, answer: Answer, owners: Mapping[str, str], account: GatewayAccount) -> None:
    outcome, call = answer.outcome, answer.call
    if isinstance(outcome, heleket.HeleketError) and not call_answers.is_clear(outcome):
        call_answers.apply_no_answer(case, call.number, outcome, account)
        return
    call_answers.answered(case.attempt, call.number, account)
    match outcome:
        case heleket.RemotePayout():
            recording.apply_remote(
                case, outcome, owners, channel=Channel.WORKER, asked_at=call.claimed_at
            )
        case heleket.RequestRejected():
            call_answers.apply_refusal(case, outcome)
        case heleket.Unavailable():
            call_answers.apply_not_executed(case, outcome)
        case Unsent():
            call_answers.apply_unsent(case, outcome.reason)


def held_up_by(call: Call, cases: Mapping[int, Case]) -> str:
    """Return the coin that an accepted call proves not to be short any more: none if what it went
    before still waits."""
    return "" if call.passes else cases[call.attempt_id].payout.currency


def count_failures(answers: Sequence[Answer]) -> None:
    """Let trouble on the way to Heleket pause sending, unless another call succeeded beside it."""
    if any(isinstance(answer.outcome, heleket.RemotePayout) for answer in answers):
        return
    failed = defaultdict(list)
    for answer in answers:
        if cause := call_answers.trouble_of(answer.outcome):
            failed[cause].append(answer)
    for cause, some in failed.items():
        last = max(answer.call.claimed_at for answer in some)
        breaker.count_failures(cause, str(some[-1].outcome), len(some), claimed_at=last)


class Streak:
    """Failures of one process's calls in a row. The one that makes them too many breaks off what
    is claimed and not called yet, before any of them is recorded."""

    def __init__(self) -> None:
        self.failures: Counter[Pause.Cause] = Counter()

    def judge(self, answer: Answer) -> Answer:
        """Count an answer, and mark it if it is one too many. May be called by many threads."""
        if isinstance(answer.outcome, heleket.RemotePayout):
            self.failures.clear()
        if not (cause := call_answers.trouble_of(answer.outcome)):
            return answer
        self.failures[cause] += 1
        return replace(answer, breaks_off=self.failures[cause] >= Pause.ENOUGH[cause])


def calls_out(scope: Scope = ALL) -> int:
    """Count the calls for these payouts that may still be made or answered."""
    out = Attempt.objects.out()
    return (
        out.filter(payout__in=Payout.objects.within(scope)).count() if scope != ALL else out.count()
    )


# All three


def send_now(
    seen: Seen, client: heleket.HeleketClient, account: GatewayAccount, *, actor: Actor
) -> Outcome:
    """Send one approved payout at a person's word and return what Heleket said."""
    [outcome] = perform(operations.EXPEDITE, [seen], actor=actor)
    if not outcome.done:
        return outcome
    for call in claim(1, account, only=[seen.id]).items:
        record([send(call, client, timeout=account.timeout)], account)
        return explain.outcome_of(seen.id)
    # A worker that heard of it may have been faster.
    is_sent = Payout.objects.filter(pk=seen.id, status__in=SENT).exists()
    return replace(explain.outcome_of(seen.id), done=is_sent)
