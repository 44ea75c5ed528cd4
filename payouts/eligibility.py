"""May it be paid now? It passes, waits, its approvals are over, or it is refused.

Request, edit and their forms ask `refusal_of_request`, and a claim, a repeat included, asks
`Eligibility`, which looks up once for all its payouts. Who may approve is in `approvals`.

Rows say what to look at; of approvals only sealed events are believed. Whoever writes rows without
the key of the chains can forge an approval, but not its event. The state of wallets and clients is
taken from their rows.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from uuid import UUID

from audit import chain, clock
from audit.codes import NO_REASON, Reason
from audit.refusals import Refusal, Refused
from payouts import foreign, statements
from payouts.codes import PayoutCode
from payouts.controls import policy, rules
from payouts.controls.codes import ControlsCode
from payouts.controls.documents import Limit, Values
from payouts.controls.rates import Rate, price, sound_rates
from payouts.controls.rules import Proposal
from payouts.discrepancies import doubtful_ones, in_doubt
from payouts.models import (
    Approval,
    Attempt,
    EventType,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutStatus,
    WaitingFor,
)
from payouts.staff import powers, roles
from payouts.statements import Stated
from wallets.amounts import format_amount, parse_amount
from wallets.codes import WalletCode
from wallets.coins import decimals_of
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus

# An event that leaves a payout in any other status ends the approvals from before it, but for those
# that keep it waiting for more of them (`ends_approvals`).
STANDING = (PayoutStatus.APPROVED, PayoutStatus.SUBMITTING)
NOT_ACTIVE = {
    WalletStatus.FROZEN: WalletCode.WALLET_FROZEN,
    WalletStatus.ARCHIVED: WalletCode.WALLET_ARCHIVED,
}
# In the data of sealed events: what the policy judged, and that people let it go despite a rule.
PROPOSAL, RELEASED = "proposal", "released"
MEMBERS = ("order_id", "currency", "network", "address", "memo", "is_subtract")


class Says(Enum):
    PASS = auto()
    WAIT = auto()
    VOID = auto()


@dataclass(frozen=True)
class Verdict:
    """What stands in the way, and what is waited for meanwhile. `is_forged`: somebody wrote past
    the desk."""

    says: Says
    reason: Reason = NO_REASON
    waiting_for: WaitingFor = WaitingFor.APPROVALS
    is_forged: bool = False
    until: datetime | None = None  # when that is known
    judged: Proposal | None = None  # what the policy let pass


# A request, an edit, and what their forms say beside a field


def refusal_of_request(
    client: Client, wallet: Wallet, currency: str, amount: Decimal
) -> Refusal | None:
    """Return why this cannot be asked for as it stands. A wallet on its way is waited for."""
    if wallet.client_id != client.pk:
        return Refusal(PayoutCode.OTHER_CLIENT)
    refusal = refusal_of_destination(client.is_active, WalletStatus(wallet.status))
    if refusal and refusal.code != WalletCode.WALLET_NOT_ACTIVE:
        return refusal
    return refusal_of_coin(wallet.network, currency, amount)


def refusal_of_destination(client_is_active: bool, status: WalletStatus) -> Refusal | None:
    if not client_is_active:
        return Refusal(WalletCode.CLIENT_CLOSED)
    if status != WalletStatus.ACTIVE:
        return Refusal(NOT_ACTIVE.get(status, WalletCode.WALLET_NOT_ACTIVE))
    return None


def refusal_of_coin(network: str, currency: str, amount: Decimal) -> Refusal | None:
    """Return why Heleket would not pay this amount, as far as the desk knows."""
    service = PayoutMethod.objects.filter(network=network, currency=currency).first()
    if service is None or not service.is_available:
        return refusal_of_service(service, amount)
    try:
        parse_amount(format_amount(amount), decimals=decimals_of(network, currency))
    except ValueError as exc:
        return Refusal(WalletCode.AMOUNT, why=exc)
    return refusal_of_service(service, amount)


def refusal_of_service(service: PayoutMethod | None, amount: Decimal) -> Refusal | None:
    if service is None:
        return Refusal(WalletCode.METHOD_UNKNOWN)
    return service.refusal_for(amount)


# A destination, and the policy


def refusal_of_verdict(verdict: rules.Verdict, *, is_released: bool) -> Refusal | None:
    """Return why the policy lets nobody pay this, however many approve it."""
    if verdict.blocked_by:
        return Refusal(ControlsCode.BLOCKED_BY_RULE, words=", ".join(verdict.blocked_by))
    if verdict.held_by and not is_released:
        return Refusal(ControlsCode.HELD_BY_RULE, words=", ".join(verdict.held_by))
    return None if verdict.is_covered else Refusal(ControlsCode.NO_RULE)


def destinations_of(payouts: Sequence[Payout]) -> dict[int, tuple[bool, WalletStatus]]:
    """Return of each wallet whether its client is active, and its status."""
    wallets = Wallet.objects.filter(pk__in={payout.wallet_id for payout in payouts})
    rows = wallets.values_list("pk", "client__is_active", "status")
    return {pk: (is_active, WalletStatus(status)) for pk, is_active, status in rows}


# A claim


class Eligibility:
    """Looks up once for all the locked payouts of a claim what each of them is judged by.

    All their events are read, so a claim takes no more payouts than it can call.
    """

    def __init__(
        self,
        payouts: Sequence[Payout],
        attempts: Mapping[UUID, Sequence[Attempt]],
        installation: str,
    ) -> None:
        self.attempts, self.installation = attempts, installation
        self.destinations = destinations_of(payouts)
        coins = {payout.currency for payout in payouts}
        self.services = PayoutMethod.objects.by_coin(coins)
        self.policy = policy_or_refusal()
        if isinstance(self.policy, policy.Policy):
            self.rates = sound_rates(coins, bounds=self.policy.values.rate_bounds)
        self.approvals: dict[UUID, list[Approval]] = defaultdict(list)
        for approval in Approval.objects.filter(payout__in=payouts, voided_at=None):
            self.approvals[approval.payout_id].append(approval)
        given = [approval for some in self.approvals.values() for approval in some]
        self.stated = statements.read_all(given)
        self.doubtful = doubtful_ones(payouts)
        self.in_doubt = in_doubt(payouts, self.doubtful)
        people = {each.person_id for some in self.approvals.values() for each in some}
        self.approvers = roles.people_who_may_approve(people)
        self.groups = roles.groups_of(people)
        self.changed = powers.last_change_of_power(people)
        self.makers: dict[UUID, set[int]] = defaultdict(set)
        makers = PayoutMaker.objects.filter(payout__in=payouts)
        for payout_id, person_id in makers.values_list("payout_id", "person_id"):
            self.makers[payout_id].add(person_id)
        self.sealed: dict[UUID, Sequence[PayoutEvent]] = {}  # those since the approval, proven
        self.events: dict[UUID, list[PayoutEvent]] = defaultdict(list)
        for event in PayoutEvent.objects.filter(payout__in=payouts).order_by("number"):
            self.events[event.payout_id].append(event)

    @property
    def limits(self) -> Sequence[Limit]:
        return self.policy.limits if isinstance(self.policy, policy.Policy) else ()

    def of(self, payout: Payout) -> Verdict:
        if code := self.forgery(payout):
            return Verdict(Says.WAIT, Reason(code), is_forged=True)
        if refusal := refusal_of_destination(*self.destinations[payout.wallet_id]):
            return Verdict(Says.VOID, refusal.reason, WaitingFor.WALLET)
        if isinstance(self.policy, Refusal):
            return Verdict(Says.WAIT, self.policy.reason, is_forged=True)
        if refusal := self.refusal_of_approvals(payout):
            return Verdict(Says.VOID, refusal.reason)
        found = judged_in(self.sealed[payout.pk])
        if found is None:
            return Verdict(Says.VOID, Reason(ControlsCode.NOT_PRICED))
        judged, is_released = found
        rate, values, now = self.rates[payout.currency], self.policy.values, judged
        if isinstance(rate, Rate):
            now = priced_anew(judged, rate.rate, values.drift)
        if not all(now.answers(rule.conditions) for rule in self.policy.rules):
            return Verdict(Says.VOID, Reason(ControlsCode.NOT_LOOKED_AT))
        verdict = rules.judge(self.policy.rules, now)
        if refusal := self.refusal_by_policy(payout, verdict, is_released=is_released):
            return Verdict(Says.VOID, refusal.reason)
        if wait := self.wait(payout, now, values):
            return wait
        return Verdict(Says.PASS, judged=now)

    def refusal_of_approvals(self, payout: Payout) -> Refusal | None:
        """Return why one of the approvals that stand does not count, or what a rule let go by
        itself is not this payout."""
        if any(each.event_type == EventType.VOID for each in self.sealed[payout.pk]):
            return Refusal(PayoutCode.RESTORED)  # under way by then: it is not sent again
        given, makers = self.given(payout), self.makers[payout.pk]
        digest, sealed = payout.digest(), digests_in(self.sealed[payout.pk])
        if any(each != digest for each in (*sealed, *(each.digest for each in given))):
            return Refusal(ControlsCode.OTHER_DIGEST)
        if any(each.person_id in makers for each in given):
            return Refusal(ControlsCode.MAKER_APPROVED)
        if any(each.person_id not in self.approvers for each in given):
            return Refusal(ControlsCode.RIGHT_LOST)
        return None

    def given(self, payout: Payout) -> list[Approval]:
        return [
            each
            for each in self.approvals[payout.pk]
            if each.decision == Approval.Decision.APPROVED and not self.outdated(each)
        ]

    def refusal_by_policy(
        self, payout: Payout, verdict: rules.Verdict, *, is_released: bool
    ) -> Refusal | None:
        if refusal := refusal_of_verdict(verdict, is_released=is_released):
            return refusal
        required = verdict.required_in(payout.pk in self.in_doubt)
        people = {each.person_id: self.groups[each.person_id] for each in self.given(payout)}
        if missing := rules.missing(required, people):
            if why := next(filter(None, map(self.outdated, self.approvals[payout.pk])), None):
                return Refusal(why)
            return Refusal(ControlsCode.MORE_APPROVALS, words=rules.in_words(missing))
        return None

    def wait(self, payout: Payout, judged: Proposal, values: Values) -> Verdict | None:
        """Return what it has to wait for, though it may be paid."""
        if payout.is_early:
            reason = Reason(PayoutCode.BEFORE_DATE)
            return Verdict(Says.WAIT, reason, WaitingFor.DATE, until=payout.pay_from)
        goes_at = values.goes_out_at(approved_at(self.sealed[payout.pk]))
        if goes_at > clock.now():
            return Verdict(
                Says.WAIT, Reason(ControlsCode.UNDO_TIME), WaitingFor.DATE, until=goes_at
            )
        if unknown := foreign.like(payout, self.doubtful):
            return Verdict(Says.WAIT, foreign.wait_for(unknown), WaitingFor.GATEWAY)
        service = self.services.get((payout.network, payout.currency))
        if refusal := refusal_of_service(service, payout.amount):
            return Verdict(Says.WAIT, refusal.reason, WaitingFor.SERVICE)
        rate = self.rates[payout.currency]
        if isinstance(rate, Refusal):
            return Verdict(Says.WAIT, rate.reason, WaitingFor.RATE)
        fee = service.fee_for(payout.amount) if service else Decimal(0)
        if refusal := refusal_of_fee(payout.amount, fee, judged, rate.rate, values):
            return Verdict(Says.WAIT, refusal.reason, WaitingFor.SERVICE)
        return None

    def outdated(self, approval: Approval) -> PayoutCode | None:
        """Return why an approval counts no more: it has expired, as its statement says (the time
        that its row names is for pages alone), or its person's rights, password or address have
        changed since, so that it may be another who approved, or who would approve no more."""
        stated = self.stated.get(approval.statement_id)
        said = stated.rows.get(str(approval.payout_id)) if stated else None
        if said is not None and said.expires_at <= clock.now():
            return PayoutCode.APPROVAL_EXPIRED
        changed = self.changed.get(approval.person_id)
        if changed is not None and approval.decided_at <= changed:
            return PayoutCode.APPROVER_CHANGED
        return None

    def forgery(self, payout: Payout) -> PayoutCode | None:
        """Return the code of a row that no sealed event backs, if there is one."""
        last = since_approval(self.events[payout.pk])
        if last is None:
            return PayoutCode.FORGED_HISTORY
        self.sealed[payout.pk] = last
        if not last or (last[-1].number, last[-1].to_status) != (payout.last_event, payout.status):
            return PayoutCode.FORGED_STATUS
        for each in self.approvals[payout.pk]:
            stated = self.stated.get(each.statement_id)
            if each.statement_id and not is_stated(each, stated):
                return PayoutCode.FORGED_STATEMENT
            if not is_sealed(each, last, stated.sha256 if stated else ""):
                return PayoutCode.FORGED_APPROVAL
        if payout.cancel_asked_at is None and any(
            event.event_type == EventType.REQUEST_CANCEL for event in last
        ):
            return PayoutCode.FORGED_CANCEL
        for attempt in self.attempts.get(payout.pk, ()):
            if attempt.generation == payout.generation and not is_request_of(
                attempt, payout, self.installation
            ):
                return PayoutCode.FORGED_REQUEST
        return None


def policy_or_refusal() -> policy.Policy | Refusal:
    try:
        return policy.in_force()
    except Refused as exc:  # somebody wrote it past the desk: nothing is sent by it
        return exc.refusal


def judged_as(proposal: Proposal | None, *, is_released: bool = False) -> dict[str, str]:
    """Return what an event seals of what the policy judged."""
    if proposal is None:
        return {}
    sealed = {PROPOSAL: json.dumps(proposal.as_json(), sort_keys=True)}
    return {**sealed, RELEASED: "yes"} if is_released else sealed


def judged_in(events: Sequence[PayoutEvent]) -> tuple[Proposal, bool] | None:
    """Return what the policy judged at the last approval, or the last call that priced it anew, and
    whether a person had let it go although a rule sets it aside. None of approvals from before
    there was such a policy."""
    for event in reversed(events):
        if stored := event.facts.get(PROPOSAL):
            return Proposal.read(json.loads(stored)), RELEASED in event.facts
    return None


def digests_in(events: Sequence[PayoutEvent]) -> list[str]:
    """Return what was approved, by people or by a rule. All of it is one while nothing ends the
    approvals."""
    return [each.facts.get("digest", "") for each in events if each.event_type == EventType.APPROVE]


def approved_at(events: Sequence[PayoutEvent]) -> datetime:
    """Return when the last needed approval came."""
    return max(each.at for each in events if each.event_type == EventType.APPROVE)


def priced_anew(judged: Proposal, rate: Decimal, drift: Decimal) -> Proposal:
    """Return the same in today's money, if the rate has moved by more than so many percent."""
    if abs(rate - judged.rate) * 100 <= drift * judged.rate:
        return judged
    amounts = {name: price(amount / judged.rate, rate) for name, amount in judged.amounts.items()}
    return replace(judged, rate=rate, amounts=amounts)


def refusal_of_fee(
    amount: Decimal, fee: Decimal, judged: Proposal, rate: Decimal, values: Values
) -> Refusal | None:
    """Return why a fee has to be looked at: it is above what the policy allows, or has more than
    doubled since the approval."""
    if fee * 100 > values.fee_percent * amount or price(fee, rate) > values.fee_amount:
        return Refusal(ControlsCode.FEE_HIGH, words=format_amount(fee))
    if fee > 2 * judged.fee:
        return Refusal(ControlsCode.FEE_DOUBLED, words=format_amount(fee))
    return None


def since_approval(events: Sequence[PayoutEvent]) -> Sequence[PayoutEvent] | None:
    """Return the last of one payout's events, those since it was approved; None if one of them does
    not follow from the one before."""
    start = next((at for at in range(len(events), 0, -1) if ends_approvals(events[at - 1])), 0)
    number, previous = (events[start - 1].number, events[start - 1].hash) if start else (0, "")
    last = events[start:]
    return None if chain.first_broken(last, number, previous) else last


def ends_approvals(event: PayoutEvent) -> bool:
    """Whether the approvals from before this event are over. What happens to a payout that goes on
    waiting for approval ends none, but for an edit or a restore; who undoes an approval ends their
    own alone."""
    is_waiting = event.from_status == event.to_status == PayoutStatus.PENDING
    ends_none = is_waiting and event.event_type not in (EventType.EDIT, EventType.VOID)
    ends_none |= event.event_type == EventType.UNDO
    return event.to_status not in STANDING and not ends_none


def is_sealed(approval: Approval, events: Sequence[PayoutEvent], statement: str) -> bool:
    """Whether the last of these events, which hold, by which this person approved or undid that is
    of this very approval. `statement` is the SHA-256 of what it was given with; events from before
    there were statements name none."""
    own = [
        event
        for event in events
        if event.person_id == approval.person_id
        and event.event_type in (EventType.APPROVE, EventType.UNDO)
    ]
    return any(
        event.event_type == EventType.APPROVE
        and event.facts.get("digest") == approval.digest
        and event.facts.get("statement", "") == statement
        for event in own[-1:]
    )


def is_stated(approval: Approval, stated: Stated | None) -> bool:
    """Whether a statement is of this person, and this payout stands in it as it was approved."""
    said = stated.rows.get(str(approval.payout_id)) if stated else None
    return bool(
        stated and said and (stated.approver, said.digest) == (approval.person_id, approval.digest)
    )


def is_request_of(attempt: Attempt, payout: Payout, installation: str) -> bool:
    """Whether the bytes of a try pay this payout, once, to where it goes."""
    try:
        sent = json.loads(attempt.body)
        amount = Decimal(sent["amount"])
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return False
    order_id = payout.order_id(installation)
    return (attempt.order_id, amount, *map(sent.get, MEMBERS)) == (
        order_id,
        payout.amount,
        order_id,
        payout.currency,
        payout.network,
        payout.address,
        payout.memo or None,
        True,
    )
