"""May it be paid now? A claim and a repeat ask the same: it passes, waits, or its approvals are
over.

Rows tell what to look at; sealed events are what is believed. Whoever writes rows without the key
of the chains can make up an approval, but no event that tells of it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from uuid import UUID

from audit import chain
from payouts import policy
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
from wallets.models import PayoutService, Wallet, WalletStatus

# An event that leaves a payout in any other status ends the approvals from before it.
STANDING = (PayoutStatus.APPROVED, PayoutStatus.SUBMITTING)
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
    reason: str = ""
    waiting_for: WaitingFor = WaitingFor.APPROVALS
    is_forged: bool = False


PASSES = Verdict(Says.PASS)


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
        self.events: dict[UUID, list[PayoutEvent]] = defaultdict(list)
        for event in PayoutEvent.objects.filter(payout__in=payouts).order_by("number"):
            self.events[event.payout_id].append(event)

    def of(self, payout: Payout) -> Verdict:
        if reason := self.forgery(payout):
            return Verdict(Says.WAIT, reason, is_forged=True)
        if reason := self.wallet_trouble(payout):
            return Verdict(Says.VOID, reason, WaitingFor.WALLET)
        standing, makers = self.approvals[payout.pk], self.makers[payout.pk]
        if reason := policy.missing(payout, standing, makers, self.may_approve):
            return Verdict(Says.VOID, reason)
        if reason := self.service_trouble(payout):
            return Verdict(Says.WAIT, reason, WaitingFor.SERVICE)
        return PASSES

    def forgery(self, payout: Payout) -> str:
        """Say which row tells what no sealed event tells, or nothing."""
        told = since_approval(self.events[payout.pk])
        if told is None:
            return "Its history was changed outside the desk."
        if not told or (told[-1].number, told[-1].to_status) != (payout.last_event, payout.status):
            return "Its status is not what its sealed history tells."
        if any(not is_sealed(each, told) for each in self.approvals[payout.pk]):
            return "An approval of it does not stand in its sealed history."
        if payout.cancel_asked_at is None and any(
            event.event_type == EventType.REQUEST_CANCEL for event in told
        ):
            return "Its sealed history tells that it should be cancelled."
        for attempt in self.attempts.get(payout.pk, ()):
            if attempt.generation == payout.generation and not is_request_of(
                attempt, payout, self.installation
            ):
                return "The request that is stored for it is not what was approved."
        return ""

    def wallet_trouble(self, payout: Payout) -> str:
        status, client_is_active = self.wallets[payout.wallet_id]
        if not client_is_active:
            return "The client is not active."
        if status != WalletStatus.ACTIVE:
            return f"The wallet is {status.label}."
        return ""

    def service_trouble(self, payout: Payout) -> str:
        service = self.services.get((payout.network, payout.currency))
        return str(service.refusal_for(payout.amount) if service else "Heleket no longer lists it.")


def since_approval(events: Sequence[PayoutEvent]) -> Sequence[PayoutEvent] | None:
    """Return the last of one payout's events, those since it was approved; None if one of them does
    not follow from the one before."""
    start = next(
        (at for at in range(len(events), 0, -1) if events[at - 1].to_status not in STANDING), 0
    )
    number, previous = (events[start - 1].number, events[start - 1].hash) if start else (0, "")
    told = events[start:]
    return None if chain.first_broken(told, number, previous) else told


def is_sealed(approval: Approval, told: Sequence[PayoutEvent]) -> bool:
    """Tell whether one of these events, which hold, is of this very approval."""
    return any(
        event.event_type == EventType.APPROVE
        and event.person_id == approval.person_id
        and json.loads(event.data or "{}").get("digest") == approval.digest
        for event in told
    )


def is_request_of(attempt: Attempt, payout: Payout, installation: str) -> bool:
    """Tell whether the bytes of a try pay this payout, once, to where it goes."""
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
