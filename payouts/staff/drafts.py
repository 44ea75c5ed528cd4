"""Drafts of what is powerful: one person gives it, and it is given once another one confirms it.

A kind of draft says what it changes, the facts on which it was judged, and who gains by it; a
package above adds kinds of its own. What takes power away is no draft: it is done at once.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import cached_property

from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from audit.texts import needed
from payouts.staff import two_people
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct

CONFIRM = "payouts_staff.confirm_rights"


def digest_of_facts(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


class Draft:
    """What waits for a second person. Each kind is a class, known by its act."""

    act: ClassVar[str]
    right: ClassVar[str]  # of who drafts it, who holds it still when it is confirmed

    def __init__(self, joint: JointAct) -> None:
        self.joint = joint
        self.choosing_anew: list[User] = []  # whose passwords ended as it was done

    @property
    def subject_id(self) -> int:
        return int(self.joint.subject.partition(":")[2])

    @property
    def name(self) -> str:
        """What it is done to."""
        raise NotImplementedError

    def lines(self) -> Sequence[tuple[str, str]]:
        """Say what it changes: a name, and “before → after”."""
        raise NotImplementedError

    def sealed(self) -> dict[str, object]:
        """Return what its events seal of it; nothing that is personal."""
        raise NotImplementedError

    def notes(self) -> Sequence[str]:
        """Say what a second person should know besides."""
        return []

    def lock(self) -> None:
        """Lock what it is done to."""
        raise NotImplementedError

    def facts(self) -> str:
        """Return a digest of all that it was judged on."""
        raise NotImplementedError

    def gains(self, person_id: int) -> bool:
        """Whether this person would get something by it."""
        raise NotImplementedError

    def do(self, actor: Actor) -> None:
        """Do it, in the transaction of who confirms it. Raises Refused."""
        raise NotImplementedError

    def drop(self, actor: Actor) -> None:
        """Undo what was made ahead of it, in the transaction of who withdraws it."""

    def drafter(self) -> dict[str, str]:
        """Return what an event seals of who drafted it, and what it was made from."""
        first = self.joint.proposed_by
        drafter = {"drafter": first.get_username(), "drafter_id": str(first.pk)}
        said = two_people.in_words(self.earlier)
        return {**drafter, "earlier_drafts": said} if said else drafter

    @cached_property
    def earlier(self) -> list[JointAct]:
        return two_people.earlier(self.joint)

    @property
    def is_abandoned(self) -> bool:
        return two_people.is_abandoned(self.joint, self.right)

    @property
    def is_outdated(self) -> bool:
        return self.facts() != self.joint.facts


KINDS: dict[str, type[Draft]] = {}


def register(kind: type[Draft]) -> type[Draft]:
    KINDS[kind.act] = kind
    return kind


# What people do


def draft(
    kind: type[Draft], subject: str, data: Mapping[str, Any], *, reason: str, actor: Actor
) -> Draft:
    """Have it wait for a second person, in the caller's transaction and behind its locks.

    Raises Refused.
    """
    actor.require(kind.right)
    reason = needed(reason)
    trial = kind(JointAct(act=kind.act, subject=subject, data=dict(data)))
    joint = two_people.propose(
        kind.act,
        subject,
        data=data,
        facts=trial.facts(),
        reason=reason,
        actor=actor,
        is_revision=True,
    )
    found = kind(joint)
    log(DeskEvent.Type.DRAFT_RIGHTS, found, reason, actor=actor)
    return found


def confirm(joint_id: int, seen: str, *, actor: Actor) -> Draft:
    """Do what another person drafted, on the facts that the page showed. Raises Refused."""
    actor.require(CONFIRM)
    with transaction.atomic():
        found = waiting(joint_id)
        found.lock()
        facts = found.facts()
        if found.gains(actor.person_id or 0):
            raise NotAllowed(StaffCode.GAINS_BY_IT)
        if seen != facts:
            raise Refused(StaffCode.FACTS_CHANGED)
        two_people.confirm(joint_id, right=found.right, facts=facts, actor=actor)
        found.do(actor)
    return found


def withdraw(joint_id: int, *, actor: Actor) -> Draft:
    """Give a draft up: who drafted it may, and whoever could confirm it. Raises Refused."""
    with transaction.atomic():
        found = waiting(joint_id)
        if found.joint.proposed_by_id != actor.person_id:
            actor.require(CONFIRM)
        found.lock()
        two_people.withdraw(joint_id, actor)
        found.drop(actor)
        log(DeskEvent.Type.WITHDRAW_RIGHTS, found, actor=actor)
    return found


def log(event_type: DeskEvent.Type, found: Draft, reason: str = "", *, actor: Actor) -> None:
    log_event(event_type, Reason(words=reason), actor=actor, **found.sealed())


# What there is


def open_drafts() -> QuerySet[JointAct]:
    rows = JointAct.objects.filter(act__in=KINDS, ended_at=None)
    return rows.select_related("proposed_by").order_by("proposed_at", "pk")


def of(joint: JointAct) -> Draft:
    return KINDS[joint.act](joint)


def waiting(joint_id: int) -> Draft:
    joint = open_drafts().filter(pk=joint_id).first()
    if joint is None:
        raise Refused(StaffCode.PROPOSAL_OVER)
    return of(joint)
