"""The policy in force, and how it changes: one person drafts the next version, another approves it.

Versions are never changed. A claim judges by the version in force at that moment; what was approved
under an earlier one counts as far as it satisfies this one.
"""

import hmac
from dataclasses import dataclass
from functools import lru_cache

from django.db import transaction

from audit import chain, clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import needed
from payouts.controls import documents
from payouts.controls.codes import ControlsCode
from payouts.controls.documents import Document, Limit, Values
from payouts.controls.models import PolicyVersion
from payouts.controls.rules import Rule
from payouts.controls.staffing import refuse_what_cannot_work
from payouts.staff import two_people
from payouts.staff.models import JointAct
from wallets import stops

ACT, SUBJECT = "policy", "policy"
CHANGE = "payouts_controls.change_policy"


@dataclass(frozen=True)
class Policy:
    """One version, read."""

    version: int
    document: Document

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.document.rules

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self.document.limits

    @property
    def values(self) -> Values:
        return self.document.values


def in_force() -> Policy:
    """Return the newest version: one statement that reads its hash alone, once it is known.

    Raises Refused if it is not sealed: somebody wrote it past the desk.
    """
    newest = PolicyVersion.objects.order_by("-number").values_list("number", "hash")[:1].get()
    return version(*newest)


def values() -> Values:
    """Return the numbers in force, for what only shows something; those of a fresh desk where the
    policy was written past the desk, as nothing is decided by it then."""
    try:
        return in_force().values
    except Refused:
        return Values()


@lru_cache(maxsize=8)
def version(number: int, sealed_as: str) -> Policy:
    """Return a version by its number and hash; what these name never changes."""
    row = PolicyVersion.objects.get(number=number)
    before = PolicyVersion.objects.filter(number=number - 1).values_list("hash", flat=True).first()
    if not hmac.compare_digest(sealed_as, chain.sealed(row.fields(), before or "")):
        raise Refused(ControlsCode.FORGED_POLICY)
    return Policy(number, documents.read(row.document))


def draft() -> JointAct | None:
    """Return what is proposed as the next version, if anything is."""
    return two_people.proposed(ACT, SUBJECT)


def state() -> str:
    """Return a word for the version in force and the draft: another one once either changes."""
    newest = PolicyVersion.objects.order_by("-number").values_list("number", flat=True).first()
    waiting = draft()
    return f"{newest}-{waiting.pk if waiting else 0}"


def propose(document: str, *, reason: str, actor: Actor, seen: str | None = None) -> JointAct:
    """Store a draft of the next version, in place of an earlier one.

    `seen` is the `state` that the person began from, if a page showed one. Raises NotAllowed, and
    Refused for a document that is no policy, is the one in force, or cannot work with this staff.
    """
    actor.require(CHANGE)
    reason, drafted = needed(reason), documents.read(document)
    with transaction.atomic():
        current = lock_newest()
        if seen not in (None, state()):
            raise Refused(ControlsCode.DRAFT_CHANGED)
        if documents.read(current.document) == drafted:
            raise Refused(ControlsCode.SAME_POLICY)
        refuse_what_cannot_work(drafted)
        proposed = two_people.propose(
            ACT,
            SUBJECT,
            data={"document": document, "base": current.number},
            facts=facts_of(document, current),
            reason=reason,
            actor=actor,
            is_revision=True,
        )
        log_event(
            DeskEvent.Type.DRAFT_POLICY,
            Reason(words=reason),
            actor=actor,
            digest=documents.digest_of(document),
        )
    return proposed


def facts_of(document: str, current: PolicyVersion) -> str:
    """What a draft is judged on: its own text, and the version that it would follow."""
    return documents.digest_of(f"{current.digest} {document}")


def confirm(joint_id: int, *, actor: Actor) -> PolicyVersion:
    """Put a draft in force as its second person, for every claim from now on.

    Raises NotAllowed, and Refused if another version came in force meanwhile.
    """
    actor.require(CHANGE)
    with transaction.atomic():
        stops.overtake_claims()  # those begun judge by the version of before, and are committed
        current = lock_newest()
        waiting = JointAct.objects.filter(pk=joint_id, act=ACT).first()
        document = waiting.data["document"] if waiting else ""
        facts = facts_of(document, current)
        known = two_people.confirm(joint_id, right=CHANGE, facts=facts, actor=actor)
        earlier = two_people.earlier(known)
        # People may have left since it was drafted.
        refuse_what_cannot_work(documents.read(document))
        new = PolicyVersion(
            number=current.number + 1,
            document=document,
            digest=documents.digest_of(document),
            drafted_by=known.proposed_by,
            approved_by=actor.person,
            in_force_at=clock.now(),
            reason=known.reason,
            earlier_drafts=[sealed_draft(each) for each in earlier],
        )
        new.hash = chain.sealed(new.fields(), current.hash)
        new.save(force_insert=True)
        log_event(
            DeskEvent.Type.CHANGE_POLICY,
            Reason(words=known.reason),
            actor=actor,
            version=new.number,
            digest=new.digest,
            drafted_by=known.proposed_by.get_username(),
            **({"earlier_drafts": two_people.in_words(earlier)} if earlier else {}),
        )
    return new


def sealed_draft(draft: JointAct) -> dict[str, object]:
    """Return what a version keeps of a draft that it was made from."""
    return {
        "by": draft.proposed_by_id,
        "login": draft.proposed_by.get_username(),
        "at": chain.stamp(draft.proposed_at),
        "reason": draft.reason,
    }


def withdraw(joint_id: int, *, actor: Actor) -> None:
    actor.require(CHANGE)
    with transaction.atomic():
        two_people.withdraw(joint_id, actor)
        log_event(DeskEvent.Type.DROP_POLICY, actor=actor)


def lock_newest() -> PolicyVersion:
    """Return the version in force, which stays so until this transaction ends."""
    return PolicyVersion.objects.order_by("-number")[:1].select_for_update().get()


def named_groups() -> set[str]:
    """Return the groups whose approvals the policy asks for, in force or drafted: two people let
    somebody into these."""
    texts = list(PolicyVersion.objects.order_by("-number").values_list("document", flat=True)[:1])
    if waiting := draft():
        texts.append(waiting.data["document"])
    found = [documents.read(text) for text in texts]
    return {rule.group for each in found for rule in each.rules if rule.group}
