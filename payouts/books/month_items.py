"""What lies in the file of a month: for each item its records, one after the other.

An auditor reads them without the desk: `verify_month.py` says what must hold of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from django.db.models import Exists, Model, OuterRef, QuerySet, Subquery

import heleket
from audit.chain import stamp
from audit.refusals import Refused
from audit.verifying import CHUNK
from payouts.admin.export_cells import PAYOUT_HEAD, payouts_in_cells
from payouts.admin.exports import lines
from payouts.books.codes import BooksCode
from payouts.books.logs import within
from payouts.controls.models import PolicyVersion
from payouts.days import begins_at, day_of, ends_at, last_day
from payouts.models import (
    Approval,
    Entry,
    EventType,
    Payout,
    PayoutEvent,
    Posting,
    Statement,
)
from payouts.reconciliation.days import FAILED, OPEN, PAID, group_of
from payouts.reconciliation.models import BaselineRow, DaySum
from wallets.amounts import format_amount
from wallets.models import WalletEvent

Records = Iterator[Any]
Cut = Mapping[str, Any]  # of one table: the ids `after` which it begins and that is its `last`

AT_ONCE = 500


# Where each chain stood when the month began: its own events go on from there

CHAINS: Mapping[str, tuple[type[Model], str]] = {
    "payouts": (PayoutEvent, "payout_id"),
    "wallets": (WalletEvent, "wallet_id"),
}


def heads(name: str, upto: int) -> Records:
    """Yield the number and hash of each chain's last event up to an id."""
    model, owner = CHAINS[name]
    rows: QuerySet[Any] = QuerySet(model)
    found = rows.filter(pk__lte=upto).order_by(owner, "number")
    links: Iterator[Any] = found.values_list(owner, "number", "hash").iterator(chunk_size=CHUNK)
    for row, some in groupby(links, itemgetter(0)):
        *_before, (_row, number, sealed) = some
        yield [row if isinstance(row, int) else str(row), number, sealed]


# Approvals, by the events that seal them, and their statements


def approvals(cut: Cut) -> Records:
    for event, approval in approved(cut):
        yield {
            "event": event.pk,
            "payout": str(event.payout_id),
            "person": event.person_id,
            "login": event.login or "",
            "decided_at": stamp(event.at),
            "digest": approval.digest,
            "policy": approval.policy_version,
            "statement": event.facts["statement"],
            "expires_at": stamp(approval.expires_at) if approval.expires_at else None,
        }


def approved(cut: Cut) -> Iterator[tuple[PayoutEvent, Approval]]:
    """Yield each event by which a person approved with a statement, and what they approved."""
    found = within(PayoutEvent, cut["after"], cut["last"])
    found = found.filter(event_type=EventType.APPROVE, person__isnull=False)
    rows = found.iterator(chunk_size=CHUNK)
    while some := list(islice(rows, AT_ONCE)):
        decided = {
            (each.payout_id, each.person_id, each.decided_at): each
            for each in Approval.objects.filter(payout__in={event.payout_id for event in some})
        }
        for event in some:
            if "statement" not in event.facts:
                continue
            approval = decided.get((event.payout_id, event.person_id, event.at))
            if approval is None:
                raise Refused(BooksCode.RECORDS_DAMAGED, where=f"{PayoutEvent.__name__} {event.pk}")
            yield event, approval


def statements(cut: Cut) -> Records:
    """Each once; the ids of those that were written are kept, which are numbers alone."""
    written: set[int] = set()
    rows = approved(cut)
    while some := list(islice(rows, AT_ONCE)):
        new = {approval.statement_id for _event, approval in some if approval.statement_id}
        for each in Statement.objects.filter(pk__in=new - written).order_by("pk"):
            yield statement(each)
        written |= new


def statement(found: Statement) -> dict[str, Any]:
    try:
        body = bytes(found.body).decode()
    except ValueError as exc:
        where = f"{Statement.__name__} {found.pk}"
        raise Refused(BooksCode.RECORDS_DAMAGED, where=where) from exc
    return {
        "sha256": found.sha256,
        "body": body,
        "signature": bytes(found.signature).hex() if found.signature else None,
        "key_id": found.key_id,
    }


def policies(cut: Cut) -> Records:
    """The version that was in force when the month began, and each that came in force in it."""
    first = PolicyVersion.objects.filter(pk__lte=cut["after"]).order_by("-number").first()
    number = first.number if first else 0
    found = PolicyVersion.objects.filter(pk__lte=cut["last"], number__gte=number)
    for each in found.order_by("number"):
        yield {"fields": each.fields(), "digest": each.digest, "hash": each.hash}


# Heleket's list, and its sums

KINDS = (PAID, OPEN, FAILED)
Sums = dict[tuple[date, str], dict[str, tuple[int, Decimal]]]  # by day and coin, then by kind


class HeleketList:
    """Heleket's list of a month, fetched now. What it comes to by day and coin is known once its
    rows are read; those that Heleket had before the desk do not count."""

    def __init__(self, month: date, client: heleket.HeleketClient) -> None:
        self.month, self.client = month, client
        self.sums: Sums = defaultdict(lambda: dict.fromkeys(KINDS, (0, Decimal(0))))

    def rows(self) -> Records:
        odd: list[str] = []
        listed = self.client.list_payouts(
            date_from=begins_at(self.month),
            date_to=ends_at(last_day(self.month)),
            on_odd=odd.append,
        )
        while some := list(islice(listed, AT_ONCE)):
            earlier = before_the_desk([each.uuid for each in some])
            for each in some:
                day = day_of(each.created_at) if each.created_at else None
                if day is None or self.month <= day <= last_day(self.month):
                    counts = self.count(each, day) if each.uuid not in earlier else False
                    yield listed_row(each) | {"day": str(day or ""), "counts": counts}
        for sentence in odd:
            yield {"odd": sentence}

    def count(self, each: heleket.RemotePayout, day: date | None) -> bool:
        if day is None or each.amount is None or each.currency is None:
            return False
        of, kind = self.sums[day, each.currency], kind_of(each)
        of[kind] = (of[kind][0] + 1, of[kind][1] + each.amount)
        return True

    def days(self) -> Records:
        for (day, currency), of in sorted(self.sums.items()):
            row: dict[str, Any] = {"day": str(day), "currency": currency}
            for kind, (count, total) in of.items():
                row |= {f"{kind}_count": count, f"{kind}_sum": format_amount(total)}
            yield row

    def compare(self) -> None:
        """Raise Refused unless it comes to what the days of this month were compared by."""
        compared: Sums = {}
        for each in DaySum.objects.filter(day__day__range=(self.month, last_day(self.month))):
            of = {
                kind: (getattr(each, f"{kind}_count"), getattr(each, f"{kind}_sum"))
                for kind in KINDS
            }
            if any(count for count, _sum in of.values()):
                compared[each.day_id, each.currency] = of
        for key in sorted({*compared, *self.sums}):
            if compared.get(key) != self.sums.get(key):
                raise Refused(BooksCode.LIST_DIFFERS, day=key[0], currency=key[1])


def listed_row(each: heleket.RemotePayout) -> dict[str, Any]:
    return {
        "uuid": each.uuid,
        "order_id": each.order_id,
        "status": each.status,
        "is_final": each.is_final,
        "kind": kind_of(each),
        "amount": text_of(each.amount),
        "currency": each.currency,
        "network": each.network,
        "address": each.address,
        "txid": each.txid,
        "merchant_amount": text_of(each.merchant_amount),
        "created_at": stamp(each.created_at) if each.created_at else None,
        "updated_at": stamp(each.updated_at) if each.updated_at else None,
    }


def kind_of(each: heleket.RemotePayout) -> str:
    return group_of(each.status, is_final=each.is_final)


def text_of(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def before_the_desk(uuids: Sequence[str]) -> set[str]:
    """Return those that Heleket had before the database was bound to the account."""
    rows = BaselineRow.objects.filter(uuid__in=uuids)
    return set(rows.values_list("uuid", flat=True))


# The journal


def entries(cut: Cut) -> Records:
    rows = within(Entry, cut["after"], cut["last"]).prefetch_related("postings")
    for entry in rows.iterator(chunk_size=AT_ONCE):
        postings = sorted(entry.postings.all(), key=lambda each: each.pk)
        yield {
            "entry": entry.pk,
            "payout": str(entry.payout_id),
            "event": entry.event_number,
            "kind": entry.kind,
            "at": stamp(entry.at),
            "effective_on": str(entry.effective_on),
            "month": f"{entry.month:%Y-%m}",
            "names_month": f"{entry.names_month:%Y-%m}" if entry.names_month else None,
            "postings": [posting(each) for each in postings],
        }


def posting(each: Posting) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "account": each.account,
        "cost_centre": each.cost_centre,
        "side": each.side,
        "amount": format_amount(each.amount),
        "currency": each.currency,
    }


# Tables for people


def payouts_table(cut: Cut) -> Iterator[str]:
    """What happened to in this month, as it stands when the file is made, and with the status that
    its last event in the month left it with."""
    own = PayoutEvent.objects.filter(payout=OuterRef("pk"), pk__lte=cut["last"])
    status = own.order_by("-number").values("to_status")[:1]
    found = Payout.objects.filter(Exists(own.filter(pk__gt=cut["after"])))
    found = found.annotate(then=Subquery(status))
    rows = found.select_related("client", "requested_by").order_by("number")
    numbered = rows.iterator(chunk_size=AT_ONCE)
    return lines(["Status when the month ended", *PAYOUT_HEAD], tables(numbered))


def tables(rows: Iterator[Any]) -> Iterator[Iterable[Sequence[object]]]:
    while some := list(islice(rows, AT_ONCE)):
        cells = zip(some, payouts_in_cells(some), strict=True)
        yield [[each.then, *of] for each, of in cells]


POSTING_HEAD = ["Entry", "Payout", "Event", "Day", "Month", "Account", "Cost centre", "Side"]
POSTING_HEAD += ["Amount", "Currency"]


def postings_table(cut: Cut) -> Iterator[str]:
    return lines(POSTING_HEAD, ([row] for row in posting_rows(cut)))


def posting_rows(cut: Cut) -> Iterator[Sequence[object]]:
    for entry in entries(cut):
        about = [entry[name] for name in ("entry", "payout", "event", "effective_on", "month")]
        for each in entry["postings"]:
            yield [
                *about,
                each["account"],
                each["cost_centre"],
                each["side"],
                each["amount"],
                each["currency"],
            ]
