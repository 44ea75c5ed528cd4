"""The whole story of one payout, in order: what was asked, decided, sent, answered and written
beside it, each line with who, when and by which way. It reads, and a constant number of statements.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from audit import chain
from audit.models import known_as
from payouts.admin import details
from payouts.admin.dossier import (
    AttemptShown,
    described,
    first_logins,
    timeline,
    with_names,
    with_statements,
)
from payouts.admin.tenses import tense_of, tense_of_try
from payouts.models import (
    Approval,
    Discrepancy,
    Entry,
    EventType,
    Note,
    Payout,
    PayoutEvent,
    Posting,
    WebhookDelivery,
)
from payouts.statements import Stated
from wallets.amounts import format_amount

FLAGS = "payouts.view_flags"
DIFFERENCES = "payouts.view_discrepancy"
WEBHOOKS = "payouts.view_webhookdelivery"
JOURNAL = "payouts.view_entry"

Facts = Sequence[tuple[str, str]]
May = Callable[[str], bool]


@dataclass
class Line:
    """One thing that happened. `place` orders what happened at the same moment, and `number` is
    that of its sealed event, if it is one."""

    at: datetime
    title: str
    who: str
    way: str
    place: int = 0
    moved: str = ""
    why: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    number: int | None = None
    hash: str = ""


@dataclass(frozen=True)
class Chain:
    """What the payout's own chain of events says of itself, now."""

    count: int
    broken_at: int | None
    is_short: bool

    @property
    def holds(self) -> bool:
        return self.broken_at is None and not self.is_short

    @property
    def sentence(self) -> str:
        if self.broken_at is not None:
            return _("The chain breaks at event %d: it is not what was sealed.") % self.broken_at
        if self.is_short:
            return _("Events are missing: the payout counts more than the %d that are there.") % (
                self.count
            )
        return _("%d events, the chain closes.") % self.count


@dataclass(frozen=True)
class Differing:
    """A discrepancy, with what either side last had."""

    kind: str
    facts: Facts


@dataclass(frozen=True)
class Story:
    payout: Payout
    asked: Facts  # the terms as they were asked for, before any change
    lines: Sequence[Line]
    makers: Sequence[tuple[str, str]]
    attempts: Sequence[AttemptShown]
    discrepancies: Sequence[Differing]
    chain: Chain
    requester: str


def story_of(payout: Payout, may: May) -> Story:
    """Put the story together for somebody with these rights, who may see the payout and what the
    staff says of it."""
    entries = timeline(payout)
    events = [each.event for each in reversed(entries)]
    approvals = with_statements(with_names(approvals_of(payout), entries), entries)
    attempts = list(payout.attempts.order_by("generation"))
    sees_sides = may(DIFFERENCES)
    lines = [
        *(line_of(each.event, each.title, each.moved, each.data) for each in entries),
        *(of_effective(payout)),
        *(of_webhooks(attempt.order_id for attempt in attempts) if may(WEBHOOKS) else ()),
    ]
    add_decisions(lines, approvals)
    add_proposers(lines, events)
    if may(JOURNAL):
        add_postings(lines, payout.entries.prefetch_related("postings").order_by("pk"))
    add_notes(lines, payout.notes.select_related("author").order_by("pk"))
    latest = next((each for each in attempts if each.generation == payout.generation), None)
    tense = tense_of(payout, latest)
    makers = payout.makers.select_related("person").order_by("pk")
    return Story(
        payout=payout,
        asked=asked(payout, [each.event for each in entries]),
        lines=sorted(lines, key=lambda line: (line.at, line.place)),
        makers=[(who, str(maker.get_role_display())) for who, maker in with_names(makers, entries)],
        attempts=[
            described(each, tense if each is latest else tense_of_try(each)) for each in attempts
        ],
        discrepancies=[differing(each, sees_sides) for each in discrepancies_of(payout)],
        chain=verified(payout, events),
        requester=known_as(payout.requested_by, first_logins(entries).get(payout.requested_by_id)),
    )


def verified(payout: Payout, events: Sequence[PayoutEvent]) -> Chain:
    broken = chain.first_broken(events)
    last = events[-1].number if events else 0
    return Chain(len(events), broken.number if broken else None, last != payout.last_event)


def asked(payout: Payout, events: Iterable[PayoutEvent]) -> Facts:
    """Return the terms of the request, from the row and what each edit, the newest first, says of
    before."""
    terms = details.content(payout)
    for event in events:
        if event.event_type == EventType.EDIT:
            details.with_what_came_of_it(event.facts, terms)
    return [(_("Client"), str(payout.client)), *details.in_words(terms).items()]


# Lines


def zoned(at: datetime) -> str:
    """Write a time to the second with its zone, as it is put on paper."""
    return date_format(localtime(at), "j M Y, H:i:s T")


def line_of(event: PayoutEvent, title: str, moved: str, data: Mapping[str, str]) -> Line:
    return Line(
        at=event.at,
        title=title,
        who=who_of(event),
        way=str(event.get_channel_display()),
        place=event.number,
        moved=moved,
        why=event.why.sentence,
        facts=list(data.items()),
        number=event.number,
        hash=event.hash,
    )


def who_of(event: Any) -> str:
    who: str = event.who
    return (
        who
        if event.api_key_id is None
        else _("%(who)s, key %(key)d") % {"who": who, "key": event.api_key_id}
    )


def beside(lines: Iterable[Line], title: str, who: str) -> Line | None:
    """Return the sealed line of what this person did, if there is one."""
    return next((each for each in lines if each.title == title and each.who == who), None)


def unsealed_decision(approval: Approval, who: str) -> Line:
    title = _("A decision without its sealed event: %s") % approval.get_decision_display()
    return Line(approval.decided_at, title, who, "")


def approvals_of(payout: Payout) -> Any:
    found = payout.approvals.select_related("person", "statement").defer("statement__body")
    return found.order_by("decided_at", "pk")


def add_decisions(
    lines: list[Line], approvals: Sequence[tuple[str, Approval, Stated | None]]
) -> None:
    """Say of each decision on which statement it was made, and whether it counts still."""
    by_moment = defaultdict(list)
    for line in lines:
        by_moment[line.at].append(line)
    titles = {
        Approval.Decision.APPROVED: str(EventType.APPROVE.label),
        Approval.Decision.REJECTED: str(EventType.REJECT.label),
    }
    for who, approval, stated in approvals:
        decision = Approval.Decision(approval.decision)
        sealed = beside(by_moment[approval.decided_at], titles[decision], who)
        line = sealed or unsealed_decision(approval, who)
        if not sealed:
            lines.append(line)
        known = {name for name, _value in line.facts}
        line.facts += [each for each in in_words(approval, stated) if each[0] not in known]
        if approval.voided_at:
            words = _("The approval of %s counts no more") % who
            lines.append(
                Line(approval.voided_at, words, "", "", place=9_999, why=approval.why_void)
            )


def in_words(approval: Approval, stated: Stated | None) -> list[tuple[str, str]]:
    facts = [(str(details.LABELS["policy"]), str(approval.policy_version))]
    if approval.expires_at:
        facts.append((_("Expires"), zoned(approval.expires_at)))
    if approval.statement and stated:
        together = "; ".join(
            f"{count} × {coin}: {format_amount(amount)}"
            for coin, (amount, count) in stated.sums.items()
        )
        facts.append((_("Approved together"), together))
    elif approval.statement:
        facts.append((_("Its statement"), _("Its bytes are not what was sealed.")))
    return facts


def of_effective(payout: Payout) -> Iterable[Line]:
    if payout.effective_at:
        paid = payout.effective_amount
        facts = [] if paid is None else [(_("Amount"), after_all(payout))]
        title = _("Counts from here on as: %s") % payout.get_effective_display()
        yield Line(payout.effective_at, title, "", "", place=9_998, facts=facts)


def after_all(payout: Payout) -> str:
    amount = format_amount(payout.effective_amount or payout.amount)
    return f"{amount} {payout.effective_currency or payout.currency}"


def discrepancies_of(payout: Payout) -> Any:
    people = ("owner", "closed_by", "proposed_by")
    return payout.discrepancies.select_related(*people).order_by("opened_at", "pk")


def differing(found: Discrepancy, sees_sides: bool) -> Differing:
    sides = [(_("The desk has"), found.ours), (_("Heleket has"), found.theirs)]
    owner = found.owner.get_username() if found.owner else _("nobody")
    facts = [
        (_("Owner"), owner),
        (_("First seen"), zoned(found.first_seen_at)),
        (_("Opened"), zoned(found.opened_at)),
        *((name, in_line(side)) for name, side in sides if side and sees_sides),
    ]
    if found.closed_at:
        names = [each.get_username() for each in (found.proposed_by, found.closed_by) if each]
        facts += [
            (_("Ended"), zoned(found.closed_at)),
            (_("Outcome"), str(found.get_outcome_display())),
            (_("By"), _(" and ").join(names)),
            (_("Why"), found.close_reason),
        ]
    else:
        facts.append((_("Outcome"), _("none yet: it is open")))
    return Differing(str(found.get_kind_display()), facts)


def in_line(facts: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in facts.items())


def add_proposers(lines: Iterable[Line], events: Iterable[PayoutEvent]) -> None:
    """Name who proposed the end that another person confirmed."""
    proposers: dict[str, str] = {}
    closings = {each.number: each for each in lines if each.number}
    for event in events:
        if event.event_type == EventType.PROPOSE_END:
            proposers[str(event.person_id)] = who_of(event)
        if who := proposers.get(event.facts.get("proposed_by", "")):
            closings[event.number].facts.append((_("Proposed by"), who))


def add_postings(lines: Iterable[Line], entries: Iterable[Entry]) -> None:
    """Say what each event moved in the journal, for which day and in which month."""
    by_number = {each.number: each for each in lines if each.number}
    for entry in entries:
        if line := by_number.get(entry.event_number):
            words = {
                "postings": "; ".join(map(posting_in_words, entry.postings.all())),
                "day": date_format(entry.effective_on, "j M Y"),
                "month": f"{entry.month:%Y-%m}",
            }
            said = _("%(postings)s (day %(day)s, month %(month)s)") % words
            line.facts.append((_("In the journal"), said))


def posting_in_words(posting: Posting) -> str:
    amount = f"{format_amount(posting.amount)} {posting.currency}"
    return f"{posting.get_side_display()} {posting.account} {amount}"


def of_webhooks(order_ids: Iterable[str]) -> Iterable[Line]:
    """Yield what Heleket sent by itself: a hint that was asked about, never a fact."""
    deliveries = WebhookDelivery.objects.filter(order_id__in=list(order_ids))
    for each in deliveries.order_by("pk"):
        facts = [(_("Order id"), each.order_id), (_("SHA-256"), each.digest)]
        if each.repeated_at:
            again = _("%(count)d times, last %(at)s")
            words = {"count": each.count, "at": zoned(each.repeated_at)}
            facts.append((_("Came"), again % words))
        yield Line(each.received_at, _("Webhook"), "Heleket", _("webhook"), 9_995, facts=facts)


def add_notes(lines: list[Line], notes: Iterable[Note]) -> None:
    """Say what people wrote and added. The words are not sealed, the hash of a document is."""
    title = str(EventType.ADD_DOCUMENT.label)
    sealed = {value: line for line in lines if line.title == title for _name, value in line.facts}
    for note in notes:
        line = sealed.get(note.sha256) if note.sha256 else None
        if line is None:
            what = _("Document, without its sealed event") if note.sha256 else _("Note")
            line = Line(note.written_at, what, str(note.author), "", place=9_994)
            lines.append(line)
            if note.sha256:
                line.facts.append((_("SHA-256"), note.sha256))
        named = [(_("File"), note.file_name), (_("Link"), note.link)]
        line.facts += [each for each in named if each[1]]
        line.why = line.why or note.text


# As data, for a file beside the page


def as_data(story: Story) -> dict[str, Any]:
    """Return the story as JSON has it: times with their zone, amounts as text, events as sealed."""
    payout = story.payout
    return {
        "payout": str(payout),
        "id": str(payout.pk),
        "status": payout.status,
        "effective": payout.effective,
        "client": payout.client.external_id,
        "amount": format_amount(payout.amount),
        "currency": payout.currency,
        "network": payout.network,
        "address": payout.address,
        "memo": payout.memo,
        "asked": dict(story.asked),
        "chain": {"events": story.chain.count, "holds": story.chain.holds},
        "makers": [{"who": who, "what": what} for who, what in story.makers],
        "tries": [as_try(each) for each in story.attempts],
        "discrepancies": [
            {"kind": each.kind, "facts": [list(fact) for fact in each.facts]}
            for each in story.discrepancies
        ],
        "story": [as_line(each) for each in story.lines],
    }


def as_line(line: Line) -> dict[str, Any]:
    said = {
        "at": line.at.isoformat(),
        "what": line.title,
        "who": line.who,
        "way": line.way,
        "moved": line.moved,
        "why": line.why,
        "facts": [list(each) for each in line.facts],
        "event": line.number,
        "hash": line.hash,
    }
    return {name: value for name, value in said.items() if value not in ("", None, [])}


def as_try(shown: AttemptShown) -> dict[str, Any]:
    attempt = shown.attempt
    return {
        "order_id": attempt.order_id,
        "calls": attempt.calls,
        "unanswered": attempt.unanswered,
        "sent": attempt.body,
        "refusal": attempt.refusal,
        "facts": [
            {"name": str(name), "value": str(value), "from": origin}
            for name, value, origin in shown.facts
        ],
        "answered_at": attempt.answered_at and attempt.answered_at.isoformat(),
        "answer": attempt.answer,
    }
