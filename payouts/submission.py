"""Sending: claim and commit, call Heleket, record what it said.

The claim stores an attempt with the exact bytes, a lease and one more unanswered call. The call
happens without lock or transaction. What comes back is recorded for many calls at once.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction

import heleket
from payouts import clock, door, explain, pauses, policy, services, settlement
from payouts.controls import pace
from payouts.controls.models import Switch
from payouts.desk import Desk
from payouts.models import (
    Approval,
    Attempt,
    Pause,
    Payout,
    PayoutMaker,
    PayoutQuerySet,
    PayoutStatus,
    Source,
    WaitingFor,
)
from payouts.services import Outcome, Seen
from wallets import stops
from wallets.models import PayoutService, Wallet, WalletStatus

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
SENT = (
    PayoutStatus.SUBMITTING,
    PayoutStatus.BROADCAST,
    PayoutStatus.CONFIRMED,
    PayoutStatus.FAILED,
)
CLAIMERS = 4  # at one moment, before one of them comes away with less than there is


@dataclass(frozen=True)
class Call:
    """One call to make: the bytes to send, and how long the claim on it lasts."""

    payout_id: UUID
    attempt_id: int
    order_id: str
    number: int
    body: bytes
    earlier: tuple[str, ...]  # order ids of earlier tries, asked about first
    claimed_at: datetime
    lease_ends: float  # by clock.monotonic()


@dataclass(frozen=True)
class Unsent:
    """The call was not made, so nothing can have come of it."""

    reason: str
    because: heleket.HeleketError | None = None


@dataclass(frozen=True)
class EarlierAlive:
    """An earlier try of the payout is not dead at Heleket; the call was not made."""

    order_id: str
    remote: heleket.RemotePayout


@dataclass(frozen=True)
class Answer:
    call: Call
    outcome: heleket.RemotePayout | heleket.HeleketError | Unsent | EarlierAlive

    @property
    def told(self) -> object:
        """What Heleket said last, also if it was about an earlier try."""
        return self.outcome.because if isinstance(self.outcome, Unsent) else self.outcome


# Claim


def claim(limit: int, desk: Desk, *, only: Collection[UUID] | None = None) -> list[Call]:
    """Take up to `limit` due payouts, or those of `only`, and commit to one call for each."""
    lease_ends = clock.monotonic() + desk.lease
    with transaction.atomic(durable=True):
        if limit < 1:
            return []
        stops.let_stops_pass()
        if not Switch.objects.get(pk=1).is_on:
            return []
        most = pace.room(limit, desk.calls_per_second)
        chosen = choose(most, only) if most else []
        if not chosen:
            return []
        with door.change(chosen, by=None, source=Source.WORKER) as payouts:
            calls = {call.payout_id: call for call in take(payouts, desk, lease_ends)}
        pace.spend(sum(1 + len(call.earlier) for call in calls.values()), desk.calls_per_second)
        return [calls[each] for each in chosen if each in calls]  # locked by id, sent oldest first


def choose(limit: int, only: Collection[UUID] | None) -> list[UUID]:
    """Lock due payouts with their wallets and return their ids, oldest first, heeding pauses.

    One that a person sends now is a probe of its own, unless Heleket asked us to slow down.
    """
    now = clock.now()
    due = Payout.objects.sendable()
    due = due.due(now) if only is None else due.filter(pk__in=only)
    standing = list(Pause.objects.select_for_update())

    def lets_one_through(each: Pause) -> bool:
        by_hand = only is not None and each.cause != Pause.Cause.SLOW_DOWN
        return by_hand or each.probe_at <= now

    if not all(lets_one_through(each) for each in standing if each.currency == ""):
        return []
    free = due.exclude(currency__in=[each.currency for each in standing])
    probing = [each for each in standing if each.currency and lets_one_through(each)]
    lines = [(free, limit), *((due.filter(currency=each.currency), 1) for each in probing)]
    oldest, *probes = lock_oldest(lines)
    chosen = [*oldest, *(pk for probe in probes for pk in probe)]
    for_all = [each for each in standing if each.currency == ""]
    if for_all:
        chosen = chosen[:1]
    used = [each for each, probe in zip(probing, probes, strict=True) if {*probe} & {*chosen}]
    pauses.let_one_through([*used, *(for_all if chosen else [])])
    return chosen


def lock_oldest(lines: Sequence[tuple[PayoutQuerySet, int]]) -> list[list[UUID]]:
    """Lock so many of each line, first their wallets and then those that nobody else holds.

    Only the oldest few of a line are looked at, as a long one is not sorted to be locked; more than
    are wanted, so that claims of one moment share what is due and none comes away empty.
    """
    oldest = [
        dict(line.order_by("due_at", "number").values_list("pk", "wallet_id")[: most * CLAIMERS])
        for line, most in lines
    ]
    hold_wallets({wallet for some in oldest for wallet in some.values()})
    found = []
    for (line, most), some in zip(lines, oldest, strict=True):
        free = line.filter(pk__in=some).select_for_update(skip_locked=True) if some else line.none()
        found.append(list(free.order_by("due_at", "number").values_list("pk", flat=True)[:most]))
    return found


def hold_wallets(ids: set[int]) -> None:
    """Keep wallets as they are until the claim is committed; others may read and claim."""
    if connection.vendor == "postgresql" and ids:
        with connection.cursor() as cursor:  # FOR SHARE, which the ORM does not know
            cursor.execute(
                f"SELECT 1 FROM {Wallet._meta.db_table} WHERE id = ANY(%s) ORDER BY id FOR SHARE",  # noqa: S608
                [sorted(ids)],
            )


def take(payouts: Sequence[Payout], desk: Desk, lease_ends: float) -> list[Call]:
    """Check locked payouts once more; store the attempts of those that may go, and return calls."""
    checks = Checks(payouts)
    attempts: dict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(payout__in=payouts).order_by("generation"):
        attempts[attempt.payout_id].append(attempt)
    going = []
    for payout in payouts:
        if not checks.pass_or_park(payout):
            continue
        tries = attempts[payout.pk]
        is_new = not tries or tries[-1].generation != payout.generation
        try:
            attempt = new_attempt(payout, desk) if is_new else tries.pop()
        except Exception as exc:
            logger.exception("%s cannot be sent", payout)
            park(payout, WaitingFor.WORKER, f"It cannot be sent: {exc}")
            continue
        start_call(payout, attempt, desk)
        going.append((payout, attempt, tuple(each.order_id for each in tries)))
    store_attempts([attempt for _payout, attempt, _earlier in going])
    services.void_approvals(checks.voided, "The approval no longer stands.")
    return [
        Call(
            payout_id=payout.pk,
            attempt_id=attempt.pk,
            order_id=attempt.order_id,
            number=attempt.calls,
            body=attempt.body.encode("ascii"),
            earlier=earlier,
            claimed_at=clock.now(),
            lease_ends=lease_ends,
        )
        for payout, attempt, earlier in going
    ]


class Checks:
    """What a claim looks up once for all its payouts, to judge each of them again."""

    def __init__(self, payouts: Sequence[Payout]) -> None:
        wallets = Wallet.objects.filter(pk__in={payout.wallet_id for payout in payouts})
        self.wallets = {
            pk: (WalletStatus(status), is_active)
            for pk, status, is_active in wallets.values_list("pk", "status", "client__is_active")
        }
        self.services = {
            (service.network, service.currency): service
            for service in PayoutService.objects.filter(
                network__in={payout.network for payout in payouts},
                currency__in={payout.currency for payout in payouts},
            )
        }
        self.approvals: dict[UUID, list[Approval]] = defaultdict(list)
        for approval in Approval.objects.filter(payout__in=payouts, voided_at=None):
            self.approvals[approval.payout_id].append(approval)
        people = {each.person_id for some in self.approvals.values() for each in some}
        self.may_approve = policy.people_who_may_approve(people)
        self.makers: dict[UUID, set[int]] = defaultdict(set)
        makers = PayoutMaker.objects.filter(payout__in=payouts)
        for payout_id, person_id in makers.values_list("payout_id", "person_id"):
            self.makers[payout_id].add(person_id)
        self.voided: list[Payout] = []

    def pass_or_park(self, payout: Payout) -> bool:
        """Tell whether the payout may be sent; if not, have it wait or go back to the approvers."""
        if payout.waiting_for == WaitingFor.DISCREPANCY:
            return False
        if payout.status == PayoutStatus.SUBMITTING:
            return payout.may_repeat and not self.wallet_stops_repeat(payout)
        if payout.status != PayoutStatus.APPROVED:
            return False
        if reason := self.what_voids(payout):
            payout.void(reason)
            self.voided.append(payout)
            return False
        return not self.service_parks(payout)

    def what_voids(self, payout: Payout) -> str:
        standing, makers = self.approvals[payout.pk], self.makers[payout.pk]
        return self.wallet_trouble(payout) or policy.missing(
            payout, standing, makers, self.may_approve
        )

    def wallet_trouble(self, payout: Payout) -> str:
        status, client_is_active = self.wallets[payout.wallet_id]
        if not client_is_active:
            return "The client is not active."
        if status != WalletStatus.ACTIVE:
            return f"The wallet is {status.label}."
        return ""

    def wallet_stops_repeat(self, payout: Payout) -> bool:
        if reason := self.wallet_trouble(payout):
            payout.may_repeat = False  # so that Heleket is asked meanwhile
            park(payout, WaitingFor.WALLET, reason)
        return bool(reason)

    def service_parks(self, payout: Payout) -> bool:
        service = self.services.get((payout.network, payout.currency))
        reason = service.refusal_for(payout.amount) if service else "Heleket no longer lists it."
        if reason:
            park(payout, WaitingFor.SERVICE, str(reason))
        return bool(reason)


def park(payout: Payout, waiting_for: WaitingFor, reason: str) -> None:
    """Let a payout wait and be looked at again later; tell it once."""
    if (payout.waiting_for, payout.status_reason) != (waiting_for, reason):
        payout.tell("wait", reason, waiting_for=waiting_for)
        payout.status_reason = reason
    payout.wait_for(waiting_for, due_at=clock.now() + LOOK_AGAIN)


def new_attempt(payout: Payout, desk: Desk) -> Attempt:
    order_id = payout.order_id(desk.installation)
    body = heleket.payout_body(
        order_id=order_id,
        amount=payout.amount,
        currency=payout.currency,
        network=payout.network,
        address=payout.address,
        memo=payout.memo,
        url_callback=desk.callback_url,
    )
    return Attempt(
        payout=payout,
        generation=payout.generation,
        order_id=order_id,
        gateway_host=desk.host,
        merchant_id=desk.merchant_id,
        body=body.decode("ascii"),
        created_at=clock.now(),
    )


def start_call(payout: Payout, attempt: Attempt, desk: Desk) -> None:
    """Count one more unanswered call, with a lease and the quiet time that follows it."""
    now = clock.now()
    attempt.calls += 1
    attempt.unanswered = [*attempt.unanswered, attempt.calls]
    attempt.lease_until = now + timedelta(seconds=desk.lease)
    attempt.quiet_until = attempt.lease_until + desk.quiet_time
    attempt.not_found_at = None
    if payout.status == PayoutStatus.APPROVED:
        payout.claim(order_id=attempt.order_id, call=attempt.calls)
    else:
        payout.tell("repeat", order_id=attempt.order_id, call=attempt.calls)
    payout.may_repeat, payout.status_reason = False, ""
    payout.wait_for(WaitingFor.ANSWER, due_at=attempt.lease_until)


def store_attempts(attempts: Sequence[Attempt]) -> None:
    Attempt.objects.bulk_create([each for each in attempts if each.pk is None])
    settlement.save_attempts([each for each in attempts if each.calls > 1])


# Call


def send(call: Call, client: heleket.Client, *, timeout: float) -> Answer:
    """Make one call of at most `timeout` seconds. Touches neither database nor lock."""
    try:
        return Answer(call, ask_about_earlier(call, client) or create(call, client, timeout))
    except heleket.HeleketError as exc:
        return Answer(call, exc)


def create(call: Call, client: heleket.Client, timeout: float) -> heleket.RemotePayout | Unsent:
    if call.lease_ends - clock.monotonic() < timeout:
        return Unsent("Too little was left of the lease.")
    return client.create_payout(call.body, deadline=time.monotonic() + timeout)


def ask_about_earlier(call: Call, client: heleket.Client) -> Unsent | EarlierAlive | None:
    """Make sure that earlier tries are dead before another one may be paid."""
    for order_id in call.earlier:
        try:
            remote = client.get_payout(order_id=order_id)
        except heleket.PayoutNotFound:
            continue
        except heleket.HeleketError as exc:
            return Unsent(f"Heleket did not answer about an earlier try: {exc}", exc)
        if not settlement.is_final_failure(remote):
            return EarlierAlive(order_id, remote)
    return None


# Record


def record(answers: Sequence[Answer], desk: Desk) -> None:
    """Store what Heleket said. An answer that is stored already changes nothing."""

    def store(some: Sequence[Answer]) -> None:
        ids = [answer.call.attempt_id for answer in some]
        with settlement.settle(ids, source=Source.WORKER) as attempts:
            owners = settlement.owners_of(answer.outcome for answer in some)
            for answer in some:
                attempt = attempts[answer.call.attempt_id]
                if answer.call.number in attempt.unanswered:
                    apply(attempt, answer, owners, desk)
            pauses.lift(
                (attempts[answer.call.attempt_id].payout.currency, answer.call.claimed_at)
                for answer in some
                if isinstance(answer.outcome, heleket.RemotePayout)
            )

    settlement.heed(answer.told for answer in answers)
    settlement.together_or_each(answers, store)


def apply(attempt: Attempt, answer: Answer, owners: Mapping[str, str], desk: Desk) -> None:
    told = answer.outcome
    if isinstance(told, heleket.OutcomeUnknown):
        settlement.apply_no_answer(attempt, answer.call.number, told, desk)
        return
    settlement.answered(attempt, answer.call.number)
    match told:
        case heleket.RemotePayout():
            settlement.apply_remote(attempt, told, owners, source=Source.WORKER)
        case heleket.RequestRejected():
            settlement.apply_refusal(attempt, told)
        case heleket.Unavailable():
            settlement.apply_not_executed(attempt, told)
        case Unsent():
            settlement.apply_unsent(attempt, told.reason)
        case EarlierAlive():
            settlement.apply_earlier_alive(attempt, told.order_id, told.remote)


# All three


def send_now(
    seen: Seen, client: heleket.Client, desk: Desk, *, by: User, source: Source
) -> Outcome:
    """Send one approved payout at a person's word and tell what Heleket said."""
    [outcome] = services.hurry_payouts([seen], by=by, source=source)
    if not outcome.done:
        return outcome
    for call in claim(1, desk, only=[seen.id]):
        record([send(call, client, timeout=desk.timeout)], desk)
        return explain.outcome_of(seen.id)
    # A worker that heard of it may have been faster.
    is_sent = Payout.objects.filter(pk=seen.id, status__in=SENT).exists()
    return replace(explain.outcome_of(seen.id), done=is_sent)
