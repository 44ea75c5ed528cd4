"""Which approvals a payout takes by the policy in force, who has given them, and who could give the
rest: before the first of them as after it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.actor import Actor
from audit.refusals import Refusal, Refused
from payouts.admin.policy_words import rule_in_words
from payouts.approvals import ApprovalFacts, approval_facts
from payouts.codes import PayoutCode
from payouts.controls import rules
from payouts.controls.rules import ANYONE, Effect, Rule
from payouts.controls.staffing import clients_named_in
from payouts.eligibility import refusal_of_verdict
from payouts.known import Known
from payouts.makers import refusal_of_maker
from payouts.models import DECIDED_AGAIN, Approval, Payout, PayoutStatus, WaitingFor
from payouts.notices import Notices, in_reference
from payouts.staff import roles

ASKED = (PayoutStatus.PENDING, PayoutStatus.HELD)
NAMED = 6

Decisions = Sequence[tuple[str, Approval, Any]]  # who made each, and its statement


@dataclass(frozen=True)
class Missing:
    """Approvals that are missing from one group, and who could give one."""

    words: str
    count: int
    people: list[str]

    @property
    def too_few(self) -> str:
        """Say that it cannot come to that, as the staff is now."""
        if not self.people:
            return _("Nobody else could give it: of those asked for, each had a hand in it.")
        if len(self.people) < self.count:
            return _("These are too few.")
        return ""

    @property
    def named(self) -> str:
        return ", ".join(self.people[:NAMED])

    @property
    def unnamed(self) -> int:
        return len(self.people) - NAMED


@dataclass(frozen=True)
class Asking:
    """A rule that decides what this payout takes, and what it compared."""

    name: str
    sentence: str
    sums: str = ""


@dataclass(frozen=True)
class Quorum:
    """`is_next`: it waits for these approvals now, and `says_it_all`: there is no more to say."""

    sentence: str
    is_next: bool
    says_it_all: bool
    is_stopped: bool = False  # nobody can let it go
    given: Sequence[tuple[str, Approval]] = ()
    lost: Sequence[tuple[str, str]] = ()  # who gave one that no longer counts, and why
    missing: Sequence[Missing] = ()
    asked_by: Sequence[Asking] = ()
    version: int = 0

    @property
    def names_who_can_act(self) -> bool:
        return self.is_next and bool(self.missing)


def facts_of(known: Known, actor: Actor, notices: Notices) -> ApprovalFacts | Refusal:
    """Look up what approvals go by, with what the page's notices went by as well; or return why
    nothing is judged at all."""
    try:
        return approval_facts(known, actor.person_id, notices)
    except Refused as exc:
        return exc.refusal


def quorum(payout: Payout, facts: ApprovalFacts | Refusal, decisions: Decisions) -> Quorum:
    is_next = payout.waiting_for == WaitingFor.APPROVALS
    says_it_all = is_next and payout.reason_code in ("", PayoutCode.ANOTHER_APPROVAL)
    if isinstance(facts, Refusal):
        return Quorum(facts.sentence, is_next, says_it_all, is_stopped=True)
    counted = facts.given.get(payout.pk, ())
    standing = [(who, each) for who, each, _said in decisions if stands(each)]
    given = [(who, each) for who, each in standing if each.person_id in counted]
    stop = stop_of(payout, facts)
    return Quorum(
        stop.sentence if stop else in_words(payout, facts, len(given)),
        is_next,
        says_it_all,
        is_stopped=bool(stop),
        given=given[::-1],
        lost=[*uncounted(standing, counted), *voided_last(decisions, given)],
        missing=[] if stop else who_could(payout, facts),
        asked_by=list(asked_by(payout, facts)),
        version=facts.known.policy.version,
    )


def stop_of(payout: Payout, facts: ApprovalFacts) -> Refusal | None:
    """Return why nobody can let it be paid, however many approve it."""
    if refusal := facts.unpriced.get(payout.pk):
        return refusal
    if refusal := refusal_of_verdict(facts.verdicts[payout.pk], is_released=True):
        return refusal
    makers = facts.known.makers.get(payout.pk, [])
    return None if makers else refusal_of_maker(None, makers)


def required_of(payout: Payout, facts: ApprovalFacts) -> Mapping[str, int]:
    return facts.verdicts[payout.pk].required_in(payout.pk in facts.known.in_doubt)


# In words


def in_words(payout: Payout, facts: ApprovalFacts, given: int) -> str:
    """Say it of one that people can let go."""
    verdict = facts.verdicts[payout.pk]
    sets_aside = refusal_of_verdict(verdict, is_released=payout.pk in facts.released)
    words = [sets_aside.sentence] if sets_aside else []
    if not (required := required_of(payout, facts)):
        return " ".join([*words, without_approval(verdict)])
    waits_for_release = bool(sets_aside) or payout.status == PayoutStatus.HELD
    takes = takes_in_words(rules.missing(required, {}), once_released=waits_for_release)
    if not facts.missing(payout):
        so_far = _("it has them, and the next approval lets it go")
    elif given:
        so_far = ngettext("%d is given", "%d are given", given) % given
    else:
        so_far = _("none yet")
    return " ".join([*words, f"{takes}; {so_far}."])


def without_approval(verdict: rules.Verdict) -> str:
    """Say it of one that the policy asks nothing for, though it waits: it was requested before that
    was so, may be a duplicate, or its wallet had to be approved."""
    if verdict.held_by:
        return _("The policy asks for no approval beyond that: one person lets it go.")
    text = _("The policy lets it go without approval: “%s”. As it waits, one person lets it go.")
    return text % ", ".join(verdict.fired)


def takes_in_words(asked: Mapping[str, int], *, once_released: bool) -> str:
    total = sum(asked.values())
    if len(asked) == 1:
        [group] = asked
        words = {"count": total, "group": group or _("anyone who may approve")}
        if once_released:
            text = ngettext(
                "Once released, it takes %(count)d approval from %(group)s",
                "Once released, it takes %(count)d approvals from %(group)s",
                total,
            )
        else:
            text = ngettext(
                "It takes %(count)d approval from %(group)s",
                "It takes %(count)d approvals from %(group)s",
                total,
            )
        return text % words
    text = _("Once released, it takes %(count)d approvals: %(each)s")
    if not once_released:
        text = _("It takes %(count)d approvals: %(each)s")
    return text % {"count": total, "each": rules.in_words(asked)}


# Who has, and who could


def stands(approval: Approval) -> bool:
    is_approval = approval.decision == Approval.Decision.APPROVED
    return is_approval and approval.voided_at is None and not approval.is_expired


def uncounted(standing: Sequence[tuple[str, Approval]], counted: Any) -> Iterator[tuple[str, str]]:
    for who, each in standing:
        if each.person_id not in counted:
            yield who, Refusal(PayoutCode.APPROVER_CHANGED).sentence


def voided_last(
    decisions: Decisions, given: Sequence[tuple[str, Approval]]
) -> Iterator[tuple[str, str]]:
    """Name those whose approvals were voided together, the last ones, until people approve anew."""
    void = [
        (who, each)
        for who, each, _said in decisions
        if each.decision == Approval.Decision.APPROVED
        and each.voided_at
        and each.voided_by != DECIDED_AGAIN
    ]
    last = max((each.voided_at for _who, each in void if each.voided_at), default=None)
    if last and all(each.decided_at < last for _who, each in given):
        for who, each in void:
            if each.voided_at == last:
                yield who, each.why_void


def who_could(payout: Payout, facts: ApprovalFacts) -> list[Missing]:
    """Return what is missing by group, each with those who had no hand in it and could give it: two
    statements."""
    kept_out = {person for person, _role in facts.known.makers.get(payout.pk, ())}
    kept_out |= {*facts.given.get(payout.pk, ())}
    people = [each for each in roles.all_who_may_approve() if each.pk not in kept_out]
    missing = facts.missing(payout) or {ANYONE: 1}
    groups = roles.groups_of([each.pk for each in people]) if any(missing) else {}
    return [
        Missing(
            rules.in_words({group: count}),
            count,
            [User.__str__(each) for each in people if group == ANYONE or group in groups[each.pk]],
        )
        for group, count in missing.items()
    ]


# The rules that ask for it


def asked_by(payout: Payout, facts: ApprovalFacts) -> Iterator[Asking]:
    """Yield the rules that decide: what blocks it or sets it aside, of those that ask a group for
    approvals the ones that ask for most, and else what lets it go."""
    if payout.pk in facts.unpriced:
        return
    verdict, proposal = facts.verdicts[payout.pk], facts.proposals[payout.pk]
    names = clients_named_in(facts.known.policy.document)
    for rule in facts.known.policy.rules:
        if rule.name in verdict.fired and decides(rule, verdict):
            sums = [
                in_reference(proposal.amount_of(measure))
                for measure, _of in rule.conditions.amounts
            ]
            yield Asking(rule.name, rule_in_words(rule, names), ", ".join(sums))
    if payout.pk in facts.known.in_doubt:
        yield Asking(_("In doubt"), _("One like it may be paid already: two people let it go"))


def decides(rule: Rule, verdict: rules.Verdict) -> bool:
    if verdict.blocked_by:
        return rule.effect == Effect.BLOCK
    if rule.effect == Effect.REQUIRE:
        return rule.count == verdict.required[rule.group]
    return rule.effect == Effect.HOLD or verdict.is_free
