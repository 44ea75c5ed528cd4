"""Acts that take two people: one proposes, and another confirms just that, on the same facts.

Whoever uses it stores and confirms within its own transaction, after the locks of what the act is
done to, and seals both names there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q

from audit import clock
from audit.actor import Actor, Channel
from audit.refusals import NotAllowed, Refused
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct


def proposed(act: str, subject: str) -> JointAct | None:
    """Return what waits for a second person, if anything does."""
    waiting = JointAct.objects.filter(act=act, subject=subject, ended_at=None)
    return waiting.select_related("proposed_by").first()


def propose(
    act: str,
    subject: str,
    *,
    data: Mapping[str, Any],
    facts: str,
    reason: str,
    actor: Actor,
    is_revision: bool = False,
) -> JointAct:
    """Have an act wait for a second person. Raises Refused if one is proposed on these facts.

    One that was proposed on other facts is over with this. With `is_revision` this was made from
    it, so that who drafted it confirms neither.
    """
    if actor.person is None:
        raise NotAllowed
    if known := proposed(act, subject):
        if known.facts == facts:
            raise Refused(StaffCode.PROPOSED_ALREADY, person=known.proposed_by)
        end(known, JointAct.Ending.OUTDATED, actor)
    return JointAct.objects.create(
        begun_with_id=(known.begun_with_id or known.pk) if known and is_revision else None,
        act=act,
        subject=subject,
        data=dict(data),
        facts=facts,
        reason=reason,
        proposed_by=actor.person,
        proposed_at=clock.now(),
    )


def earlier(joint: JointAct) -> list[JointAct]:
    """Return the drafts that this one was made from, the first of them first."""
    first = joint.begun_with_id
    found = JointAct.objects.filter(Q(pk=first) | Q(begun_with=first), pk__lt=joint.pk)
    return list(found.select_related("proposed_by").order_by("pk")) if first else []


def in_words(drafts: Sequence[JointAct]) -> str:
    """Name who drafted each of these, and why, for what an event seals."""
    return "; ".join(f"{each.proposed_by.get_username()}: {each.reason}" for each in drafts)


def drafted_earlier(joint: JointAct, person_id: int | None) -> bool:
    """Whether this person drafted something that it was made from."""
    return person_id in {each.proposed_by_id for each in earlier(joint)}


def is_abandoned(joint: JointAct, right: str) -> bool:
    """Whether who proposed it was disabled since, or lost the right that it takes."""
    first = User.objects.get(pk=joint.proposed_by_id)  # as they are by now
    return not Actor.staff(first, Channel.ADMIN).may(right)


def confirm(joint_id: int, *, right: str, facts: str, actor: Actor) -> JointAct:
    """Take what was proposed as done by its second person, who does it in this transaction.

    Raises Refused for whoever drafted it or what it was made from, if the last of them does not
    hold the right any more, on other facts, or if it is over.
    """
    known = JointAct.objects.select_for_update().filter(pk=joint_id, ended_at=None).first()
    if known is None:
        raise Refused(StaffCode.PROPOSAL_OVER)
    if known.proposed_by_id == actor.person_id:
        raise Refused(StaffCode.SECOND_PERSON)
    if drafted_earlier(known, actor.person_id):
        raise Refused(StaffCode.DRAFTED_EARLIER)
    if is_abandoned(known, right):
        raise Refused(StaffCode.DRAFTER_GONE, person=known.proposed_by)
    if known.facts != facts:
        raise Refused(StaffCode.FACTS_CHANGED)
    end(known, JointAct.Ending.DONE, actor)
    return known


def withdraw(joint_id: int, actor: Actor) -> None:
    """Give up what was proposed. Raises Refused if it is over."""
    known = JointAct.objects.select_for_update().filter(pk=joint_id, ended_at=None).first()
    if known is None:
        raise Refused(StaffCode.PROPOSAL_OVER)
    end(known, JointAct.Ending.WITHDRAWN, actor)


def end(known: JointAct, ending: JointAct.Ending, actor: Actor) -> None:
    known.ending, known.ended_by, known.ended_at = ending, actor.person, clock.now()
    known.save(update_fields=["ending", "ended_by", "ended_at"])
