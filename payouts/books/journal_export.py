"""The journal as files: plain text for hledger and tools like it, and CSV.

Entries are read some at a time, so that a year needs no more memory than a day.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from payouts.admin.export_cells import Cells
from payouts.admin.exports import batches, lines
from payouts.admin.taken import Tally
from payouts.models import Entry, Posting, Side
from wallets.amounts import format_amount

HEAD = [
    *("Entry", "Written", "Day", "Month", "Closed month of its day"),
    *("Payout", "Event", "What", "Kind of account", "Account", "Cost centre"),
    *("Debit", "Credit", "Currency", "Client", "Payout id"),
]
INDENT = "    "


class Format(models.TextChoices):
    HLEDGER = "hledger", gettext_lazy("Plain text journal (hledger)")
    CSV = "csv", gettext_lazy("CSV")


@dataclass(frozen=True)
class Span:
    """What a file holds: the entries that count in a month, or those of some days, by their day."""

    month: date | None = None
    first: date | None = None
    last: date | None = None

    @property
    def named(self) -> dict[str, str]:
        """Say in an event which entries they were."""
        if self.month:
            return {"month": month_name(self.month)}
        return {"first": str(self.first), "last": str(self.last)}

    @property
    def entries(self) -> QuerySet[Entry]:
        if self.month:
            return Entry.objects.filter(month=self.month)
        return Entry.objects.filter(effective_on__range=(self.first, self.last))

    @property
    def order(self) -> list[str]:
        return ["pk"] if self.month else ["effective_on", "pk"]

    def batches(self, tally: Tally) -> Iterator[list[Entry]]:
        """Yield entries with their postings; the tally counts the debits, which credits equal."""
        related = self.entries.select_related("payout__client")
        for batch in batches(related.prefetch_related("postings"), self.order):
            for posting in (each for entry in batch for each in entry.postings.all()):
                if posting.side == Side.DEBIT:
                    tally.add(posting.currency, posting.amount)
            yield batch


def written(span: Span, file_format: str, tally: Tally) -> Iterator[str]:
    return as_csv(span, tally) if file_format == Format.CSV else as_hledger(span, tally)


# hledger


def as_hledger(span: Span, tally: Tally) -> Iterator[str]:
    """Yield a journal that `hledger check --strict` reads: what it names is declared before."""
    yield "decimal-mark .\n"
    named = Posting.objects.filter(entry__in=span.entries).order_by()
    for currency in sorted(set(named.values_list("currency", flat=True).distinct())):
        yield f'commodity 1000.00000000 "{currency}"\n'
    for account in sorted(set(named.values_list("account", flat=True).distinct())):
        yield f"account {account}\n"
    for batch in span.batches(tally):
        yield "".join(map(transaction, batch))


def transaction(entry: Entry) -> str:
    """Write an entry under the day that it counts on: one whose own month is closed counts on the
    first of its month, and names its day."""
    day = entry.month if entry.names_month else entry.effective_on
    tags = f"payout:{entry.payout}, event:{entry.event_number}, day:{entry.effective_on}"
    head = f"\n{day} ({entry.pk}) {entry.payout} {plain_text(entry.title)}  ; {tags}\n"
    return head + "".join(map(posting_line, in_order(entry)))


def posting_line(posting: Posting) -> str:
    sign = "" if posting.side == Side.DEBIT else "-"
    amount = f'{sign}{posting.amount:f} "{posting.currency}"'
    tags = f"kind:{posting.kind}"
    if posting.cost_centre:
        tags += f", cost_centre:{posting.cost_centre}"
    return f"{INDENT}{posting.account}  {amount}  ; {tags}\n"


def plain_text(text: str) -> str:
    """Leave out what begins a comment, or parts payee and note."""
    return re.sub(r"[;|\s]+", " ", text)


def in_order(entry: Entry) -> Sequence[Posting]:
    return sorted(entry.postings.all(), key=lambda each: each.pk)


# CSV


def as_csv(span: Span, tally: Tally) -> Iterator[str]:
    return lines(HEAD, map(in_cells, span.batches(tally)))


def in_cells(entries: Sequence[Entry]) -> Cells:
    return [cells_of(entry, posting) for entry in entries for posting in in_order(entry)]


def cells_of(entry: Entry, posting: Posting) -> Sequence[object]:
    amount = format_amount(posting.amount)
    payout = entry.payout
    return [
        *(entry.pk, entry.at, entry.effective_on, month_name(entry.month)),
        month_name(entry.names_month),
        *(payout, entry.event_number, entry.title),
        *(posting.get_kind_display(), posting.account, posting.cost_centre),
        *((amount, "") if posting.side == Side.DEBIT else ("", amount)),
        *(posting.currency, payout.client.external_id, payout.pk),
    ]


def month_name(month: date | None) -> str:
    return f"{month:%Y-%m}" if month else ""
