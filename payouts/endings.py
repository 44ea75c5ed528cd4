"""Ending a discrepancy: Heleket is asked, and then people's word counts, on the facts that they saw
and by two of them where money may be at stake.

An outcome never moves a final status: what Heleket has is stored beside it, as `effective`.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.refusals import Refused
from audit.texts import needed
from payouts import polling
from payouts.codes import PayoutCode
from payouts.discrepancies import log_opening
from payouts.effective import add_up, take_for, was_paid
from payouts.gateway.accounts import GatewayAccount
from payouts.models import (
    WITHOUT_CALL,
    Attempt,
    Discrepancy,
    Effective,
    EventType,
    Payout,
)
from payouts.models.discrepancy import DiscrepancyQuerySet
from payouts.operations import ask_about_calls
from payouts.outcomes import (
    AS_HELEKET,
    EXPLAINED,
    LEFT,
    NOT_PAID,
    Heard,
    Outcome,
    Wish,
    is_maker,
    not_as_approved,
    owner_of,
    reached_client,
    refusal_of,
    takes_two,
)
from payouts.question_answers import release
from payouts.recording import is_final_failure, keep_facts
from payouts.schedule import watch
from payouts.seen import Seen
from payouts.settling import Case, settle
from payouts.staff import two_people
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct

RIGHT = "payouts.close_discrepancy"
ACT = "end_discrepancy"


def proposed(discrepancy: Discrepancy) -> JointAct | None:
    """Return the end that one person has proposed, if it waits for a second one."""
    return two_people.proposed(ACT, subject(discrepancy))


def subject(discrepancy: Discrepancy) -> str:
    return f"discrepancy:{discrepancy.pk}"


# What people do


def end_or_propose(
    wish: Wish, client: heleket.HeleketClient, account: GatewayAccount, *, actor: Actor
) -> str:
    """End a discrepancy, or propose the end where that takes two people; return a sentence.

    Calls Heleket, so no transaction may be open. Raises Refused.
    """
    actor.require(RIGHT)
    needed(wish.reason)
    heard = ask(wish.discrepancy_id, client, account)
    with judged(wish, heard, account, actor) as (case, found):
        if not takes_two(found, wish.outcome):
            end(case, found, wish, heard, actor, None)
            return _("Ended. It is kept with your name and your reason.")
        until = wish.reopens_at.isoformat() if wish.reopens_at else None
        joint = two_people.propose(
            ACT,
            subject(found),
            data={"outcome": wish.outcome, "reopens_at": until},
            facts=wish.facts,
            reason=wish.reason,
            actor=actor,
        )
        case.log_event(
            EventType.PROPOSE_END,
            Reason(words=joint.reason),
            kind=found.kind,
            outcome=wish.outcome,
        )
    return _("Proposed. Another person has to confirm it.")


def confirm(
    joint: JointAct,
    facts: str,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    *,
    actor: Actor,
) -> str:
    """End a discrepancy as another person has proposed it. Calls Heleket. Raises Refused."""
    actor.require(RIGHT)
    wish = wish_of(joint, facts)
    heard = ask(wish.discrepancy_id, client, account)
    with judged(wish, heard, account, actor) as (case, found):
        if is_abandoned(joint, case.payout):
            raise Refused(StaffCode.DRAFTER_GONE, person=joint.proposed_by)
        two_people.confirm(joint.pk, right=RIGHT, facts=facts, actor=actor)
        end(case, found, wish, heard, actor, joint)
    return _("Ended. It is kept with both names and the reason.")


def is_abandoned(joint: JointAct, payout: Payout | None) -> bool:
    """Whether who proposed it lost the right since, or has a hand in the payout by now."""
    first = Actor.staff(joint.proposed_by, Channel.ADMIN)
    is_made = payout is not None and is_maker(first, payout)
    return is_made or two_people.is_abandoned(joint, RIGHT)


def withdraw(joint: JointAct, *, actor: Actor) -> str:
    actor.require(RIGHT)
    attempt = attempt_of(wish_of(joint, "").discrepancy_id)
    with settle([attempt.pk], actor=actor) as cases:
        two_people.withdraw(joint.pk, actor)
        cases[attempt.pk].log_event(EventType.WITHDRAW_END, outcome=joint.data["outcome"])
    return _("The proposal is withdrawn.")


def wish_of(joint: JointAct, facts: str) -> Wish:
    until, payout = joint.data["reopens_at"], joint.data.get("payout")
    return Wish(
        discrepancy_id=int(joint.subject.partition(":")[2]),
        facts=facts,
        outcome=Outcome(joint.data["outcome"]),
        reason=joint.reason,
        reopens_at=datetime.fromisoformat(until) if until else None,
        payout=Seen.read(payout) if payout else None,
    )


# Ask


def ask(discrepancy_id: int, client: heleket.HeleketClient, account: GatewayAccount) -> Heard:
    """Ask Heleket by order id and by its own id, and record what it says as after any question."""
    attempt = attempt_of(discrepancy_id)
    asked_at = clock.now()
    question = polling.question(attempt, asked_at)
    reply = polling.ask(question, client, timeout=account.timeout)
    polling.record([reply], account)
    by_uuid = ask_by_uuid(attempt.uuid, client, account) if attempt.uuid else None
    return Heard(reply.answer, by_uuid, asked_at)


def attempt_of(discrepancy_id: int) -> Attempt:
    found = Discrepancy.objects.select_related("attempt").filter(pk=discrepancy_id).first()
    if found is None or found.attempt is None:
        raise Refused(PayoutCode.UNKNOWN_DISCREPANCY)
    return found.attempt


def ask_by_uuid(
    uuid: str, client: heleket.HeleketClient, account: GatewayAccount
) -> heleket.RemotePayout | heleket.HeleketError:
    try:
        return client.get_payout(uuid=uuid, deadline=time.monotonic() + account.timeout)
    except heleket.HeleketError as exc:
        return exc


@contextmanager
def judged(
    wish: Wish, heard: Heard, account: GatewayAccount, actor: Actor
) -> Iterator[tuple[Case, Discrepancy]]:
    """Lock the payout and its discrepancy, and raise Refused unless it may end like this."""
    attempt = attempt_of(wish.discrepancy_id)
    with settle([attempt.pk], actor=actor) as cases:
        found = Discrepancy.objects.select_for_update().get(pk=wish.discrepancy_id)
        case = cases[attempt.pk]
        if refusal := refusal_of(wish, case, found, heard, account, actor):
            raise Refused.by(refusal)
        yield case, found


# End


def end(
    case: Case,
    found: Discrepancy,
    wish: Wish,
    heard: Heard,
    actor: Actor,
    joint: JointAct | None,
) -> None:
    first = {"proposed_by": joint.proposed_by_id} if joint else {}
    case.log_event(
        EventType.CLOSE_DISCREPANCY,
        Reason(words=wish.reason),
        kind=found.kind,
        outcome=wish.outcome,
        **first,
    )
    found.outcome, found.close_reason = wish.outcome, wish.reason
    found.closed_at, found.closed_by = clock.now(), actor.person
    found.proposed_by = joint.proposed_by if joint else None
    found.reopens_at = wish.reopens_at if wish.outcome == LEFT else None
    found.save()
    if joint is None and (waiting := proposed(found)):
        two_people.end(waiting, JointAct.Ending.OUTDATED, actor)
    if wish.outcome == EXPLAINED:
        go_on(case)
    elif wish.outcome == AS_HELEKET and heard.remote:  # the condition of this outcome
        take_over(case, heard.remote, Reason(PayoutCode.ENDED_AS_HELEKET, wish.reason))
    elif wish.outcome == NOT_PAID:
        take_for_unpaid(case, heard, Reason(PayoutCode.ENDED_NOT_PAID, wish.reason))


def go_on(case: Case) -> None:
    payout = case.payout
    if not payout.is_ended and not payout.discrepancies.standing().exists():
        payout.go_on()
        ask_about_calls([payout])


def take_over(case: Case, remote: heleket.RemotePayout, reason: Reason) -> None:
    """Believe Heleket's final word: it ends the payout, or stands beside its final status."""
    payout = case.payout
    differs = not_as_approved(case, remote)
    if not owner_of(case, remote):
        keep_facts(case.attempt, remote, Channel.POLL)
    if payout.is_ended:
        keep_word(case, remote)
        return
    link_if_idle(case)
    if is_final_failure(remote):
        fail(case, Reason(PayoutCode.NOT_PAID, remote.status))
    elif differs:
        fail(case, reason)
        keep_word(case, remote)
    else:
        case.log_event(EventType.CONFIRM, uuid=remote.uuid, txid=remote.txid or "")
        payout.generation = case.attempt.generation  # it stands with the try that was paid
        payout.confirm()


def take_for_unpaid(case: Case, heard: Heard, reason: Reason) -> None:
    """End it as not paid, and watch for a month what Heleket says of it."""
    payout, remote = case.payout, heard.remote
    if remote and is_final_failure(remote) and not owner_of(case, remote):
        keep_facts(case.attempt, remote, Channel.POLL)
    if not case.attempt.has_failed:
        release(case.attempt, heard.asked_at)
    watch(case.attempt)
    if was_paid(payout, case.attempt):
        take_for(case.attempt, Effective.NOT_PAID, Decimal(0), payout.currency)
        add_up(payout, case.attempts)
    elif not payout.is_ended:
        link_if_idle(case)
        fail(case, reason)


def link_if_idle(case: Case) -> None:
    """The way from where no call is under way to a final word leads through Heleket's having it."""
    if case.payout.status in WITHOUT_CALL:
        case.log_event(EventType.LINK, order_id=case.attempt.order_id)
        case.payout.link()


def fail(case: Case, reason: Reason) -> None:
    case.log_event(EventType.FAIL, reason, order_id=case.attempt.order_id)
    case.payout.fail(reason)


def keep_word(case: Case, remote: heleket.RemotePayout) -> None:
    """Keep on this try what Heleket's final word makes of it, and add all of them up."""
    if is_final_failure(remote):
        effective = Effective.NOT_PAID
    else:
        effective = Effective.PAID if reached_client(case, remote) else Effective.ELSEWHERE
    sent = json.loads(case.attempt.body)
    amount = remote.amount or Decimal(sent["amount"])
    take_for(case.attempt, effective, amount, remote.currency or sent["currency"])
    add_up(case.payout, case.attempts)


# Open again


def due_again(now: datetime) -> DiscrepancyQuerySet:
    return Discrepancy.objects.filter(reopens_at__lte=now)


def reopen_due(now: datetime) -> int:
    """Open again what was left stopped until now; return how many."""
    due = due_again(now).values_list("pk", "attempt_id").order_by("reopens_at", "pk")
    return sum(reopen_one(pk, attempt_id, now) for pk, attempt_id in due if attempt_id)


def reopen_one(discrepancy_id: int, attempt_id: int, now: datetime) -> bool:
    with settle([attempt_id], actor=Actor.system(Channel.WORKER)) as cases:
        found = due_again(now).select_for_update().filter(pk=discrepancy_id).first()
        if found:
            reopen(cases[attempt_id], found)
    return found is not None


def reopen(case: Case, found: Discrepancy) -> None:
    log_opening(case, found.kind, found.ours, found.theirs)
    Discrepancy.objects.create(
        kind=found.kind,
        key=found.key,
        payout=found.payout,
        attempt=found.attempt,
        is_critical=found.is_critical,
        ours=found.ours,
        theirs=found.theirs,
        first_seen_at=found.first_seen_at,
        opened_at=clock.now(),
    )
    found.reopens_at = None
    found.save(update_fields=["reopens_at"])
