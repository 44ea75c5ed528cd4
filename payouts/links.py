"""A payout made by hand at Heleket: it is linked to the one of ours that it is, or people say why
it is none of ours.

Heleket is asked by its own id, and then two people's word counts, on the facts that they saw. What
is linked is a try that was never called: its bytes lack what a call takes, the database refuses to
count one, and no status that it leads to is ever sent. From then on Heleket's word counts as for
any other try, and what was missing of approvals stays with it for ever.
"""

import base64
import binascii
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import NO_REASON, Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.operations import Change, sources
from audit.refusals import Refusal, Refused
from audit.texts import needed
from payouts import foreign, guard, polling, recording, transitions
from payouts.approvals import approval_facts
from payouts.codes import PayoutCode
from payouts.controls import policy, rules
from payouts.controls.rates import Rate, sound_rates
from payouts.discrepancies import NOT_FOUND, Kind, agree, describe, stands
from payouts.eligibility import refusal_of_verdict
from payouts.endings import ACT, RIGHT, ask_by_uuid, is_abandoned, subject, wish_of
from payouts.gateway.accounts import GatewayAccount
from payouts.known import Known
from payouts.linked import AGAINST, GIVEN, NEEDED, lacks, without_approvals
from payouts.models import (
    WITHOUT_CALL,
    Attempt,
    Discrepancy,
    Effective,
    EventType,
    Payout,
    PayoutStatus,
    WaitingFor,
)
from payouts.operations import refusal_of_last_generation, refusal_of_stopped
from payouts.outcomes import LINKED, Wish, is_maker, possible, refusal_of_unclear
from payouts.polling import Answer, Question
from payouts.question_answers import release
from payouts.schedule import may_arrive_until
from payouts.seen import stale
from payouts.settling import Case, save_attempts
from payouts.staff import two_people
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct
from wallets.addresses import canonical
from wallets.amounts import format_amount

NOT_SENT = (*WITHOUT_CALL, PayoutStatus.SUBMITTING)
LINKABLE = sources(Payout.link) | {PayoutStatus.FAILED}  # there its final status stays


@dataclass(frozen=True)
class Heard:
    """What Heleket said just now: of its own id, and of the order id that the payout of ours would
    have next, as a lost call of it may have been made before a restore."""

    answer: Answer
    asked_at: datetime
    by_order_id: Answer | None = None
    not_there: Collection[int] = ()  # tries of ours, by id, that Heleket says it does not have

    @property
    def remote(self) -> heleket.RemotePayout | None:
        return self.answer if isinstance(self.answer, heleket.RemotePayout) else None

    @property
    def other(self) -> heleket.RemotePayout | None:
        """Return another payout that Heleket has under that order id."""
        found, remote = self.by_order_id, self.remote
        if not isinstance(found, heleket.RemotePayout):
            return None
        return None if remote and remote.uuid == found.uuid else found

    @property
    def unclear(self) -> heleket.HeleketError | None:
        """Return an answer that says nothing of the payout, if there is one."""
        for each in (self.answer, self.by_order_id):
            is_clear = isinstance(each, heleket.RemotePayout | heleket.PayoutNotFound | None)
            if not is_clear and isinstance(each, heleket.HeleketError):
                return each
        return None


@dataclass(frozen=True)
class Ground:
    """What is locked while people's word is judged: the discrepancy, and the payout of ours with
    its tries where one is to be linked."""

    found: Discrepancy
    change: Change[Payout] | None
    attempts: Sequence[Attempt]

    @property
    def payout(self) -> Payout | None:
        return self.change.row if self.change else None


# What people do


def end_or_propose(
    wish: Wish, client: heleket.HeleketClient, account: GatewayAccount, *, actor: Actor
) -> str:
    """Propose what a payout at Heleket is, for another person to confirm; return a sentence.

    Calls Heleket, so no transaction may be open. Raises Refused.
    """
    actor.require(RIGHT)
    needed(wish.reason)
    heard = ask(wish, client, account)
    with judged(wish, heard, account, actor) as ground:
        data: dict[str, str | None] = {"outcome": wish.outcome, "reopens_at": None}
        if wish.payout:
            data["payout"] = wish.payout.token
        joint = two_people.propose(
            ACT,
            subject(ground.found),
            data=data,
            facts=wish.facts,
            reason=wish.reason,
            actor=actor,
        )
        log(ground, actor, EventType.PROPOSE_END, joint.reason, outcome=wish.outcome)
    return _("Proposed. Another person has to confirm it.")


def confirm(
    joint: JointAct,
    facts: str,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    *,
    actor: Actor,
) -> str:
    """Link or explain it as another person has proposed. Calls Heleket. Raises Refused."""
    actor.require(RIGHT)
    wish = wish_of(joint, facts)
    heard = ask(wish, client, account)
    with judged(wish, heard, account, actor) as ground:
        is_made = wish.outcome != LINKED and makes_a_like_one(ground.found, joint.proposed_by)
        if is_made or is_abandoned(joint, ground.payout):
            raise Refused(StaffCode.DRAFTER_GONE, person=joint.proposed_by)
        two_people.confirm(joint.pk, right=RIGHT, facts=facts, actor=actor)
        close(ground, wish, joint, actor)
        if ground.change and heard.remote:
            link(ground, ground.change, wish, heard.remote, heard, account, joint)
    foreign.let_go_on()
    if wish.outcome == LINKED:
        return _("Linked. It shows for ever that it was paid outside the desk.")
    return _("Ended. It is kept with both names and the reason.")


def withdraw(joint: JointAct, *, actor: Actor) -> str:
    actor.require(RIGHT)
    wish = wish_of(joint, "")
    with locked(wish, actor) as ground:
        two_people.withdraw(joint.pk, actor)
        log(ground, actor, EventType.WITHDRAW_END, "", outcome=wish.outcome)
    return _("The proposal is withdrawn.")


# Ask


def ask(wish: Wish, client: heleket.HeleketClient, account: GatewayAccount) -> Heard:
    """Ask Heleket by its own id, and keep what it says otherwise than before; ask what it has of
    the payout of ours as well, whatever generation that is of."""
    found = Discrepancy.objects.filter(pk=wish.discrepancy_id, kind=Kind.FOREIGN).first()
    if found is None:
        raise Refused(PayoutCode.UNKNOWN_DISCREPANCY)
    asked_at = clock.now()
    answer = ask_by_uuid(found.key, client, account)
    payout = Payout.objects.filter(pk=wish.payout.id).first() if wish.payout else None
    heard = Heard(answer, asked_at)
    if payout:
        heard = replace(heard, **ask_about(payout, client, account))
    theirs = describe(heard.remote) if heard.remote else {}
    if isinstance(heard.answer, heleket.PayoutNotFound):
        theirs = NOT_FOUND
    with transaction.atomic():
        found = Discrepancy.objects.select_for_update().get(pk=found.pk)
        if found.closed_at is None and not agree(found.theirs, theirs):
            found.theirs = {**found.theirs, **theirs}
            found.save(update_fields=["theirs"])
    return heard


def ask_about(
    payout: Payout, client: heleket.HeleketClient, account: GatewayAccount
) -> dict[str, Any]:
    """Ask about its tries that Heleket has never known, and record that as after any question; and
    about the order id that it would have next."""
    attempts, not_there = list(payout.attempts.order_by("generation")), set()
    for each in attempts:
        if each.uuid is None and each.was_called:
            question = polling.question(each, clock.now())
            reply = polling.ask(question, client, timeout=account.timeout)
            polling.record([reply], account)
            if isinstance(reply.answer, heleket.PayoutNotFound):
                not_there.add(each.pk)
    order_id = payout.order_id(account.installation, next_generation(payout, attempts))
    question = Question(0, order_id, clock.now(), wants_cancel=False)
    answer = polling.ask(question, client, timeout=account.timeout).answer
    return {"by_order_id": answer, "not_there": not_there}


# Judge


@contextmanager
def locked(wish: Wish, actor: Actor) -> Iterator[Ground]:
    """Lock the payout of ours, its tries and the discrepancy, in this order; save what is done."""
    ids = [wish.payout.id] if wish.payout else []
    with transitions.change(ids, actor=actor) as changes:
        tries = Attempt.objects.filter(payout__in=ids).order_by("pk").select_for_update()
        attempts = list(tries)
        for each in attempts:
            each.payout = changes[0].row
        if not ids:  # its end is sealed in the desk's chain, which whoever opens one locks first
            DeskEvent.objects.lock_chain()
        found = Discrepancy.objects.select_for_update().get(pk=wish.discrepancy_id)
        yield Ground(found, next(iter(changes), None), attempts)
        if any(map(guard.is_alarming, changes)):
            guard.look_after_commit()


@contextmanager
def judged(wish: Wish, heard: Heard, account: GatewayAccount, actor: Actor) -> Iterator[Ground]:
    """The same, and raise Refused unless it may end like this."""
    with locked(wish, actor) as ground:
        if refusal := refusal_of(wish, ground, heard, account, actor):
            raise Refused.by(refusal)
        yield ground


def refusal_of(
    wish: Wish, ground: Ground, heard: Heard, account: GatewayAccount, actor: Actor
) -> Refusal | None:
    found = ground.found
    if found.closed_at:
        return Refusal(PayoutCode.CLOSED_DISCREPANCY)
    if wish.outcome not in possible(found):
        return Refusal(PayoutCode.OUTCOME_OF_OTHER_KIND)
    if heard.unclear:
        return refusal_of_unclear(heard.unclear)
    if found.facts != wish.facts:
        return Refusal(StaffCode.FACTS_CHANGED)
    if wish.outcome != LINKED:
        return Refusal(PayoutCode.MAKER_ENDS) if makes_a_like_one(found, actor.person) else None
    if ground.payout is None or wish.payout is None:
        return Refusal(PayoutCode.UNKNOWN_PAYOUT)
    if is_maker(actor, ground.payout):
        return Refusal(PayoutCode.MAKER_ENDS)
    seen = {ground.payout.pk: wish.payout}
    if changed := stale([ground.payout], seen, digest_alone=True).get(ground.payout.pk):
        return changed
    if heard.remote is None:
        return Refusal(PayoutCode.GONE_THERE)
    if heard.other and not recording.is_final_failure(heard.other):
        return Refusal(PayoutCode.MAY_BE_PAID, status=heard.other.status)
    return refusal_of_link(ground, ground.payout, heard, heard.remote, account)


def makes_a_like_one(found: Discrepancy, person: User | None) -> bool:
    """Whether a person has a hand in a payout that waits for this one: theirs would go, perhaps as
    the second of two, once it is explained."""
    made = Payout.objects.filter(status__in=NOT_SENT, makers__person=person).distinct()
    return any(foreign.is_like(each, found) for each in made.iterator(chunk_size=foreign.CHUNK))


def refusal_of_link(
    ground: Ground,
    payout: Payout,
    heard: Heard,
    remote: heleket.RemotePayout,
    account: GatewayAccount,
) -> Refusal | None:
    """Return why Heleket's payout cannot be this one."""
    named = remote.order_id or str(ground.found.theirs.get("order_id") or "")
    return (
        refusal_of_standing(payout, ground.attempts)
        or refusal_of_tries(ground.attempts, heard, account)
        or refusal_of_other(payout, remote)
        or refusal_of_owner(payout, remote, named, account)
    )


def refusal_of_standing(payout: Payout, attempts: Sequence[Attempt]) -> Refusal | None:
    """Return why nothing can be linked to a payout as it stands: it must be certain that no call of
    ours pays it, or has paid it."""
    if payout.status not in LINKABLE:
        return Refusal(PayoutCode.PAYOUT_STATUS, status=payout.get_status_display())
    if payout.effective in (Effective.PAID, Effective.ELSEWHERE):
        return Refusal(PayoutCode.PAID_AFTER_ALL)
    if refusal := refusal_of_stopped(payout):
        return refusal
    if stands(payout):
        return Refusal(PayoutCode.OPEN_DISCREPANCY)
    is_tried = next_generation(payout, attempts) > payout.generation
    return refusal_of_last_generation(payout) if is_tried else None


def refusal_of_tries(
    attempts: Sequence[Attempt], heard: Heard, account: GatewayAccount
) -> Refusal | None:
    """Return which try of ours may still be paid: not one that is over, nor one that Heleket does
    not have, as it said just now, when no call of it could be on its way any more."""
    for each in attempts:
        is_clear = each.pk in heard.not_there and each.uuid is None
        is_late = heard.asked_at >= may_arrive_until(each, account)
        if not (each.is_over or (is_clear and is_late)):
            return Refusal(PayoutCode.OTHER_TRY_OPEN, order_id=each.order_id)
    return None


def refusal_of_other(payout: Payout, remote: heleket.RemotePayout) -> Refusal | None:
    """Return what Heleket has otherwise than the payout is. What it leaves out is no proof of the
    same, but for the memo, which it never names."""
    if names := differing(payout, describe(remote), remote.extra.get("memo")):
        return Refusal(PayoutCode.OTHER_THERE, names=", ".join(names))
    return None


def differing(payout: Payout, theirs: Mapping[str, object], memo: object = None) -> list[str]:
    """Name what Heleket has otherwise, or does not say."""
    network = str(theirs.get("network", "")).lower()
    address = canonical(network, str(theirs.get("address", "")))
    return [
        name
        for name, is_same in [
            ("currency", str(theirs.get("currency", "")).upper() == payout.currency),
            ("amount", foreign.amount_in(theirs) == payout.amount),
            ("network", network == payout.network),
            ("address", address == payout.address),
            ("memo", memo in (None, "") or str(memo) == payout.memo),
        ]
        if not is_same
    ]


def refusal_of_owner(
    payout: Payout, remote: heleket.RemotePayout, named: str, account: GatewayAccount
) -> Refusal | None:
    """Return whose Heleket's payout is already: by its own id, or by the order id that it named."""
    if owner := recording.owners_of([remote]).get(remote.uuid):
        return Refusal(PayoutCode.PAID_FOR_OTHER, order_id=owner)
    is_tried = Attempt.objects.filter(order_id=named).exists()
    other = payout_named(named, account.installation)
    if is_tried or (other and other != payout.pk and Payout.objects.filter(pk=other).exists()):
        return Refusal(PayoutCode.PAID_FOR_OTHER, order_id=named)
    return None


def payout_named(order_id: str, installation: str) -> UUID | None:
    """Return which payout of this desk an order id is of, if it is one of the desk's."""
    code = order_id.removeprefix(installation)[:-2].upper()
    if not order_id.startswith(installation) or len(code) != 26:
        return None
    try:
        return UUID(bytes=base64.b32decode(f"{code}======"))
    except (binascii.Error, ValueError):
        return None


# Link


def close(ground: Ground, wish: Wish, joint: JointAct, actor: Actor) -> None:
    found, first = ground.found, joint.proposed_by_id
    log(
        ground,
        actor,
        EventType.CLOSE_DISCREPANCY,
        wish.reason,
        outcome=wish.outcome,
        proposed_by=first,
    )
    found.outcome, found.close_reason = wish.outcome, wish.reason
    found.closed_at, found.closed_by = clock.now(), actor.person
    found.proposed_by, found.payout = joint.proposed_by, ground.payout
    found.save()


def log(ground: Ground, actor: Actor, event_type: EventType, words: str, **fields: object) -> None:
    """Seal what was done in the chain of the payout; what is of none of ours, in the desk's."""
    reason, found = Reason(words=words) if words else NO_REASON, ground.found
    fields |= {"kind": found.kind, "uuid": found.key}
    if ground.change:
        ground.change.log_event(event_type, reason, **fields)
    else:
        desk_type = DeskEvent.Type(str(event_type))
        log_event(desk_type, reason, actor=actor, theirs=foreign.in_short(found), **fields)


def link(
    ground: Ground,
    change: Change[Payout],
    wish: Wish,
    remote: heleket.RemotePayout,
    heard: Heard,
    account: GatewayAccount,
    joint: JointAct,
) -> None:
    """Store Heleket's payout as a try of ours, and take over what Heleket says of it. What was
    called before counts as never executed from here on, and is watched for a month."""
    payout, attempts = change.row, ground.attempts
    called = [each for each in attempts if not each.is_over]
    for each in called:
        release(each, heard.asked_at)
    save_attempts(called)
    change.log_event(
        EventType.LINK,
        Reason(PayoutCode.PAID_OUTSIDE, wish.reason),
        uuid=remote.uuid,
        proposed_by=joint.proposed_by_id,
        **approvals_of(payout, attempts),
    )
    attempt = linked_try(payout, attempts, remote, account)
    attempt.created_there_at = foreign.created_there(ground.found)
    payout.generation, payout.is_linked = attempt.generation, True
    store(attempt)
    if payout.status in WITHOUT_CALL:
        price_if_never(payout)
        payout.link()
        payout.why, payout.may_repeat, payout.poll_count = NO_REASON, False, 0
        payout.wait_for(WaitingFor.FINAL_WORD, due_at=clock.now())
    else:
        attempt.watch_at = clock.now()
    case = Case(change, attempt, [*attempts, attempt])
    recording.apply_remote(case, remote, {}, channel=Channel.POLL, asked_at=heard.asked_at)
    if remote.is_final:
        attempt.watch_at = None
    attempt.save()


def linked_try(
    payout: Payout,
    attempts: Sequence[Attempt],
    remote: heleket.RemotePayout,
    account: GatewayAccount,
) -> Attempt:
    generation = next_generation(payout, attempts)
    facts = {name: getattr(payout, name) for name in ("currency", "network", "address")}
    facts |= {"amount": format_amount(payout.amount), "memo": payout.memo}
    return Attempt(
        payout=payout,
        generation=generation,
        order_id=payout.order_id(account.installation, generation),
        gateway_host=account.host,
        merchant_id=account.merchant_id,
        body=json.dumps({name: value for name, value in facts.items() if value}),
        created_at=clock.now(),
        is_linked=True,
        uuid=remote.uuid,
    )


def next_generation(payout: Payout, attempts: Sequence[Attempt]) -> int:
    """Return the generation that the next try of a payout is of, so that a linked one shares its
    order id with no earlier one, nor with a retry, which is of the generation after it."""
    return payout.generation + any(each.generation == payout.generation for each in attempts)


def store(attempt: Attempt) -> None:
    """Raises Refused if another try was given Heleket's id at this moment."""
    try:
        with transaction.atomic():
            attempt.save(force_insert=True)
    except IntegrityError as exc:
        raise Refused(PayoutCode.PAID_FOR_OTHER, order_id=attempt.uuid) from exc


def price_if_never(payout: Payout) -> None:
    """Count it towards the limits like any other. Without a sound rate nothing can be compared."""
    if payout.reference_rate is None:
        bounds = policy.values().rate_bounds
        rate = sound_rates({payout.currency}, bounds=bounds)[payout.currency]
        payout.reference_rate = rate.rate if isinstance(rate, Rate) else None


# Approvals that are missing


def approvals_of(payout: Payout, attempts: Sequence[Attempt]) -> dict[str, object]:
    """Return how many approvals it has of those that the policy asks for. What was called and has
    failed had all of them."""
    was_called = any(each.generation == payout.generation and each.calls for each in attempts)
    if payout.status == PayoutStatus.FAILED and was_called:
        return {}
    try:
        facts = approval_facts(Known([payout]), None)
    except Refused as exc:  # the policy was written past the desk
        return {AGAINST: exc.refusal.code}
    if refusal := facts.unpriced.get(payout.pk):
        return {AGAINST: refusal.code}
    verdict = facts.verdicts[payout.pk]
    required = verdict.required_in(payout.pk in facts.known.in_doubt)
    needed_ones = sum(rules.missing(required, {}).values())
    given = needed_ones - sum(facts.missing(payout).values())
    is_released = payout.pk in facts.released
    refusal = refusal_of_verdict(verdict, is_released=is_released)
    against = {AGAINST: refusal.code} if refusal else {}
    return {GIVEN: given, NEEDED: needed_ones, **against}


def findings() -> Iterator[tuple[str, str]]:
    """Yield what an audit finds here: the name of a payout, and a sentence."""
    for event in without_approvals():
        yield str(event.payout), lacks(event)
