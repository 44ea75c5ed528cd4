"""The journal of payouts: what each costs, owes, reserves and has sent, kept up with every change.

A payout's **position** follows from its status and `effective`. What is posted is what lies between
that and what stands in the journal, so that every arrow of the state machine has its postings, and
those back take away exactly what was posted, under the codes of that day.

Entries are stored with the change that causes them. Lock order: after payouts and before limits;
who closes a month takes the desk's chain, then `lock_months`, and waits for no payout after that.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils.translation import gettext as _

from audit import clock
from audit.database import advisory_lock
from audit.operations import Change
from payouts.accounts import Accounts
from payouts.days import day_of, next_month
from payouts.effective import is_elsewhere, terms, was_paid
from payouts.models import (
    AccountKind,
    Attempt,
    ClosedMonth,
    Effective,
    Entry,
    Payout,
    PayoutQuerySet,
    PayoutStatus,
    Posting,
    Side,
)
from payouts.models.journal import FEE
from wallets.amounts import Total, money

COST, OWED, RESERVED, SENT, FEES, LOST = AccountKind
GROW_BY_DEBIT = {COST, FEES, LOST}
MONTHS_LOCK = 0x6D6F6E7468  # "month"; the triggers take it, too
CHUNK = 1000
NUMBERS = """
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s))
SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM locked, generate_series(1, %s)
"""

# What is debited and credited with a payout's amount while it stands so. What an arrow posts lies
# between two of these.
POSITIONS: Mapping[str, tuple[AccountKind, AccountKind] | None] = {
    PayoutStatus.PENDING: None,
    PayoutStatus.HELD: None,
    PayoutStatus.APPROVED: (COST, OWED),
    PayoutStatus.SUBMITTING: (COST, RESERVED),
    PayoutStatus.BROADCAST: (COST, RESERVED),
    PayoutStatus.CONFIRMED: (COST, SENT),
    PayoutStatus.FAILED: None,
    PayoutStatus.REJECTED: None,
    PayoutStatus.CANCELLED: None,
}
AFTER_ALL: Mapping[str, tuple[AccountKind, AccountKind] | None] = {  # before the status
    Effective.PAID: (COST, SENT),
    Effective.NOT_PAID: None,
    Effective.ELSEWHERE: (LOST, SENT),
}

Row = Mapping[str, Any]  # a payout's columns by name
Position = dict[tuple[str, str], Decimal]  # by kind and coin: debits less credits
Codes = tuple[str, str]
Lines = dict[tuple[str, str, str, str], Decimal]  # by kind, account, cost centre and coin


@dataclass(frozen=True)
class Fee:
    """What Heleket took for a try that it has paid, and on which of its days it was made."""

    day: date | None = None
    sums: tuple[tuple[str, Decimal], ...] = ()  # by coin


NO_FEE = Fee()


# What stands


def accounts_of(row: Row) -> tuple[AccountKind, AccountKind] | None:
    return AFTER_ALL[row["effective"]] if row["effective"] else POSITIONS[row["status"]]


def has_left(row: Row) -> bool:
    """Whether Heleket has paid it: to its client, or elsewhere."""
    return (accounts_of(row) or ("", ""))[1] == SENT


def position(row: Row, fee: Fee = NO_FEE) -> Position:
    """Return what must stand in the journal of a payout with these columns."""
    found: Position = defaultdict(Decimal)
    if accounts := accounts_of(row):
        debit, credit = accounts
        currency, amount = row["currency"], row["amount"]
        if row["effective"]:
            currency, amount = row["effective_currency"] or currency, row["effective_amount"]
        found[debit, currency] += amount
        found[credit, currency] -= amount
        for coin, taken in fee.sums if credit == SENT else ():
            found[FEES, coin] += taken
            found[SENT, coin] -= taken
    return dict(found)


def fees_of(payouts: Iterable[Payout]) -> dict[UUID, Fee]:
    """Return the fees of payouts, by the tries that they stand by: one statement."""
    by_id = {each.pk: each for each in payouts}
    attempts: dict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(payout__in=by_id).order_by("generation"):
        attempts[attempt.payout_id].append(attempt)
    return {pk: fee_of(by_id[pk], tries) for pk, tries in attempts.items()}


def fee_of(payout: Payout, attempts: Sequence[Attempt]) -> Fee:
    """Precondition: attempts are in the order of their generations."""
    goes_elsewhere = payout.effective == Effective.ELSEWHERE
    counted = [
        each for each in attempts if was_paid(payout, each) and is_elsewhere(each) == goes_elsewhere
    ]
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in counted:
        amount, currency = terms(each)
        if fee := fee_named(each, amount):
            sums[currency] += fee
    days = [day_of(made_at(each)) for each in counted or attempts]
    return Fee(days[-1] if days else None, tuple(sums.items()))


def made_at(attempt: Attempt) -> datetime:
    """Return when Heleket made a payout of it: until its list says so, when we last called."""
    if attempt.created_there_at is None and attempt.lease_until is not None:
        return attempt.lease_until - timedelta(seconds=settings.LEASE_SECONDS)
    return attempt.created_there_at or attempt.created_at


def fee_named(attempt: Attempt, amount: Decimal) -> Decimal:
    """Return the fee of a try that paid so much, as far as Heleket has named it."""
    if attempt.commission is not None:
        return attempt.commission
    if attempt.merchant_amount is None:
        return Decimal(0)
    return max(attempt.merchant_amount - amount, Decimal(0))


def standing(ids: Collection[UUID]) -> dict[UUID, Lines]:
    """Return what was posted of each payout, debits less credits: one statement."""
    found: dict[UUID, Lines] = defaultdict(lambda: defaultdict(Decimal))
    names = ("entry__payout", "kind", "account", "cost_centre", "currency", "side")
    posted = Posting.objects.filter(entry__payout__in=list(ids)).values_list(*names)
    for pk, *line, side, amount in posted.annotate(Total("amount")).order_by():
        found[pk][tuple(line)] += amount if side == Side.DEBIT else -amount
    return found


def by_kind(lines: Lines) -> Position:
    found: Position = defaultdict(Decimal)
    for (kind, _account, _centre, currency), amount in lines.items():
        found[kind, currency] += amount
    return {key: amount for key, amount in found.items() if amount}


# Posting


def book(changes: Sequence[Change[Payout]], before: Sequence[Row]) -> None:
    """Post what changes of payouts come to, given their columns before.

    Nothing is read or written for arrows between positions that are the same, but what has left is
    looked at each time: its fee may have become known.
    """
    moved = [
        (each, was)
        for each, was in zip(changes, before, strict=True)
        if has_left(each.row.__dict__) or position(was) != position(each.row.__dict__)
    ]
    if not moved:
        return
    stood = [each.row.pk for each, was in moved if accounts_of(was)]
    left = [each.row for each, was in moved if has_left(was) or has_left(each.row.__dict__)]
    post(
        [each.row for each, _was in moved],
        {each.row.pk: each.events[-1].event_type if each.events else FEE for each, _was in moved},
        standing(stood) if stood else {},
        fees_of(left) if left else {},
    )


def post(
    payouts: Iterable[Payout],
    kinds: Mapping[UUID, str],
    stands: Mapping[UUID, Lines],
    fees: Mapping[UUID, Fee],
) -> None:
    """Add the entries that bring what stands to what must stand: a few statements for all."""
    wanted = {each.pk: position(each.__dict__, fees.get(each.pk, NO_FEE)) for each in payouts}
    moving = [each for each in payouts if by_kind(stands.get(each.pk, {})) != wanted[each.pk]]
    if not moving:
        return
    accounts, now = Accounts.now(), clock.now()
    numbers = next_numbers(len(moving))
    closed = set(ClosedMonth.objects.values_list("month", flat=True))
    entries, postings = [], []
    for payout, number in zip(moving, numbers, strict=True):
        day = fees.get(payout.pk, NO_FEE).day or day_of(now)
        month, named = month_of(day, closed)
        entries.append(
            Entry(
                id=number,
                payout=payout,
                event_number=payout.last_event,
                kind=kinds[payout.pk],
                at=now,
                effective_on=day,
                month=month,
                names_month=named,
            )
        )
        lines = difference(payout, stands.get(payout.pk, {}), wanted[payout.pk], accounts)
        postings += [line_of(number, *line, amount) for line, amount in lines.items()]
    Posting.objects.bulk_create(postings)
    Entry.objects.bulk_create(entries)


def difference(payout: Payout, stands: Lines, wanted: Position, accounts: Accounts) -> Lines:
    """Return the lines from what stands to what must stand. A sum that moves is taken back as it
    was posted and posted anew, as accounts may be others by now."""
    lines: Lines = defaultdict(Decimal)
    now = by_kind(stands)
    for line, amount in stands.items():
        if now.get((line[0], line[3])) != wanted.get((line[0], line[3])):
            lines[line] -= amount
    for (kind, currency), amount in wanted.items():
        if now.get((kind, currency)) != amount:
            account, centre = accounts.of(kind, currency, payout)
            lines[kind, account, centre, currency] += amount
    return {line: amount for line, amount in lines.items() if amount}


def line_of(
    number: int, kind: str, account: str, centre: str, currency: str, amount: Decimal
) -> Posting:
    return Posting(
        entry_id=number,
        kind=kind,
        account=account,
        cost_centre=centre,
        currency=currency,
        side=Side.DEBIT if amount > 0 else Side.CREDIT,
        amount=abs(amount),
    )


def month_of(day: date, closed: Collection[date]) -> tuple[date, date | None]:
    """Return the month to which a day posts, and its own where that is closed."""
    own = month = day.replace(day=1)
    while month in closed:
        month = next_month(month)
    return month, None if month == own else own


def next_numbers(count: int) -> Sequence[int]:
    """Take as many numbers of entries: their postings are stored first and name them. No month
    closes from here on until the transaction ends."""
    if connection.vendor != "postgresql":  # one writer at a time
        last = Entry.objects.aggregate(last=Max("pk"))["last"] or 0
        return range(last + 1, last + 1 + count)
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS, [MONTHS_LOCK, Entry._meta.db_table, count])
        return sorted(number for (number,) in cursor.fetchall())


def lock_months() -> None:
    """Keep others from posting until this transaction ends: what is read of a month after that
    stays so, and its row in `ClosedMonth` may be added."""
    advisory_lock(MONTHS_LOCK)


# Reading


def sums(payouts: Iterable[UUID] | PayoutQuerySet) -> dict[str, dict[str, Decimal]]:
    """Return by coin and kind what stands in the journal of payouts: what was sent with its fees,
    and each as a positive number where it is usual."""
    of = payouts if isinstance(payouts, PayoutQuerySet) else list(payouts)
    posted = Posting.objects.filter(entry__payout__in=of).values_list("currency", "kind", "side")
    found: dict[str, dict[str, Decimal]] = defaultdict(
        lambda: dict.fromkeys(AccountKind.values, Decimal(0))
    )
    for currency, kind, side, amount in posted.annotate(Total("amount")).order_by():
        grows = (side == Side.DEBIT) == (kind in GROW_BY_DEBIT)
        found[currency][kind] += amount if grows else -amount
    return dict(found)


def expected(payout: Payout) -> Position:
    """Return what must stand in the journal of a payout, by kind and coin: debits less credits."""
    return position(payout.__dict__, fees_of([payout]).get(payout.pk, NO_FEE))


def findings() -> Iterator[tuple[str, str]]:
    """Yield each payout of which the journal says something else than its status and `effective`,
    with a sentence: a few statements for each chunk, and memory for one."""
    last = 0
    while True:
        chunk = list(Payout.objects.filter(number__gt=last).order_by("number")[:CHUNK])
        if not chunk:
            return
        fees = fees_of(each for each in chunk if has_left(each.__dict__))
        stands = standing([each.pk for each in chunk])
        for each in chunk:
            wanted = position(each.__dict__, fees.get(each.pk, NO_FEE))
            if (found := by_kind(stands.get(each.pk, {}))) != wanted:
                yield (
                    str(each),
                    _("The journal has %(found)s, and should have %(wanted)s.")
                    % {
                        "found": in_words(found),
                        "wanted": in_words(wanted),
                    },
                )
        last = chunk[-1].number


def in_words(found: Position) -> str:
    said = [
        f"{AccountKind(kind).label}: {'-' if amount < 0 else ''}{money(abs(amount), currency)}"
        for (kind, currency), amount in sorted(found.items())
    ]
    return "; ".join(said) or _("nothing")
