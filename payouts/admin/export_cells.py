"""What stands in the files that people take home: a line for each payout, or for each decision."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from audit.models import known_as
from payouts.effective import telling_try
from payouts.models import Approval, Attempt, EventType, Payout, PayoutEvent
from wallets.amounts import format_amount

Cells = Iterable[Sequence[object]]

# Payouts

PAYOUT_HEAD = [
    *("Payout", "Status", "Counts as paid", "Amount", "Currency", "Network", "Address", "Memo"),
    *("After all", "Amount after all", "Currency after all"),
    *("Client", "Client name", "Purpose", "Category", "Reference", "Origin"),
    *("Pay from", "Requested", "Requested by"),
    *("Approved", "Approved by", "Sent", "Finished", "Reason", "Transaction", "Fee"),
    *("Heleket id", "Order id", "Payout id", "Idempotency key"),
]


def payouts_in_cells(payouts: Sequence[Payout]) -> Cells:
    ids = [payout.pk for payout in payouts]
    tries, approvers = attempts_of(ids), approvers_of(ids)
    return [
        in_cells(each, decisive_try(each, tries[each.pk]), approvers[each.pk]) for each in payouts
    ]


def decisive_try(payout: Payout, attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the try whose transaction, fee and ids tell what became of a payout."""
    return telling_try(payout, attempts) or next(reversed(attempts), None)


def attempts_of(ids: Sequence[UUID]) -> Mapping[UUID, list[Attempt]]:
    """Return each payout's tries, without their long bodies and answers."""
    needed = ("payout_id", "generation", "taken_for", "txid", "commission", "uuid", "order_id")
    tries = defaultdict(list)
    for each in Attempt.objects.filter(payout__in=ids).order_by("generation").only(*needed):
        tries[each.payout_id].append(each)
    return tries


def approvers_of(ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    standing = Approval.objects.filter(payout__in=ids, voided_at=None)
    approved = standing.filter(decision=Approval.Decision.APPROVED).order_by("decided_at", "pk")
    logins = defaultdict(list)
    for payout, login in approved.values_list("payout", "person__username"):
        logins[payout].append(login)
    return logins


def in_cells(payout: Payout, attempt: Attempt | None, approvers: list[str]) -> Sequence[object]:
    requester = payout.requested_by.get_username() if payout.requested_by else ""
    fee = attempt.commission if attempt else None
    after_all = payout.effective_amount
    return [
        payout,
        payout.get_status_display(),
        _("yes") if payout.counts_as_paid else _("no"),
        *(format_amount(payout.amount), payout.currency),
        *(payout.network, payout.address, payout.memo),
        payout.get_effective_display() if payout.effective else "",
        *("" if after_all is None else format_amount(after_all), payout.effective_currency),
        *(payout.client.external_id, payout.client.name),
        *(payout.purpose, payout.category, payout.reference, payout.get_origin_display()),
        payout.pay_from,
        *(payout.requested_at, requester, payout.approved_at, ", ".join(approvers)),
        *(payout.submitted_at, payout.finished_at, payout.why.sentence),
        *(attempt and attempt.txid, "" if fee is None else format_amount(fee)),
        *(attempt and attempt.uuid, attempt and attempt.order_id),
        *(payout.pk, payout.idempotency_key),
    ]


# Who approved what

EDITED = ("money", "network", "address")  # what an edit tells of the content before it
APPROVAL_HEAD = [
    *("Decided", "By", "Decision", "Void since", "Why void", "Payout", "Amount", "Currency"),
    *("Network", "Address", "Memo", "Changed afterwards", "Client", "Client name"),
    *("Purpose now", "Requested by", "Status now", "Payout id", "Digest"),
    *("Expires", "Statement"),
]


def approvals_in_cells(approvals: Sequence[Approval]) -> Cells:
    events = defaultdict(list)
    types = [EventType.APPROVE, EventType.REJECT, EventType.EDIT]
    about = PayoutEvent.objects.filter(payout__in={each.payout_id for each in approvals})
    for event in about.filter(event_type__in=types).order_by("number"):
        events[event.payout_id].append(event)
    return [approval_in_cells(each, events[each.payout_id]) for each in approvals]


def approval_in_cells(approval: Approval, events: Sequence[PayoutEvent]) -> Sequence[object]:
    """What was decided, as it was at that time: an edit afterwards says what it had been before."""
    moment = (approval.person_id, approval.decided_at)
    decision = next((each for each in events if (each.person_id, each.at) == moment), None)
    edits = (each for each in events if each.event_type == EventType.EDIT)
    edit = next((each for each in edits if each.at > approval.decided_at), None)
    payout = approval.payout
    money, network, address, memo = payout.money, payout.network, payout.address, payout.memo
    if edit:
        money, network, address = (edit.facts[f"old_{name}"] for name in EDITED)
        memo = "?" if network == "ton" else ""  # only TON has memos, and no edit says what it was
    amount, _blank, currency = money.partition(" ")
    requester = payout.requested_by.get_username() if payout.requested_by else ""
    return [
        approval.decided_at,
        known_as(approval.person, decision.login if decision else None),
        approval.get_decision_display(),
        *(approval.voided_at, approval.why_void if approval.voided_at else ""),
        *(payout, amount, currency, network, address, memo),
        _("yes") if edit else _("no"),
        *(payout.client.external_id, payout.client.name, payout.purpose),
        *(requester, payout.get_status_display(), payout.pk, approval.digest),
        *(approval.expires_at, approval.statement and approval.statement.sha256),
    ]
