"""How a discrepancy may end: by an outcome that its kind allows and Heleket bears out.

Each looks at what Heleket said just now, and is refused if that is not what people saw.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import heleket
from audit import clock
from audit.actor import Actor
from audit.refusals import Refusal
from payouts.codes import PayoutCode
from payouts.discrepancies import Kind, difference
from payouts.gateway.accounts import GatewayAccount
from payouts.makers import makers_of
from payouts.models import Attempt, Discrepancy, Payout
from payouts.polling import Answer
from payouts.recording import is_final_failure, is_paid, owners_of
from payouts.seen import Seen
from payouts.settling import Case
from payouts.staff.codes import StaffCode
from payouts.times import at_time
from wallets.addresses import canonical
from wallets.amounts import money

LONGEST_LEFT = timedelta(days=92)

Outcome = Discrepancy.Outcome
EXPLAINED, AS_HELEKET, NOT_PAID, LEFT, LINKED = Outcome

POSSIBLE = {
    Kind.DIFFERENT: (EXPLAINED, AS_HELEKET, NOT_PAID, LEFT),
    Kind.UUID_TAKEN: (AS_HELEKET, NOT_PAID, LEFT),
    Kind.CONTRADICTION: (AS_HELEKET, LEFT),
    Kind.FOUND_LATE: (AS_HELEKET, LEFT),
    Kind.EARLIER: (AS_HELEKET, LEFT),
    Kind.VANISHED: (EXPLAINED, AS_HELEKET, NOT_PAID, LEFT),
    Kind.UNKNOWN_WORD: (AS_HELEKET, LEFT),
    Kind.UNCLEAR: (EXPLAINED, AS_HELEKET, NOT_PAID, LEFT),
    Kind.FOREIGN: (LINKED, EXPLAINED),
    Kind.LISTED: (EXPLAINED, LEFT),
}


@dataclass(frozen=True)
class Wish:
    """How somebody wants a discrepancy to end; `facts` names what they saw of it."""

    discrepancy_id: int
    facts: str
    outcome: Outcome
    reason: str
    reopens_at: datetime | None = None
    payout: Seen | None = None  # of ours, as it was seen: what a payout at Heleket is linked to


@dataclass(frozen=True)
class Heard:
    """What Heleket said just now: of our order id, and of the id that it once gave us."""

    by_order_id: Answer
    by_uuid: Answer | None
    asked_at: datetime

    @property
    def unclear(self) -> heleket.HeleketError | None:
        """Return an answer that says nothing of the payout, if there is one."""
        for answer in (self.by_order_id, self.by_uuid):
            is_clear = isinstance(answer, heleket.RemotePayout | heleket.PayoutNotFound | None)
            if not is_clear and isinstance(answer, heleket.HeleketError):
                return answer
        return None

    @property
    def payouts(self) -> list[heleket.RemotePayout]:
        answers = (self.by_order_id, self.by_uuid)
        return [each for each in answers if isinstance(each, heleket.RemotePayout)]

    @property
    def remote(self) -> heleket.RemotePayout | None:
        return next(iter(self.payouts), None)

    @property
    def status(self) -> str:
        return self.remote.status if self.remote else "?"


def takes_two(discrepancy: Discrepancy, outcome: str) -> bool:
    is_harmless = outcome == EXPLAINED and discrepancy.kind != Kind.FOREIGN
    return not is_harmless or discrepancy.is_critical


def possible(discrepancy: Discrepancy) -> list[Outcome]:
    return list(POSSIBLE[Kind(discrepancy.kind)])


def refusal_of(
    wish: Wish,
    case: Case,
    found: Discrepancy,
    heard: Heard,
    account: GatewayAccount,
    actor: Actor,
) -> Refusal | None:
    """Return why it may not end like this, now that the payout is locked."""
    if found.closed_at:
        return Refusal(PayoutCode.CLOSED_DISCREPANCY)
    if wish.outcome not in possible(found):
        return Refusal(PayoutCode.OUTCOME_OF_OTHER_KIND)
    if takes_two(found, wish.outcome) and is_maker(actor, case.payout):
        return Refusal(PayoutCode.MAKER_ENDS)
    if found.facts != wish.facts:
        return Refusal(StaffCode.FACTS_CHANGED)
    if found.kind == Kind.LISTED and wish.outcome == EXPLAINED:
        return refusal_of_harmless(case, heard)
    return CONDITIONS[wish.outcome](wish, case, heard, account)


def is_maker(actor: Actor, payout: Payout) -> bool:
    return any(person == actor.person_id for person, _role in makers_of([payout])[payout.pk])


def refusal_of_explained(
    _wish: Wish, case: Case, heard: Heard, _account: GatewayAccount
) -> Refusal | None:
    """Heleket has exactly what was sent, or has never had it: nothing differs any more."""
    if heard.unclear:
        return refusal_of_unclear(heard.unclear)
    differ = any(difference(case.attempt, each) for each in heard.payouts)
    is_lost = case.attempt.uuid is not None and not heard.payouts
    is_past = case.payout.is_ended or case.attempt.generation != case.payout.generation
    if differ or is_lost or is_past or is_anothers(case, heard):
        return Refusal(PayoutCode.STILL_DIFFERENT)
    return None


def refusal_of_harmless(case: Case, heard: Heard) -> Refusal | None:
    """Heleket's own answer is what was sent, whatever its list says: of an ended payout, too."""
    if heard.unclear:
        return refusal_of_unclear(heard.unclear)
    differ = any(difference(case.attempt, each) for each in heard.payouts)
    if not heard.payouts or differ or is_anothers(case, heard):
        return Refusal(PayoutCode.STILL_DIFFERENT)
    return None


def refusal_of_as_heleket(
    _wish: Wish, case: Case, heard: Heard, _account: GatewayAccount
) -> Refusal | None:
    """Heleket's word is final, and no other payout of Heleket's may be ours as well."""
    if heard.unclear:
        return refusal_of_unclear(heard.unclear)
    if not heard.remote or not (is_paid(heard.remote) or is_final_failure(heard.remote)):
        return Refusal(PayoutCode.NO_FINAL_WORD, status=heard.status)
    others = [each for each in heard.payouts if each.uuid != heard.remote.uuid]
    if any(not is_final_failure(each) for each in others):
        return Refusal(PayoutCode.MAY_BE_PAID, status=others[0].status)
    if is_paid(heard.remote) and (owner := owner_of(case, heard.remote)):
        return Refusal(PayoutCode.PAID_FOR_OTHER, order_id=owner)
    return refusal_of_open_try(case)


def refusal_of_not_paid(
    _wish: Wish, case: Case, heard: Heard, account: GatewayAccount
) -> Refusal | None:
    """Heleket has failed it for good, or has never had it past the release time, or has another
    payout under our order id, which has not reached the client."""
    if heard.unclear:
        return refusal_of_unclear(heard.unclear)
    may_pay = [each for each in heard.payouts if not is_final_failure(each)]
    by_uuid = isinstance(heard.by_uuid, heleket.RemotePayout)
    if any(not is_other_payout(case, each) for each in may_pay):
        return Refusal(PayoutCode.MAY_BE_PAID, status=may_pay[0].status)
    for each in may_pay:
        if is_paid(each) and reached_client(case, each) and not owner_of(case, each):
            paid = money(each.amount or case.payout.amount, case.payout.currency)
            return Refusal(PayoutCode.CLIENT_HAS_IT, money=paid)
    lost_uuid = case.attempt.uuid is not None and not by_uuid
    if not heard.payouts or lost_uuid:
        until = release_time(case.attempt, account)
        if clock.now() < until:
            return Refusal(PayoutCode.NOT_RELEASED, until=at_time(until))
    return refusal_of_open_try(case)


def refusal_of_left(
    wish: Wish, _case: Case, _heard: Heard, _account: GatewayAccount
) -> Refusal | None:
    now = clock.now()
    if wish.reopens_at is None or not now < wish.reopens_at <= now + LONGEST_LEFT:
        return Refusal(PayoutCode.NO_DAY, days=LONGEST_LEFT.days)
    return None


CONDITIONS = {
    EXPLAINED: refusal_of_explained,
    AS_HELEKET: refusal_of_as_heleket,
    NOT_PAID: refusal_of_not_paid,
    LEFT: refusal_of_left,
}


def refusal_of_unclear(trouble: heleket.HeleketError) -> Refusal:
    return Refusal(PayoutCode.UNCLEAR_ANSWER, words=trouble.message)


def is_other_payout(case: Case, remote: heleket.RemotePayout) -> bool:
    """Whether what Heleket has under our order id is none of what we sent, so that ours is not
    there. One whose id we were given is ours, whatever it says of itself; an answer about another
    order id says nothing of ours."""
    if remote.uuid == case.attempt.uuid or remote.order_id not in (None, case.attempt.order_id):
        return False
    return bool(difference(case.attempt, remote)) or bool(owner_of(case, remote))


def is_anothers(case: Case, heard: Heard) -> bool:
    return any(owner_of(case, each) for each in heard.payouts)


def owner_of(case: Case, remote: heleket.RemotePayout) -> str:
    """Return the order id of another try that has Heleket's id, if one has."""
    owner = owners_of([remote]).get(remote.uuid, case.attempt.order_id)
    return "" if owner == case.attempt.order_id else owner


def reached_client(case: Case, remote: heleket.RemotePayout) -> bool:
    """Whether what was paid went to where the payout is to go, in its coin."""
    return not not_as_approved(case, remote) - {"amount"}


def not_as_approved(case: Case, remote: heleket.RemotePayout) -> set[str]:
    """Name what Heleket has of this try otherwise than the payout is now: it may have been edited
    since. What Heleket leaves out is as it was sent."""
    payout, sent = case.payout, json.loads(case.attempt.body)
    network = (remote.network or sent["network"]).lower()
    paid = {
        "amount": Decimal(sent["amount"]) if remote.amount is None else remote.amount,
        "currency": (remote.currency or sent["currency"]).upper(),
        "network": network,
        "address": canonical(network, remote.address or sent["address"]),
        "memo": sent.get("memo") or "",
    }
    return {name for name, value in paid.items() if value != getattr(payout, name)}


def refusal_of_open_try(case: Case) -> Refusal | None:
    """Return why a payout cannot end while another of its tries may be paid."""
    if case.payout.is_ended:
        return None
    for each in case.attempts:
        if each.pk != case.attempt.pk and not each.is_over and not each.is_final:
            return Refusal(PayoutCode.OTHER_TRY_OPEN, order_id=each.order_id)
    return None


def release_time(attempt: Attempt, account: GatewayAccount) -> datetime:
    return (attempt.lease_until or attempt.created_at) + account.release_time
