"""Putting a desk right after a backup was put back: two people begin, a list is worked off, and
only then may sending be resumed.

Each step is done once, in a transaction with its event; whoever is killed in the middle repeats it
and goes on. What people have to look at is confirmed by one of them, with what they saw.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import heleket
from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.operations import Change
from audit.refusals import NotAllowed, Refused
from audit.texts import needed
from payouts import approvals, transitions
from payouts.codes import PayoutCode
from payouts.controls import switch
from payouts.controls.codes import ControlsCode
from payouts.controls.models import OF_ALL, Switch
from payouts.controls.switch import SET_SENDING
from payouts.days import DAY, day_of
from payouts.gateway import continuity
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.codes import GatewayCode
from payouts.gateway.continuity import Continuity
from payouts.gateway.models import Binding
from payouts.models import (
    Approval,
    Attempt,
    Discrepancy,
    EventType,
    Payout,
    PayoutQuerySet,
    PayoutStatus,
)
from payouts.reconciliation import runs
from payouts.reconciliation.codes import RestoreCode
from payouts.reconciliation.confirmations import CONFIRMATIONS, Standing
from payouts.reconciliation.models import Restore, RestoreStep
from payouts.staff import restored, two_people
from payouts.staff.models import JointAct
from wallets import stops

ACT, SUBJECT = "restore", "desk"
VOID, RECONCILE = "approvals", "reconcile"
CHUNK = 500
Question = Continuity.Question
MARGIN = timedelta(days=1)  # clocks differ, and Heleket's days begin at another hour
STANDING = (PayoutStatus.PENDING, PayoutStatus.APPROVED, PayoutStatus.SUBMITTING)


@dataclass(frozen=True)
class Item:
    """One line of the list. `by_person` if somebody has to look at it and confirm it."""

    name: str
    title: Any
    by_person: bool = False
    done: RestoreStep | None = None


# Two people begin


def proposed() -> JointAct | None:
    return two_people.proposed(ACT, SUBJECT)


def under_way() -> Restore | None:
    found = Restore.objects.select_related("proposed_by", "confirmed_by")
    return found.filter(is_open=True).first()


def facts() -> str:
    """What a restore is begun on: that none was since."""
    last = Restore.objects.order_by("-pk").values_list("pk", flat=True).first()
    return hashlib.sha256(str(last).encode()).hexdigest()


def propose(*, reason: str, actor: Actor) -> JointAct:
    """Pause sending at once, and have a second person confirm that a backup was put back.

    Raises NotAllowed, and Refused if that was proposed or begun already.
    """
    actor.require(SET_SENDING)
    words = needed(reason)
    with transaction.atomic():
        stops.overtake_claims()
        before = continuity.locked().question
        if under_way():
            raise Refused(RestoreCode.RESTORE_UNDER_WAY)
        data = {"before": before, "why": [*Switch.objects.get(pk=OF_ALL).why]}
        joint = two_people.propose(
            ACT, SUBJECT, data=data, facts=facts(), reason=words, actor=actor
        )
        log_event(DeskEvent.Type.PROPOSE_RESTORE, Reason(words=words), actor=actor)
        switch.ask(Question.RESTORE, Reason(ControlsCode.RESTORE_BEGUN, words), actor=actor)
    return joint


def withdraw(joint_id: int, *, actor: Actor) -> None:
    """Take it back before anybody confirmed it. What was asked before is asked again; sending stays
    paused until somebody resumes it."""
    actor.require(SET_SENDING)
    with transaction.atomic():
        stops.overtake_claims()
        continuity.locked()
        two_people.withdraw(joint_id, actor)
        data = JointAct.objects.get(pk=joint_id).data
        Continuity.objects.filter(pk=1).update(question="")
        if data["before"]:
            switch.ask(Question(data["before"]), Reason(*data["why"]))
        log_event(DeskEvent.Type.WITHDRAW_RESTORE, actor=actor)


def confirm(joint_id: int, *, seen: str, actor: Actor) -> Restore:
    """Begin, as the second person. Raises NotAllowed, and Refused for who proposed it."""
    actor.require(SET_SENDING)
    if actor.person is None:
        raise NotAllowed
    with transaction.atomic():
        stops.overtake_claims()
        now = continuity.locked()
        if seen != facts():
            raise Refused(RestoreCode.STEP_CHANGED)
        joint = two_people.confirm(joint_id, right=SET_SENDING, facts=seen, actor=actor)
        restore = Restore.objects.create(
            reason=joint.reason,
            since=lost_since(now),
            begun_at=clock.now(),
            proposed_by=joint.proposed_by,
            confirmed_by=actor.person,
            last_number=Payout.objects.aggregate(last=Max("number"))["last"] or 0,
        )
        log_event(
            DeskEvent.Type.BEGIN_RESTORE,
            Reason(words=joint.reason),
            actor=actor,
            drafter=joint.proposed_by.get_username(),
            since=restore.since,
        )
    return restore


def lost_since(now: Continuity) -> datetime:
    """Return from when on the database may have lost something, rather too early than too late."""
    newest = Attempt.objects.order_by("-pk").values_list("created_at", flat=True).first()
    bound = Binding.objects.values_list("bound_at", flat=True).first()
    known = [at for at in (now.known_until, newest or bound) if at]
    return min(known, default=clock.now()) - MARGIN


# The list


def items(restore: Restore) -> list[Item]:
    done = {each.name: each for each in restore.steps.select_related("done_by")}
    own = [(VOID, gettext_lazy("Void all approvals"))]
    own += [(each.name, each.title) for each in restored.endings()]
    own += [(RECONCILE, gettext_lazy("Compare with Heleket's list"))]
    looked_at = [(each.name, each.title) for each in CONFIRMATIONS.values()]
    return [
        *(Item(name, title, done=done.get(name)) for name, title in own),
        *(Item(name, title, by_person=True, done=done.get(name)) for name, title in looked_at),
    ]


def left() -> list[str]:
    """Name what is left of the restore under way: for the refusal to resume."""
    if (restore := under_way()) is None:
        return [_("a second person confirms that it is put right")] if proposed() else []
    return [str(each.title) for each in items(restore) if not each.done]


def go_on(
    client: heleket.HeleketClient,
    account: GatewayAccount,
    *,
    actor: Actor,
    has_time: Callable[[], bool] = lambda: True,
    show: Callable[[int], None] = lambda _voided: None,
) -> Restore:
    """Do what the desk can do by itself, step by step, as long as there is time.

    Raises NotAllowed, and Refused if nothing is under way or Heleket does not answer: what was done
    stays done.
    """
    actor.require(SET_SENDING)
    restore = under_way()
    if restore is None:
        raise Refused(RestoreCode.NO_RESTORE)
    for item in items(restore):
        if item.done or item.by_person:
            continue
        if not has_time() or not do(restore, item.name, client, account, actor, has_time, show):
            break
    return finish(restore, actor)


def do(
    restore: Restore,
    name: str,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    actor: Actor,
    has_time: Callable[[], bool],
    show: Callable[[int], None],
) -> bool:
    """Do one step, and tell whether it is done."""
    if name == VOID:
        while void_chunk(restore, actor):
            show(restore.voided)
            if not has_time():
                return False
        note(restore, name, actor, restore.voided)
    elif name == RECONCILE:
        return compare(restore, client, account, actor, has_time)
    else:
        ending = next(each for each in restored.endings() if each.name == name)
        with transaction.atomic():
            locked(restore)
            if not is_done(restore, name):
                note(restore, name, actor, ending.end(actor))
    return True


def compare(
    restore: Restore,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    actor: Actor,
    has_time: Callable[[], bool],
) -> bool:
    """Compare Heleket's list of the time that is lost with the desk, a day after the other, and
    tell whether that is done."""
    try:
        newest = next(
            client.list_payouts(), None
        )  # what comes later is looked at by the next start
    except heleket.HeleketError as exc:
        raise Refused(GatewayCode.GATEWAY, words=exc) from exc
    day = restore.compared_to + DAY if restore.compared_to else day_of(restore.since)
    while day <= day_of(clock.now()):
        found = runs.reconcile(day, day, client, account, actor=actor)
        if found.all_troubles:
            raise Refused(GatewayCode.GATEWAY, words=found.all_troubles[0])
        restore.compared_to = day
        restore.save(update_fields=["compared_to"])
        day += DAY
        if not has_time():
            return False
    foreign = Discrepancy.objects.open().filter(kind=Discrepancy.Kind.FOREIGN)
    with transaction.atomic():
        Continuity.objects.filter(pk=1).update(known_uuid=newest.uuid if newest else "")
        note(restore, RECONCILE, actor, foreign.count())
    return True


def locked(restore: Restore) -> Restore:
    """Lock order: the restore before payouts and whatever else a step takes."""
    return Restore.objects.select_for_update().get(pk=restore.pk)


def is_done(restore: Restore, name: str) -> bool:
    return restore.steps.filter(name=name).exists()


def note(restore: Restore, name: str, actor: Actor, count: int, seen: str = "") -> None:
    """Seal that a step is done, once: also where two people do it at the same time."""
    with transaction.atomic():
        locked(restore)
        if is_done(restore, name):
            return
        RestoreStep.objects.create(
            restore=restore,
            name=name,
            done_at=clock.now(),
            done_by=actor.person,
            count=count,
            seen=seen,
        )
        more = {"sha256": seen} if seen else {}
        log_event(DeskEvent.Type.RESTORE_STEP, actor=actor, step=name, count=count, **more)


def approved_at_all() -> PayoutQuerySet:
    """What was approved, or is being approved, and is not at Heleket for all that is known."""
    given = Approval.objects.filter(payout=OuterRef("pk"), voided_at=None)
    is_begun = Q(status=PayoutStatus.PENDING) & Exists(given)
    return Payout.objects.filter(
        Q(status__in=[PayoutStatus.APPROVED, PayoutStatus.SUBMITTING]) | is_begun
    )


def void_chunk(restore: Restore, actor: Actor) -> bool:
    """Void the approvals of some more payouts, and tell whether there were any."""
    with transaction.atomic():
        fresh = locked(restore)
        found = approved_at_all().filter(number__gt=fresh.voided_to, number__lte=fresh.last_number)
        chosen = list(found.order_by("number").values_list("number", "pk")[:CHUNK])
        if not chosen:
            return False
        with transitions.change([pk for _number, pk in chosen], actor=actor) as changes:
            voided = [each.row for each in changes if void(each)]
            approvals.void_approvals(voided, EventType.VOID)
        restore.voided_to = fresh.voided_to = chosen[-1][0]
        restore.voided = fresh.voided = fresh.voided + len(voided)
        fresh.save(update_fields=["voided_to", "voided"])
    return True


def void(change: Change[Payout]) -> bool:
    """End what was approved of a payout, or of one under way, so that it is not sent again."""
    payout = change.row
    if payout.status not in STANDING:  # it moved on before it was locked
        return False
    change.log_event(EventType.VOID, Reason(PayoutCode.RESTORED))
    if payout.status == PayoutStatus.APPROVED:
        payout.void(Reason(PayoutCode.RESTORED))
    return True


# What people confirm


def standing(name: str) -> Standing:
    if name not in CONFIRMATIONS:
        raise Refused(RestoreCode.NO_STEP, names=", ".join(CONFIRMATIONS))
    return CONFIRMATIONS[name].read()


def confirm_step(name: str, *, seen: str, actor: Actor) -> Restore:
    """Take it that a person has looked at how something stands. Raises NotAllowed, and Refused if
    it is done or has changed since."""
    actor.require(SET_SENDING)
    with transaction.atomic():
        restore = under_way()
        if restore is None:
            raise Refused(RestoreCode.NO_RESTORE)
        locked(restore)
        if is_done(restore, name):
            raise Refused(RestoreCode.STEP_DONE)
        stands = standing(name)
        if stands.digest != seen:
            raise Refused(RestoreCode.STEP_CHANGED)
        note(restore, name, actor, stands.count, seen)
    return finish(restore, actor)


def finish(restore: Restore, actor: Actor) -> Restore:
    """End it once all is done. Sending stays paused: a person resumes it."""
    with transaction.atomic():
        stops.overtake_claims()
        continuity.locked()
        fresh = locked(restore)
        if fresh.is_open and all(each.done for each in items(fresh)):
            fresh.is_open, fresh.ended_at = False, clock.now()
            fresh.save(update_fields=["is_open", "ended_at"])
            continuity.answer()
            log_event(DeskEvent.Type.END_RESTORE, actor=actor, begun_at=fresh.begun_at)
    return fresh


def history() -> QuerySet[Restore]:
    found = Restore.objects.select_related("proposed_by", "confirmed_by").filter(is_open=False)
    return found.order_by("-pk")[:20]
