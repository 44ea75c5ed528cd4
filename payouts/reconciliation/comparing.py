"""Comparing rows of Heleket's list with our tries. It asks nobody and writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

import heleket
from heleket.answers import read_payout
from payouts.models import FINAL_FAILURES, Attempt, Effective, Payout, PayoutStatus
from payouts.reconciliation.listing import Span
from wallets.addresses import canonical

CHUNK = 500  # ids in one statement
UNDER_WAY = (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)
COLUMNS = (
    *("uuid", "pk", "remote_status", "is_final", "txid", "created_there_at"),
    *("generation", "of_payout"),
)
OF_PAYOUT = ("generation", "status", "effective", "currency", "network", "address", "amount")
BETWEEN = "|"  # none of these has it


class Ours(NamedTuple):
    """What the desk has of a try that Heleket gave an id."""

    uuid: str
    attempt_id: int
    remote_status: str
    is_final: bool
    txid: str
    created_there_at: datetime | None
    generation: int
    present_generation: str
    status: str
    effective: str
    currency: str
    network: str
    address: str
    amount_text: str  # as the database writes it, which on PostgreSQL is Heleket's way

    @property
    def amount(self) -> Decimal:
        return Decimal(self.amount_text)

    @property
    def is_present(self) -> bool:
        return str(self.generation) == self.present_generation

    @property
    def counts_as_paid(self) -> bool:
        if self.effective:
            return self.effective != Effective.NOT_PAID
        return self.status == PayoutStatus.CONFIRMED


def known_within(span: Span, merchant_id: str) -> dict[str, Ours]:
    """Return our tries that Heleket made within a span of its time, by its ids."""
    made = comparable().filter(
        created_there_at__gte=span.first,
        created_there_at__lt=span.end,
        merchant_id=merchant_id,
        uuid__isnull=False,
    )
    return by_uuid(made)


def known_by(uuids: Sequence[str]) -> dict[str, Ours]:
    found: dict[str, Ours] = {}
    for start in range(0, len(uuids), CHUNK):
        found |= by_uuid(comparable().filter(uuid__in=uuids[start : start + CHUNK]))
    return found


@cache
def comparable() -> QuerySet[Attempt, tuple[Any, ...]]:
    """Read what is compared. What is the payout's comes as one text from a subquery: for a join a
    database may read all payouts, and to make a number of each amount costs more than all else."""
    facts = (Cast(name, CharField()) for name in OF_PAYOUT)
    joined = [each for fact in facts for each in (fact, Value(BETWEEN))]
    payout = Payout.objects.filter(pk=OuterRef("payout_id"))
    text = payout.annotate(text=Concat(*joined[:-1], output_field=CharField())).values("text")
    return Attempt.objects.annotate(of_payout=Subquery(text)).values_list(*COLUMNS)


def not_placed(span: Span, merchant_id: str) -> Iterator[int]:
    """Yield tries that we made within a span, and of which no list has said when Heleket made
    them."""
    made = Attempt.objects.filter(
        created_there_at=None,
        created_at__gte=span.first,
        created_at__lt=span.end,
        merchant_id=merchant_id,
        uuid__isnull=False,
    )
    return made.values_list("pk", flat=True).iterator(chunk_size=2000)


def by_uuid(rows: Iterable[tuple[Any, ...]]) -> dict[str, Ours]:
    return {row[0]: Ours(*row[:-1], *row[-1].split(BETWEEN)) for row in rows}


def agrees(entry: dict[str, Any], ours: Ours) -> bool:
    """Whether an entry of the list, as it came, says of a try what we have of it.

    Equal texts need no reading; what is written otherwise is read and compared by its meaning.
    """
    return (
        entry.get("status") == ours.remote_status
        and entry.get("is_final") is ours.is_final
        and entry.get("address") == ours.address
        and entry.get("currency") == ours.currency
        and str(entry.get("network")).lower() == ours.network
        and entry.get("amount") == ours.amount_text
        and (entry.get("txid") or "") == ours.txid
        and ours.is_present
        and is_consistent(ours)
    ) or means_the_same(entry, ours)


def means_the_same(entry: dict[str, Any], ours: Ours) -> bool:
    remote = readable(entry)
    return remote is not None and not differing(remote, ours)


def is_consistent(ours: Ours) -> bool:
    """Whether our own payout has what Heleket's final word makes of it. An earlier try failed, or
    people have said what became of it."""
    if not ours.is_final or not ours.is_present:
        return True
    if ours.remote_status == "paid":
        return ours.counts_as_paid
    return ours.remote_status in FINAL_FAILURES and not ours.counts_as_paid


def differing(remote: heleket.RemotePayout, ours: Ours) -> list[str]:
    """Name what differs. What Heleket leaves out is no difference, nor another spelling, nor what
    passes by itself: a payout that has ended on neither side is asked about all the same."""
    theirs = spelled(remote)
    if not remote.is_final and not ours.is_final and ours.status in UNDER_WAY:
        theirs |= {"status": None, "txid": None}
    mine = {
        "status": ours.remote_status,
        "is_final": ours.is_final,
        "amount": ours.amount,
        "currency": ours.currency,
        "network": ours.network,
        "address": ours.address,
        "txid": ours.txid,
    }
    found = unlike(mine, theirs)
    return found if is_consistent(ours) else [*found, "our status"]


def contradicts(listed: heleket.RemotePayout, said: heleket.RemotePayout) -> bool:
    """Whether the list has a payout otherwise than Heleket's own answer about it, which came later:
    what had not ended by then may have ended since."""
    in_list = spelled(listed)
    if not listed.is_final:
        in_list |= dict.fromkeys(("status", "is_final", "txid"))
    return bool(unlike(in_list, spelled(said)))


def spelled(remote: heleket.RemotePayout) -> dict[str, Any]:
    """Return what is compared, as the desk spells it."""
    network = (remote.network or "").lower() or None
    address = remote.address and canonical(network or "", remote.address)
    return {
        "status": remote.status,
        "is_final": remote.is_final,
        "amount": remote.amount,
        "currency": remote.currency and remote.currency.upper(),
        "network": network,
        "address": address,
        "txid": remote.txid,
    }


def unlike(some: dict[str, Any], others: dict[str, Any]) -> list[str]:
    """Name what both have, and not the same."""
    return [
        name
        for name, value in some.items()
        if value is not None and others[name] is not None and value != others[name]
    ]


def readable(entry: Any) -> heleket.RemotePayout | None:
    try:
        return read_payout(entry)
    except ValueError:
        return None


def at_heleket(entry: dict[str, Any]) -> datetime | None:
    """Return when Heleket made it, if the entry says so."""
    try:
        at = datetime.fromisoformat(entry["created_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo else None
