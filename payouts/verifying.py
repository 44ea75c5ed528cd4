"""What `verify_audit` looks through of payouts: that their events hold together and lead to what
they are, and that approvals, statements and what stands beside a final status are sealed."""

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import chain, verifying
from audit.models import DeskEvent, Event
from audit.verifying import CHUNK, Finding, Groups, Show, shown
from payouts import journal, links
from payouts.effective import add_up
from payouts.models import (
    Approval,
    Attempt,
    Discrepancy,
    EventType,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutStatus,
    Statement,
)
from payouts.models.payout import LAST_GENERATION
from payouts.statements import Stated, stated_by

Decided = Approval.Decision
START_OVER = (PayoutStatus.PENDING, PayoutStatus.HELD)
SENT = (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST, PayoutStatus.CONFIRMED)
MAKES = (EventType.REQUEST, EventType.EDIT, EventType.RETRY)
ENDS_APPROVALS = {
    *(EventType.EDIT, EventType.HOLD, EventType.RELEASE),
    *(EventType.REJECT, EventType.RETRY, EventType.VOID),
}
TAKEN = Discrepancy.Outcome.AS_HELEKET, Discrepancy.Outcome.NOT_PAID


def of(payout: Payout, event: PayoutEvent) -> str:
    return f"{payout} event {event.number} ({PayoutEvent._meta.label} {event.pk})"


# Each payout with its events


def payouts(show: Show) -> Iterator[Finding]:
    """Chains, statuses and approvals, payout by payout."""
    events = PayoutEvent.objects.order_by("payout_id", "number").iterator(chunk_size=CHUNK)
    approvals = (
        Approval.objects.select_related("statement")
        .defer("statement__body", "statement__signature")
        .order_by("payout_id", "pk")
        .iterator(chunk_size=CHUNK)
    )
    events_of = Groups[UUID, PayoutEvent](events, lambda each: each.payout_id)
    approvals_of = Groups[UUID, Approval](approvals, lambda each: each.payout_id)
    for payout in shown(Payout.objects.order_by("pk").iterator(chunk_size=CHUNK), show):
        past = events_of.take(payout.pk)
        yield from chain_of(payout, past)
        yield from approvals_in(payout, past, approvals_of.take(payout.pk))


def chain_of(payout: Payout, events: Sequence[PayoutEvent]) -> Iterator[Finding]:
    """The first event that is not what was written, or else what the events do not lead to."""
    broken = chain.first_broken(events)
    if isinstance(broken, PayoutEvent):
        yield verifying.broken(broken, str(payout))
        return
    if len(events) != payout.last_event:
        yield Finding(
            "events_missing",
            str(payout),
            _("%(payout)s counts %(counted)d events, and there are %(found)d.")
            % {"payout": payout, "counted": payout.last_event, "found": len(events)},
        )
    yield from moves_of(payout, events)


def moves_of(payout: Payout, events: Sequence[PayoutEvent]) -> Iterator[Finding]:
    """Replay the events along the arrows of the state machine (I4)."""
    for before, event in pairwise(events):
        if event.from_status != before.to_status:
            yield Finding(
                "status_jumps",
                of(payout, event),
                _("%(payout)s was “%(was)s” before event %(number)d, not “%(says)s”.")
                % {
                    "payout": payout,
                    "was": before.to_status,
                    "number": event.number,
                    "says": event.from_status,
                },
            )
    for event in events[1:]:
        if not is_drawn(event.event_type, event.from_status, event.to_status):
            yield Finding(
                "status_not_drawn",
                of(payout, event),
                _("No act “%(act)s” leads from “%(before)s” to “%(after)s”.")
                % {
                    "act": event.event_type,
                    "before": event.from_status,
                    "after": event.to_status,
                },
            )
    if events and events[-1].to_status != payout.status:
        yield Finding(
            "status_differs",
            str(payout),
            _("%(payout)s is “%(is)s”, and its events lead to “%(lead)s”.")
            % {"payout": payout, "is": payout.status, "lead": events[-1].to_status},
        )


@lru_cache(maxsize=1)
def arrows() -> Mapping[tuple[str, str], str]:
    """Return where each act leads from each status, as the state machine has it."""
    field: Any = Payout._meta.get_field("status")
    every = field.get_all_transitions(Payout)
    return {(each.name, str(each.source)): str(each.target) for each in every}


def is_drawn(event_type: str, before: str, after: str) -> bool:
    """Whether an event may lead there. The first of two approvals leads nowhere yet, and whoever
    lets one go, undoes or edits may leave it where it is."""
    target = arrows().get((event_type, before))
    stays = after == before and (target is None or event_type == EventType.APPROVE)
    return stays or after == target


# Approvals


def approvals_in(
    payout: Payout, events: Sequence[PayoutEvent], approvals: Sequence[Approval]
) -> Iterator[Finding]:
    """Each decision has the event that seals it, and each sealed one is there."""
    sealed = {
        (each.event_type, each.person_id, each.at): each
        for each in events
        if each.person_id and each.event_type in (EventType.APPROVE, EventType.REJECT)
    }
    for each in approvals:
        act = EventType.APPROVE if each.decision == Decided.APPROVED else EventType.REJECT
        event = sealed.pop((act, each.person_id, each.decided_at), None)
        if event is None or not seals(event, each):
            yield Finding(
                "approval_unsealed",
                f"{payout} {Approval._meta.label} {each.pk}",
                _("No event of %(payout)s seals this decision of “%(person)s”.")
                % {"payout": payout, "person": each.person_id},
            )
        elif each.voided_at is None and is_over(event, events):
            yield Finding(
                "approval_void",
                f"{payout} {Approval._meta.label} {each.pk}",
                _("An approval of %(payout)s by “%(person)s” is void, and its row denies it.")
                % {"payout": payout, "person": each.person_id},
            )
    for event in sealed.values():
        yield Finding(
            "approval_missing",
            of(payout, event),
            _("The decision that this event of %s seals is not there.") % payout,
        )
    approved = last_approval(payout, events)
    if approved and not is_of(payout, approved.facts.get("digest", "")):
        yield Finding(
            "digest_differs",
            str(payout),
            _("%s is not what was approved: amount, coin, network, address or client differ.")
            % payout,
        )


def is_over(approved: PayoutEvent, events: Sequence[PayoutEvent]) -> bool:
    """Whether something that voids an approval came after it."""
    return approved.event_type == EventType.APPROVE and any(
        each.event_type in ENDS_APPROVALS
        or (each.event_type == EventType.UNDO and each.person_id == approved.person_id)
        for each in events
        if each.number > approved.number
    )


def seals(event: PayoutEvent, approval: Approval) -> bool:
    if approval.decision != Decided.APPROVED:
        return True
    statement = approval.statement.sha256 if approval.statement else ""
    return (
        event.facts.get("digest") == approval.digest
        and event.facts.get("statement", "") == statement
        and event.facts.get("policy", "") in ("", str(approval.policy_version))
    )


def last_approval(payout: Payout, events: Sequence[PayoutEvent]) -> PayoutEvent | None:
    """Return the event by which the payout was approved as it now is, if it was."""
    if payout.status in START_OVER:
        return None
    for event in reversed(events):
        if event.to_status in START_OVER:
            return None
        if event.event_type == EventType.APPROVE and event.to_status == PayoutStatus.APPROVED:
            return event
    return None


def is_of(payout: Payout, digest: str) -> bool:
    """Whether a digest is of this payout; of any of its tries, as an earlier one may turn out to be
    that which was paid."""
    if payout.digest() == digest:
        return True
    other = copy.copy(payout)
    for generation in range(1, LAST_GENERATION + 1):
        other.generation = generation
        if other.digest() == digest:
            return True
    return False


# What was sent, and who had a hand in it


def requests(show: Show) -> Iterator[Finding]:
    """The bytes that were sent of a payout as it now is pay just this one; of a linked one they say
    what it is."""
    sent = Attempt.objects.filter(payout__status__in=SENT, generation=F("payout__generation"))
    rows = sent.select_related("payout").order_by("pk").iterator(chunk_size=CHUNK)
    for attempt in shown(rows, show):
        if not pays(attempt, attempt.payout):
            yield Finding(
                "request_differs",
                f"{attempt.payout} {Attempt._meta.label} {attempt.pk}",
                _("What was sent for %s pays another sum, or to another address.") % attempt.payout,
            )


def pays(attempt: Attempt, payout: Payout) -> bool:
    try:
        sent = json.loads(attempt.body)
        amount = Decimal(sent["amount"])
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return False
    as_sent = (None, None) if attempt.is_linked else (attempt.order_id, True)
    return (amount, *map(sent.get, MEMBERS)) == (
        payout.amount,
        *as_sent,
        payout.currency,
        payout.network,
        payout.address,
        payout.memo or None,
    )


MEMBERS = ("order_id", "is_subtract", "currency", "network", "address", "memo")


def makers(show: Show) -> Iterator[Finding]:
    """Whoever asked for a payout, changed or retried it is one of its makers, so that they do not
    approve it."""
    noted = PayoutMaker.objects.filter(payout=OuterRef("payout"), person=OuterRef("person"))
    made = PayoutEvent.objects.filter(event_type__in=MAKES, person__isnull=False)
    lost = made.exclude(Exists(noted)).select_related("payout").order_by("pk")
    for event in shown(lost.iterator(chunk_size=CHUNK), show):
        yield Finding(
            "maker_missing",
            of(event.payout, event),
            _("“%(person)s” made what %(payout)s is, and is not among its makers.")
            % {"person": event.who, "payout": event.payout},
        )


# Statements


def statements(show: Show) -> Iterator[Finding]:
    """Each statement is what its SHA-256 was made of, and says what its approvals are of."""
    approvals = Approval.objects.exclude(statement=None).order_by("statement_id", "pk")
    approvals_of = Groups[int, Approval](
        approvals.iterator(chunk_size=CHUNK), lambda each: each.statement_id or 0
    )
    rows = Statement.objects.order_by("pk").iterator(chunk_size=2)  # each may be of 1,000 payouts
    for statement in shown(rows, show):
        given = approvals_of.take(statement.pk)
        where = f"{Statement._meta.label} {statement.pk}"
        stated = stated_by(bytes(statement.body), statement.sha256)
        if stated is None:
            yield Finding(
                "statement_changed",
                where,
                _("This statement is not what its SHA-256 was made of, or cannot be read."),
            )
        elif not is_stated(stated, given):
            yield Finding(
                "statement_differs",
                where,
                _("This statement says another thing than the approvals that were given with it."),
            )


def is_stated(stated: Stated, approvals: Sequence[Approval]) -> bool:
    given = {
        str(each.payout_id): (each.person_id, each.policy_version, each.digest)
        for each in approvals
    }
    said = {
        payout: (stated.approver, stated.policy, row.digest) for payout, row in stated.rows.items()
    }
    return given == said and stated.count == len(said) == len(approvals)


# What stands beside a final status


def effective(show: Show) -> Iterator[Finding]:
    """What became of the money after all follows from what people ended discrepancies with."""
    found = found_otherwise().order_by("pk").prefetch_related("attempts", "discrepancies", "events")
    for payout in shown(found.iterator(chunk_size=100), show):
        attempts = list(payout.attempts.all())
        if not follows(payout, attempts):
            yield Finding(
                "effective_differs",
                str(payout),
                _("What became of %s after all is not what its tries come to.") % payout,
            )
        ended = [each for each in payout.discrepancies.all() if each.outcome in TAKEN]
        acts = list(payout.events.all())
        if not any(is_ended_by(each, acts) for each in ended):
            yield Finding(
                "effective_unsealed",
                str(payout),
                _("Nobody ended a discrepancy of %s with what is said to have become of it.")
                % payout,
            )


def found_otherwise() -> Any:
    taken = Attempt.objects.filter(payout=OuterRef("pk"), taken_for__isnull=False)
    return Payout.objects.filter(~Q(effective="") | Exists(taken))


def follows(payout: Payout, attempts: Sequence[Attempt]) -> bool:
    anew = copy.copy(payout)
    add_up(anew, attempts)
    names = ("effective", "effective_amount", "effective_currency")
    return all(getattr(anew, name) == getattr(payout, name) for name in names)


def is_ended_by(found: Discrepancy, events: Iterable[Event]) -> bool:
    """Whether an event seals who ended a discrepancy, and with what."""
    first = str(found.proposed_by_id) if found.proposed_by_id else None
    return any(
        event.event_type == EventType.CLOSE_DISCREPANCY
        and event.person_id == found.closed_by_id
        and event.at == found.closed_at
        and event.facts.get("kind") == found.kind
        and event.facts.get("outcome") == found.outcome
        and event.facts.get("uuid", found.key) == found.key
        and event.facts.get("proposed_by") == first
        for event in events
    )


def discrepancies(show: Show) -> Iterator[Finding]:
    """Each that has ended has its event, and two different people where one proposed it."""
    ended = Discrepancy.objects.exclude(closed_at=None)
    for found in shown(ended.order_by("pk").iterator(chunk_size=CHUNK), show):
        acts: QuerySet[Any] = PayoutEvent.objects.filter(payout=found.payout_id)
        if found.payout_id is None:  # of none of ours
            acts = DeskEvent.objects.filter(at__exact=found.closed_at or found.opened_at)
        acts = acts.filter(event_type=EventType.CLOSE_DISCREPANCY)
        if found.closed_by_id == found.proposed_by_id or not is_ended_by(found, acts):
            yield Finding(
                "discrepancy_unsealed",
                f"{Discrepancy._meta.label} {found.pk}",
                _(
                    "No event seals who ended this discrepancy, and with what; or it was one "
                    "person where it takes two."
                ),
            )


def foreign_ones(_show: Show) -> Iterator[Finding]:
    """Each payout at Heleket that was found to be none of ours has its rows: while one stands, a
    request like it waits."""
    opened = DeskEvent.objects.filter(event_type=DeskEvent.Type.FOREIGN).order_by("number")
    seen = Counter(each.facts.get("uuid", "") for each in opened.iterator(chunk_size=CHUNK))
    rows = Discrepancy.objects.filter(kind=Discrepancy.Kind.FOREIGN)
    there = Counter(rows.values_list("key", flat=True).iterator(chunk_size=CHUNK))
    for uuid, count in (seen - there).items():
        yield Finding(
            "discrepancy_gone",
            uuid,
            ngettext(
                "Heleket's payout %(uuid)s was found to be none of ours, and its row is gone.",
                "Heleket's payout %(uuid)s was found to be none of ours, and %(count)d of its rows "
                "are gone.",
                count,
            )
            % {"uuid": uuid, "count": count},
        )


# What other modules know of their own records


def journal_entries(_show: Show) -> Iterator[Finding]:
    """The journal has of each payout what follows from its status."""
    for where, sentence in journal.findings():
        yield Finding("journal_differs", where, sentence)


def linked_without(_show: Show) -> Iterator[Finding]:
    """What was paid outside the desk lacks no approvals (G53)."""
    for where, sentence in links.findings():
        yield Finding("approvals_lacking", where, sentence)


def register() -> None:
    verifying.register("payouts", payouts, Payout.objects.count)
    verifying.register("statements", statements, Statement.objects.count)
    verifying.register("discrepancies", discrepancies, Discrepancy.objects.count)
    verifying.register("foreign", foreign_ones)
    verifying.register("requests", requests, Attempt.objects.count)
    verifying.register("makers", makers)
    verifying.register("effective", effective, lambda: found_otherwise().count())
    verifying.register("journal", journal_entries)
    verifying.register("links", linked_without)
