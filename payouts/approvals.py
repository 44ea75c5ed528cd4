"""May this person approve this payout, and what is missing then? And what rules of the policy do by
themselves once it is requested. What a claim checks again is in `eligibility`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.operations import Change
from audit.refusals import Refusal
from payouts import statements, transitions
from payouts.codes import PayoutCode
from payouts.controls import policy, rules
from payouts.controls.codes import ControlsCode
from payouts.controls.policy import Policy
from payouts.controls.rules import Effect, Proposal, Verdict
from payouts.eligibility import judged_as, refusal_of_verdict
from payouts.known import Known
from payouts.makers import refusal_of_maker
from payouts.models import (
    DECIDED_AGAIN,
    Approval,
    EventType,
    Payout,
    PayoutEvent,
    Statement,
    WaitingFor,
)
from payouts.notices import Notices
from payouts.proposals import proposals_of
from payouts.staff import powers, roles

STARTS_OVER = [EventType.REQUEST, EventType.EDIT, EventType.RETRY, EventType.RELEASE]


@dataclass(frozen=True)
class ApprovalFacts:
    """What approvals of these payouts go by."""

    known: Known
    person_id: int | None  # who looks at them, or approves
    given: Mapping[UUID, Collection[int]]  # who has approved each as it is, and still counts
    unpriced: Mapping[UUID, Refusal]  # those whose coin has no sound rate
    proposals: Mapping[UUID, Proposal]  # of the others
    verdicts: Mapping[UUID, Verdict]
    released: Collection[UUID]  # those that people let go, though a rule sets them aside
    groups: Mapping[int, Collection[str]]  # of all who approved one, and of that person

    def missing(self, payout: Payout, *more: int) -> Mapping[str, int]:
        """Return the approvals that are missing beside those given, and those of more people."""
        if payout.pk in self.unpriced:
            return {}
        required = self.verdicts[payout.pk].required_in(payout.pk in self.known.in_doubt)
        people = {*self.given.get(payout.pk, ()), *more}
        return rules.missing(required, {person: self.groups[person] for person in people})

    def missing_after(self, payout: Payout) -> Mapping[str, int]:
        """Return the approvals that are still missing once that person approves it, too."""
        return self.missing(payout, *([self.person_id] if self.person_id else []))


def approval_facts(
    known: Known, person_id: int | None, notices: Notices | None = None
) -> ApprovalFacts:
    """`notices` are not looked up again where they were found before. Raises Refused if the policy
    was written past the desk."""
    given, found = approvers_of(known.payouts), proposals_of(known, notices)
    proposals = {pk: each for pk, each in found.items() if isinstance(each, Proposal)}
    verdicts = {pk: rules.judge(known.policy.rules, each) for pk, each in proposals.items()}
    people = {person for some in given.values() for person in some}
    return ApprovalFacts(
        known=known,
        person_id=person_id,
        given=given,
        unpriced={pk: each for pk, each in found.items() if isinstance(each, Refusal)},
        proposals=proposals,
        verdicts=verdicts,
        released=released_ones([pk for pk, verdict in verdicts.items() if verdict.held_by]),
        groups=groups_asked_for(verdicts.values(), people | ({person_id} if person_id else set())),
    )


def groups_asked_for(
    verdicts: Iterable[Verdict], people: Collection[int]
) -> Mapping[int, Collection[str]]:
    """Return the groups of these people, read only where a rule names one."""
    if any(any(verdict.required) for verdict in verdicts):
        return roles.groups_of(people)
    return dict.fromkeys(people, ())


def approvers_of(payouts: Sequence[Payout]) -> dict[UUID, set[int]]:
    """Return whose approvals a claim would count: those of people who may still approve, and whose
    rights, password and address have not changed since."""
    given = Approval.objects.standing().filter(
        payout__in=with_past(payouts), decision=Approval.Decision.APPROVED
    )
    rows = list(given.values_list("payout_id", "person_id", "decided_at"))
    people = {person for _payout, person, _at in rows}
    may = roles.people_who_may_approve(people) if people else set()
    changed = powers.last_change_of_power(people) if people else {}
    approvers: dict[UUID, set[int]] = defaultdict(set)
    for payout_id, person, decided_at in rows:
        if person in may and not (person in changed and decided_at <= changed[person]):
            approvers[payout_id].add(person)
    return approvers


def with_past(payouts: Iterable[Payout]) -> list[Payout]:
    """Leave out those that nothing has happened to yet but their request: the others alone may have
    been decided about before."""
    return [payout for payout in payouts if payout.last_event > 1]


def released_ones(ids: Collection[UUID]) -> set[UUID]:
    """Return those that a person let go from hold since they are what they are."""
    if not ids:
        return set()
    events = PayoutEvent.objects.filter(payout__in=ids, event_type__in=STARTS_OVER)
    last = dict(events.order_by("number").values_list("payout_id", "event_type"))
    return {pk for pk, event_type in last.items() if event_type == EventType.RELEASE}


def refusal_of_approval(payout: Payout, facts: ApprovalFacts) -> Refusal | None:
    """Return why that person may not approve the payout."""
    if refusal := facts.known.refusal_of_destination(payout):
        return refusal
    if facts.person_id in facts.given.get(payout.pk, ()):
        return Refusal(PayoutCode.APPROVED_BY_YOU)
    if refusal := refusal_of_maker(facts.person_id, facts.known.makers.get(payout.pk, [])):
        return refusal
    return refusal_by_policy(payout, facts)


def refusal_by_policy(payout: Payout, facts: ApprovalFacts) -> Refusal | None:
    if refusal := facts.unpriced.get(payout.pk):
        return refusal
    verdict = facts.verdicts[payout.pk]
    if refusal := refusal_of_verdict(verdict, is_released=payout.pk in facts.released):
        return refusal
    missing = facts.missing(payout)
    if missing and facts.missing_after(payout) == missing:
        return Refusal(ControlsCode.NOT_NEEDED, words=rules.in_words(missing))
    return None


# What rules do by themselves


def apply_rules(payout: Payout, actor: Actor) -> bool:
    """Set a new payout aside, or let it go without approval, where a rule says so, and return
    whether one did; in the transaction that stores it.

    What a person has to confirm first, as it may be a second one, is let go by nobody else. One
    that waits for its wallet is approved by a person, too.
    """
    current = policy.in_force()
    if not any(rule.effect in (Effect.HOLD, Effect.ALLOW) for rule in current.rules):
        return False
    facts = approval_facts(Known([payout]), None)
    verdict = facts.verdicts.get(payout.pk)
    if verdict is None:
        return False
    names = ", ".join(verdict.held_by or verdict.fired)
    is_certain = not (facts.known.duplicates or facts.known.in_doubt)
    lets_go = verdict.is_free and is_certain and payout.waiting_for == WaitingFor.APPROVALS
    if not (verdict.held_by or lets_go):
        return False
    with transitions.change([payout.pk], actor=Actor.system(actor.channel)) as [change]:
        if verdict.held_by:
            reason = Reason(ControlsCode.HELD_BY_RULE, names)
            change.log_event(EventType.HOLD, reason)
            change.row.hold(reason)
        else:
            log_approval(change, facts, Reason(ControlsCode.ALLOWED_BY_RULE, names))
            change.row.approve(not_before=current.values.goes_out_at(clock.now()))
    return True


def log_approval(change: Change[Payout], facts: ApprovalFacts, reason: Reason) -> None:
    """Seal what an approval is of, and what the policy judged; its rate is fixed from here on."""
    payout = change.row
    verdict, proposal = facts.verdicts[payout.pk], facts.proposals[payout.pk]
    change.log_event(
        EventType.APPROVE,
        reason,
        digest=payout.digest(),
        policy=facts.known.policy.version,
        rules=", ".join(verdict.fired),
        **judged_as(proposal, is_released=bool(verdict.held_by)),
    )
    payout.reference_rate = proposal.rate


# What people decided, as it is stored


def decide(
    payouts: Sequence[Payout],
    actor: Actor,
    decision: Approval.Decision,
    statement: Statement | None = None,
    current: Policy | None = None,
) -> None:
    """Store what a person decides, in the place of what they had decided before. An approval names
    its statement and the policy that it was given under; who rejects asks neither."""
    now = clock.now()
    before = Approval.objects.filter(payout__in=with_past(payouts), person=actor.person)
    before.filter(voided_at=None).update(voided_at=now, voided_by=DECIDED_AGAIN)
    Approval.objects.bulk_create(
        Approval(
            payout_id=payout.pk,
            person=actor.person,
            decided_at=now,
            decision=decision,
            digest=payout.digest(),
            policy_version=current.version if current else 0,
            statement_id=statement.pk if statement else None,
            expires_at=statements.expires_at(payout, current.values) if current else None,
        )
        for payout in payouts
    )


def void_approvals(payouts: Iterable[Payout], act: EventType, **whose: object) -> None:
    standing = Approval.objects.filter(payout__in=list(payouts), voided_at=None, **whose)
    standing.update(voided_at=clock.now(), voided_by=act)
