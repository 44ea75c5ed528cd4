"""May it be paid now? It passes, waits, its approvals are over, or it is refused.

Request, edit and their forms ask `refusal_of_request`, an approval asks `refusal_of_approval`, and
a claim, a repeat included, asks `Eligibility`, which looks up once for all its payouts.

Rows say what to look at; of approvals only sealed events are believed. Whoever writes rows without
the key of the chains can forge an approval, but not its event. The state of wallets and clients is
taken from their rows.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from uuid import UUID

from audit import chain
from audit.codes import NO_REASON, Reason
from audit.refusals import Refusal
from payouts.codes import PayoutCode
from payouts.controls import policy
from payouts.discrepancies import in_doubt
from payouts.makers import Maker, makers_of, refusal_of_maker
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


PASSES = Verdict(Says.PASS)


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


# An approval


@dataclass(frozen=True)
class ApprovalFacts:
    makers: Mapping[UUID, Sequence[Maker]]
    destinations: Mapping[int, tuple[bool, WalletStatus]]
    given: Mapping[UUID, Collection[int]]  # who has approved each as it is
    in_doubt: Collection[UUID]

    def is_enough(self, payout: Payout) -> bool:
        """Whether one more approval is all that is needed."""
        needs = policy.needs(is_in_doubt=payout.pk in self.in_doubt)
        return len(self.given.get(payout.pk, ())) + 1 >= needs.approvals


def approval_facts(payouts: Sequence[Payout]) -> ApprovalFacts:
    return ApprovalFacts(
        makers_of(payouts), destinations_of(payouts), approvers_of(payouts), in_doubt(payouts)
    )


def approvers_of(payouts: Sequence[Payout]) -> dict[UUID, set[int]]:
    approvers: dict[UUID, set[int]] = defaultdict(set)
    given = Approval.objects.filter(
        payout__in=[payout.pk for payout in payouts],
        voided_at=None,
        decision=Approval.Decision.APPROVED,
    )
    for payout_id, person_id in given.values_list("payout_id", "person_id"):
        approvers[payout_id].add(person_id)
    return approvers


def refusal_of_approval(
    payout: Payout, facts: ApprovalFacts, person_id: int | None
) -> Refusal | None:
    """Return why this person may not approve the payout."""
    refusal = refusal_of_destination(*facts.destinations[payout.wallet_id])
    if refusal is None and person_id in facts.given.get(payout.pk, ()):
        return Refusal(PayoutCode.APPROVED_BY_YOU)
    return refusal or refusal_of_maker(person_id, facts.makers.get(payout.pk, []))


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
        self.services = {
            (service.network, service.currency): service
            for service in PayoutMethod.objects.filter(
                network__in={payout.network for payout in payouts},
                currency__in={payout.currency for payout in payouts},
            )
        }
        self.approvals: dict[UUID, list[Approval]] = defaultdict(list)
        for approval in Approval.objects.filter(payout__in=payouts, voided_at=None):
            self.approvals[approval.payout_id].append(approval)
        self.in_doubt = in_doubt(payouts)
        people = {each.person_id for some in self.approvals.values() for each in some}
        self.approvers = roles.people_who_may_approve(people)
        self.changed = powers.last_change_of_power(people)
        self.makers: dict[UUID, set[int]] = defaultdict(set)
        makers = PayoutMaker.objects.filter(payout__in=payouts)
        for payout_id, person_id in makers.values_list("payout_id", "person_id"):
            self.makers[payout_id].add(person_id)
        self.events: dict[UUID, list[PayoutEvent]] = defaultdict(list)
        for event in PayoutEvent.objects.filter(payout__in=payouts).order_by("number"):
            self.events[event.payout_id].append(event)

    def of(self, payout: Payout) -> Verdict:
        if code := self.forgery(payout):
            return Verdict(Says.WAIT, Reason(code), is_forged=True)
        if refusal := refusal_of_destination(*self.destinations[payout.wallet_id]):
            return Verdict(Says.VOID, refusal.reason, WaitingFor.WALLET)
        if refusal := policy.judge(self.proposal(payout)):
            outdated = any(map(self.is_outdated, self.approvals[payout.pk]))
            reason = Reason(PayoutCode.APPROVER_CHANGED) if outdated else refusal.reason
            return Verdict(Says.VOID, reason)
        if payout.is_early:
            reason = Reason(PayoutCode.BEFORE_DATE)
            return Verdict(Says.WAIT, reason, WaitingFor.DATE, until=payout.pay_from)
        service = self.services.get((payout.network, payout.currency))
        if refusal := refusal_of_service(service, payout.amount):
            return Verdict(Says.WAIT, refusal.reason, WaitingFor.SERVICE)
        return PASSES

    def proposal(self, payout: Payout) -> policy.Proposal:
        return policy.Proposal(
            digest=payout.digest(),
            makers=self.makers[payout.pk],
            approvers=self.approvers,
            approvals=[
                policy.Given(each.person_id, each.digest)
                for each in self.approvals[payout.pk]
                if each.decision == Approval.Decision.APPROVED and not self.is_outdated(each)
            ],
            is_in_doubt=payout.pk in self.in_doubt,
        )

    def is_outdated(self, approval: Approval) -> bool:
        """Whether its person's rights, password or address have changed since: it may be another
        who approved, or who would approve no more."""
        changed = self.changed.get(approval.person_id)
        return changed is not None and approval.decided_at <= changed

    def forgery(self, payout: Payout) -> PayoutCode | None:
        """Return the code of a row that no sealed event backs, if there is one."""
        last = since_approval(self.events[payout.pk])
        if last is None:
            return PayoutCode.FORGED_HISTORY
        if not last or (last[-1].number, last[-1].to_status) != (payout.last_event, payout.status):
            return PayoutCode.FORGED_STATUS
        if any(not is_sealed(each, last) for each in self.approvals[payout.pk]):
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


def since_approval(events: Sequence[PayoutEvent]) -> Sequence[PayoutEvent] | None:
    """Return the last of one payout's events, those since it was approved; None if one of them does
    not follow from the one before."""
    start = next((at for at in range(len(events), 0, -1) if ends_approvals(events[at - 1])), 0)
    number, previous = (events[start - 1].number, events[start - 1].hash) if start else (0, "")
    last = events[start:]
    return None if chain.first_broken(last, number, previous) else last


def ends_approvals(event: PayoutEvent) -> bool:
    """Whether the approvals from before this event are over. What happens to a payout that goes on
    waiting for approval ends none, but for an edit."""
    is_waiting = event.from_status == event.to_status == PayoutStatus.PENDING
    return event.to_status not in STANDING and not (
        is_waiting and event.event_type != EventType.EDIT
    )


def is_sealed(approval: Approval, events: Sequence[PayoutEvent]) -> bool:
    """Whether one of these events, which hold, is of this very approval."""
    return any(
        event.event_type == EventType.APPROVE
        and event.person_id == approval.person_id
        and json.loads(event.data or "{}").get("digest") == approval.digest
        for event in events
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
