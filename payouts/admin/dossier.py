"""Everything the page shows about one payout."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max
from django.utils.translation import gettext as _

from audit.actor import Channel
from audit.models import known_as
from payouts import linked, statements
from payouts.admin import costs, details, foreign
from payouts.admin.tenses import Tense, mark_of, tense_of, tense_of_try
from payouts.explain import explain
from payouts.models import Approval, Attempt, EventType, Payout, PayoutEvent, PayoutStatus
from payouts.models.choices import label_of
from payouts.statements import Stated
from payouts.states import States
from wallets.amounts import Total, format_amount

LATEST = 5
ANSWER_SHOWN = 4000


@dataclass(frozen=True)
class Entry:
    """One event of the timeline, in words."""

    event: PayoutEvent
    title: str
    data: dict[str, str]

    @property
    def moved(self) -> str:
        """From which status to which, if it moved."""
        event = self.event
        if event.from_status == event.to_status or not event.from_status:
            return ""
        names = dict(PayoutStatus.choices)
        return f"{names[PayoutStatus(event.from_status)]} → {names[PayoutStatus(event.to_status)]}"


@dataclass(frozen=True)
class AttemptShown:
    """One attempt, with Heleket's last answer laid out for reading."""

    attempt: Attempt
    answer: str
    facts: list[tuple[Any, Any, str]]


def dossier(payout: Payout, states: States) -> dict[str, Any]:
    """Gather the page, as a context for its template."""
    entries = timeline(payout)
    makers = payout.makers.select_related("person").order_by("pk")
    approvals = (
        payout.approvals.select_related("person", "statement")
        .defer("statement__body")
        .order_by("-decided_at", "-pk")
    )
    attempts = list(payout.attempts.order_by("-generation"))
    latest = next((a for a in attempts if a.generation == payout.generation), None)
    tense = tense_of(payout, latest)
    return {
        "payout": payout,
        "explanation": explain(payout, states),
        "estimate": costs.estimate(payout.network, payout.currency, payout.amount),
        "latest": latest,
        "tense": tense,
        "mark": mark_of(payout, latest),
        "outside": linked.outside(payout) if payout.is_linked else "",
        "lacks": linked.lacks_of(payout) if payout.is_linked else "",
        "same_there": foreign.same_there(payout),
        "requester": known_as(
            payout.requested_by, first_logins(entries).get(payout.requested_by_id)
        ),
        "makers": with_names(makers, entries),
        "approvals": with_statements(with_names(approvals, entries), entries),
        "attempts": [
            described(each, tense if each is latest else tense_of_try(each)) for each in attempts
        ],
        "timeline": entries,
        "discrepancies": payout.discrepancies.select_related("closed_by", "proposed_by").order_by(
            "-opened_at"
        ),
        **history(payout),
    }


def timeline(payout: Payout) -> list[Entry]:
    """Return its events, the newest first: an edit's with what it was before and became."""
    after = details.content(payout)
    entries = []
    for event in payout.events.select_related("person").order_by("-number"):
        facts = event.facts
        if event.event_type == EventType.EDIT:
            facts = details.with_what_came_of_it(facts, after)
        entries.append(Entry(event, label_of(event.event_type), details.in_words(facts)))
    return entries


def first_logins(entries: Sequence[Entry]) -> dict[int | None, str | None]:
    return {each.event.person_id: each.event.login for each in entries}  # the oldest comes last


def with_names(rows: Iterable[Any], entries: Sequence[Entry]) -> list[tuple[str, Any]]:
    """Name each person as the payout's events do: an approval by the login it was given under."""
    at_that_time: dict[Any, Any] = {
        (each.event.person_id, each.event.at): each.event.login for each in entries
    }
    at_first = first_logins(entries)

    def name(row: Any) -> str:
        moment = (row.person_id, getattr(row, "decided_at", None))
        return known_as(row.person, at_that_time.get(moment, at_first.get(row.person_id)))

    return [(name(row), row) for row in rows]


def with_statements(
    approvals: Sequence[tuple[str, Approval]], entries: Sequence[Entry]
) -> list[tuple[str, Approval, Stated | None]]:
    """Add what each approval's statement says: nothing, if it is not the one that was sealed."""
    sealed = {each.event.facts.get("statement") for each in entries}
    stated = statements.read_all(approval for _who, approval in approvals)
    said = {pk: each for pk, each in stated.items() if each.sha256 in sealed}
    return [(who, approval, said.get(approval.statement_id)) for who, approval in approvals]


def described(attempt: Attempt, tense: Tense) -> AttemptShown:
    answered = [
        ("uuid", _("Heleket's id"), attempt.uuid),
        ("remote_status", _("Heleket's status"), attempt.remote_status),
        ("is_final", _("Final word"), _("yes") if attempt.is_final else _("not yet")),
        ("txid", _("Transaction"), attempt.txid),
        ("commission", tense.fee, plain(attempt.commission)),
        ("merchant_amount", tense.leaves, plain(attempt.merchant_amount)),
        ("payer_amount", tense.paid_out, plain(attempt.payer_amount)),
        ("payer_currency", tense.paid_out_in, attempt.payer_currency),
    ]
    sources = dict(Channel.choices)
    facts = [
        (label, value, str(sources.get(attempt.sources.get(name), "")))
        for name, label, value in answered
        if value
    ]
    return AttemptShown(attempt, pretty(attempt.answer), facts)


def plain(amount: Decimal | None) -> str:
    return "" if amount is None else format_amount(amount)


def pretty(answer: str) -> str:
    with suppress(ValueError):  # a page of HTML, or cut: shown as it came
        answer = json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
    return answer if len(answer) <= ANSWER_SHOWN else answer[:ANSWER_SHOWN] + " …"


def history(payout: Payout) -> dict[str, Any]:
    """What this client was paid before, and whether this address is known."""
    others = Payout.objects.for_client(payout.client).exclude(pk=payout.pk)
    paid = others.received()
    sums = paid.values(coin=F("received_currency"))
    sums = sums.annotate(total=Total("received_amount"), count=Count("pk"))
    same_address = paid.filter(network=payout.network, address=payout.address)
    return {
        "others": others.order_by("-number")[:LATEST],
        "sums": sums.order_by("coin"),
        "shared_with": also_paid_there(payout),
        "address_use": same_address.aggregate(count=Count("pk"), last=Max("finished_at")),
    }


def also_paid_there(payout: Payout) -> list[str]:
    """Name other clients who were to be paid at this address."""
    there = Payout.objects.filter(address=payout.address, network=payout.network)
    others = there.exclude(client=payout.client).order_by("client__name")
    return list(others.values_list("client__name", flat=True).distinct()[:LATEST])
