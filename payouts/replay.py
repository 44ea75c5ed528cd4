"""What a policy would have done with what was approved: the sealed proposals, judged once more.

It reads and decides nothing. People count with the groups that they have now; a payout that people
had taken for doubtful counts with what the rules alone ask for.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from audit import clock
from audit.refusals import Refusal
from payouts.controls import documents, rules
from payouts.controls.codes import ControlsCode
from payouts.controls.models import PolicyVersion
from payouts.controls.rules import ANYONE, Effect, Proposal, Rule
from payouts.eligibility import ends_approvals, judged_in, refusal_of_verdict
from payouts.models import EventType, Payout, PayoutEvent, PayoutStatus
from payouts.staff import roles

DAYS = 90
CHUNK = 1000
AT_ONCE = 10_000  # a person waits for the page
SHOWN = 100  # of the rows


@dataclass(frozen=True)
class Approved:
    """What a payout was approved on, the last time that it was."""

    payout_id: UUID
    at: datetime
    proposal: Proposal
    is_released: bool
    people: Mapping[int, Collection[str]]  # who approved it, each with their groups
    version: int
    fired: str  # the rules, as they were sealed


Line = tuple[Approved, Sequence[str], str]  # with rules, and what they say


@dataclass(frozen=True)
class Row:
    """A payout with which the policy would have done something else."""

    payout: Payout
    at: datetime
    rules: str
    sentence: str


@dataclass
class Replay:
    """What became of the payouts that were approved since then, the newest first.

    `before` is set where there are older ones yet: the number of the last payout that was judged.
    """

    since: datetime
    judged: int = 0
    unsealed: int = 0  # approved before proposals were stored
    stopped: int = 0
    freed: int = 0  # would have needed fewer approvals
    unsure: Counter[str] = field(default_factory=Counter)  # of each rule: what cannot be known
    stopped_rows: list[Row] = field(default_factory=list)
    freed_rows: list[Row] = field(default_factory=list)
    before: int | None = None
    oldest: datetime | None = None


def replay(judging: Sequence[Rule], *, before: int | None = None) -> Replay:
    """Judge by these rules what was approved in the last days, as many as a page has time for."""
    found, versions = Replay(since=clock.now() - timedelta(days=DAYS)), Versions()
    stopped, freed = list[Line](), list[Line]()
    for number, approved in approved_ones(found.since, before):
        if found.judged + found.unsealed == AT_ONCE:
            found.before = before
            break
        before = number
        if approved is None:
            found.unsealed += 1
            continue
        found.judged += 1
        found.oldest = approved.at
        said = judge(judging, approved, versions.rules_of(approved.version))
        found.unsure.update(said.unknown)
        if said.refusal:
            found.stopped += 1
            if len(stopped) < SHOWN:
                stopped.append((approved, said.rules, said.refusal.sentence))
        elif said.fewer is not None:
            found.freed += 1
            if len(freed) < SHOWN:
                words = rules.in_words(said.fewer) or _("no approval")
                freed.append((approved, said.rules, words))
    found.stopped_rows, found.freed_rows = with_payouts(stopped), with_payouts(freed)
    return found


def with_payouts(lines: Sequence[Line]) -> list[Row]:
    ids = [approved.payout_id for approved, _names, _sentence in lines]
    payouts = Payout.objects.select_related("client").in_bulk(ids)
    return [
        Row(payouts[approved.payout_id], approved.at, ", ".join(names), sentence)
        for approved, names, sentence in lines
    ]


# What they were approved on


def approved_ones(
    since: datetime, before: int | None = None
) -> Iterator[tuple[int, Approved | None]]:
    """Yield payouts approved since then with their numbers, the newest first: two statements for
    each chunk, and one for people not seen before. None for one without a sealed proposal."""
    groups: dict[int, Collection[str]] = {}
    while True:
        payouts = Payout.objects.filter(approved_at__gte=since)
        if before is not None:
            payouts = payouts.filter(number__lt=before)
        chunk = dict(payouts.order_by("-number").values_list("pk", "number")[:CHUNK])
        if not chunk:
            return
        events = events_of(chunk)
        people = {each.person_id for some in events.values() for each in some if each.person_id}
        if unknown := people - groups.keys():
            groups |= roles.groups_of(unknown)
        for pk, number in chunk.items():
            yield number, last_approval(pk, events[pk], groups)
        before = min(chunk.values())


def events_of(payouts: Collection[UUID]) -> Mapping[UUID, list[PayoutEvent]]:
    found: dict[UUID, list[PayoutEvent]] = {pk: [] for pk in payouts}
    events = PayoutEvent.objects.filter(payout__in=list(payouts)).order_by("payout", "number")
    columns = ("payout_id", "at", "event_type", "from_status", "to_status", "person_id", "data")
    for event in events.only(*columns):
        found[event.payout_id].append(event)
    return found


def last_approval(
    pk: UUID, events: Sequence[PayoutEvent], groups: Mapping[int, Collection[str]]
) -> Approved | None:
    """Return what the events say of the last time that the payout was approved for good."""
    places = [at for at, event in enumerate(events) if is_approval(event)]
    finals = [at for at in places if events[at].to_status == PayoutStatus.APPROVED]
    if not finals:
        return None
    last, ends = finals[-1], [at for at, event in enumerate(events) if ends_approvals(event)]
    start = max((at + 1 for at in ends if at < last), default=0)
    end = min((at for at in ends if at > last), default=len(events))
    if not (judged := judged_in(events[start:end])):
        return None
    given = {events[at].person_id for at in places if start <= at <= last}
    return Approved(
        payout_id=pk,
        at=events[last].at,
        proposal=judged[0],
        is_released=judged[1],
        people={person: groups[person] for person in given if person},
        version=int(events[last].facts.get("policy") or 0),
        fired=events[last].facts.get("rules", ""),
    )


def is_approval(event: PayoutEvent) -> bool:
    return event.event_type == EventType.APPROVE


class Versions:
    """The rules of versions, each read once."""

    def __init__(self) -> None:
        self.known: dict[int, Sequence[Rule]] = {}

    def rules_of(self, number: int) -> Sequence[Rule]:
        if number not in self.known:
            row = PolicyVersion.objects.filter(number=number).first()
            self.known[number] = documents.read(row.document).rules if row else ()
        return self.known[number]


# What rules say of them


@dataclass(frozen=True)
class Said:
    """Why rules would have stopped a payout, and which; or the fewer approvals that they ask for.
    `unknown` are rules that ask for what was not stored with it."""

    rules: Sequence[str] = ()
    refusal: Refusal | None = None
    fewer: Mapping[str, int] | None = None
    unknown: Sequence[str] = ()


def judge(judging: Sequence[Rule], approved: Approved, then: Sequence[Rule]) -> Said:
    """Say what these rules make of a payout that was approved under those of then.

    A rule that asks for a fact which was not stored does not count, and what no other rule covers
    is not taken for stopped.
    """
    counted = [rule for rule in judging if approved.proposal.answers(rule.conditions)]
    unknown = [rule.name for rule in judging if rule not in counted]
    verdict = rules.judge(counted, approved.proposal)
    required_then = rules.judge(then, approved.proposal).required
    refusal = refusal_of_verdict(verdict, is_released=approved.is_released)
    if refusal and refusal.code == ControlsCode.NO_RULE and unknown:
        return Said(unknown=unknown)
    if refusal:
        return Said(verdict.blocked_by or verdict.held_by, refusal, unknown=unknown)
    people = people_then(approved, required_then)
    if missing := rules.missing(verdict.required, people):
        names = asking_for_more([rule for rule in counted if rule.name in verdict.fired], people)
        words = rules.in_words(missing)
        return Said(names, Refusal(ControlsCode.MORE_APPROVALS, words=words), unknown=unknown)
    is_freed = not unknown and approvals_in(verdict.required) < approvals_in(required_then)
    return Said(verdict.fired, fewer=verdict.required if is_freed else None, unknown=unknown)


def asking_for_more(fired: Sequence[Rule], people: Mapping[int, Collection[str]]) -> list[str]:
    """Name the rules that these people do not satisfy; all, if it is what they ask for together."""
    asking = [rule for rule in fired if rule.effect == Effect.REQUIRE]
    alone = [rule for rule in asking if rules.missing({rule.group: rule.count}, people)]
    return [rule.name for rule in alone or asking]


def people_then(approved: Approved, required: Mapping[str, int]) -> Mapping[int, Collection[str]]:
    """Return who approved it, with the groups that they must have had then: whoever lost one since
    had what the rules of that day asked for."""
    if not rules.missing(required, approved.people):
        return approved.people
    return {person: {*groups, *required} for person, groups in approved.people.items()}


def approvals_in(required: Mapping[str, int]) -> int:
    """Return how many people it takes at least."""
    named = sum(count for group, count in required.items() if group != ANYONE)
    return max(named, required.get(ANYONE, 0))
