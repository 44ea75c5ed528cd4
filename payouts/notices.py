"""What people should know of payouts before they decide, found for many in a few statements."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from audit import clock
from audit.codes import Code, register
from audit.texts import day_and_hour
from payouts.controls.flags import Flag
from payouts.discrepancies import are_alike, doubtful_ones
from payouts.eligibility import destinations_of, refusal_of_destination
from payouts.models import USUAL_WAIT, Discrepancy, EventType, Payout, PayoutEvent, PayoutQuerySet
from wallets.amounts import money
from wallets.codes import WalletCode
from wallets.coins import network_name
from wallets.models import Wallet
from wallets.sharing import Destination, SameAddress

LIKELY_DUPLICATE = timedelta(hours=24)
LINKED = 5
MANY_TIMES = 10
FEWEST = 10  # of fewer payouts a new highest is nothing unusual


@register
class NoticeCode(Code):
    LIKELY_DUPLICATE = (
        "likely_duplicate",
        _("Is this a duplicate? The same amount goes to this address within 24 hours:"),
    )
    SAME_REFERENCE = (
        "same_reference",
        _("Is this a duplicate? This client has the same amount under the same reference:"),
    )
    MANY_TIMES_USUAL = (
        "many_times_usual",
        _("Unusual for this client: %(times)s times the median of what was paid, %(median)s."),
    )
    ABOVE_USUAL = (
        "above_usual",
        _(
            "Unusual for this client: above the 95th percentile of what was paid, %(high)s; "
            "the median is %(median)s."
        ),
    )
    EDITED = "edited", _("Edited by %(who)s: %(changes)s.")
    EDITED_BACK = "edited_back", _("Edited by %(who)s, and again what was requested.")
    WAS_HELD = "was_held", _("Put on hold by %(who)s: “%(why)s”")
    FAILED_BEFORE = "failed_before", _("Tried before and not paid: %(why)s")
    DIFFERED = (
        "differed",
        _(
            "Heleket and the desk differ about a payout of this sum, which may be paid. "
            "It takes two approvals:"
        ),
    )
    TAKEN_FOR_UNPAID = (
        "taken_for_unpaid",
        _(
            "People found a payout of this sum or to this address not paid, and Heleket may pay it "
            "all the same. It takes two approvals:"
        ),
    )
    OWN_TRY_UNPAID = (
        "own_try_unpaid",
        _(
            "People found its earlier try not paid, and Heleket may pay that all the same. "
            "It takes two approvals."
        ),
    )
    PAID_AFTER_ALL = (
        "paid_after_all_before",
        _(
            "Heleket paid a payout of this sum after all, though its status says otherwise. "
            "It takes two approvals:"
        ),
    )
    CLIENT_DIFFERS = (
        "client_differs",
        _("Heleket and the desk differ about another payout of this client:"),
    )
    FIRST_PAYMENT = "first_payment", _("First payment: this client was never paid at this address.")


class Level(Enum):
    BAD = "bad"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True)
class Notice:
    """One thing to know, as a code with its sentence; `payouts` are those that it points at."""

    level: Level
    code: Code
    sentence: str
    payouts: tuple[Payout, ...] = ()
    given: str = ""  # the names in the sentence


LEVELS = {Level.BAD: Flag.HIGH, Level.WARN: Flag.MEDIUM, Level.NOTE: Flag.LOW}


def level_of(notices: Sequence[Notice]) -> Flag:
    return max((LEVELS[each.level] for each in notices), default=Flag.NONE)


Found = Iterator[tuple[UUID, Notice]]


def notice(level: Level, code: Code, *payouts: Payout, **facts: object) -> Notice:
    given = str(facts.get("who", facts.get("names", "")))
    return Notice(level, code, code.sentence(**facts), payouts, given)


def notices_for(payouts: Sequence[Payout]) -> dict[UUID, list[Notice]]:
    """Return what is to be known of each, the worst first. One that is not stored yet will do."""
    found: dict[UUID, list[Notice]] = {payout.pk: [] for payout in payouts}
    if payouts:
        for find in (
            destinations,
            doubts,
            duplicates,
            unusual_amounts,
            past_events,
            first_payments,
        ):
            for pk, each in find(payouts):
                found[pk].append(each)
    return found


def destinations(payouts: Sequence[Payout]) -> Found:
    """Find those that cannot go where they should, and addresses that others have as well."""
    standing, same_address = destinations_of(payouts), SameAddress(payouts)
    for payout in payouts:
        if refusal := refusal_of_destination(*standing[payout.wallet_id]):
            is_awaited = refusal.code == WalletCode.WALLET_NOT_ACTIVE
            level = Level.WARN if is_awaited else Level.BAD
            yield payout.pk, Notice(level, refusal.code, refusal.sentence)
        for each in about_address(payout, same_address):
            yield payout.pk, each


def about_address(destination: Destination, same_address: SameAddress) -> Iterator[Notice]:
    if refusal := same_address.refusal_of_memo(destination):
        yield Notice(Level.BAD, refusal.code, refusal.sentence)
    if names := same_address.names(destination):
        yield notice(Level.BAD, WalletCode.ADDRESS_SHARED, names=names)


def notices_for_wallets(wallets: Sequence[Wallet]) -> dict[int, list[Notice]]:
    """Return what is to be known of wallets before they are approved: one statement."""
    same_address = SameAddress(wallets)
    return {wallet.pk: list(about_address(wallet, same_address)) for wallet in wallets}


# Duplicates


def doubts(payouts: Sequence[Payout]) -> Found:
    """Find for each payout what may already be paid in its stead, or else what its client's
    others differ in."""
    found = doubtful_ones(payouts)
    for payout in payouts:
        others = [each for each in found if each.payout and is_other_of_client(each, payout)]
        if alike := next((each for each in found if are_alike(payout, each)), None):
            yield payout.pk, doubt(alike, payout)
        elif standing := [each.payout for each in others if each.is_standing and each.payout]:
            yield payout.pk, notice(Level.WARN, NoticeCode.CLIENT_DIFFERS, *standing[:LINKED])


def is_other_of_client(found: Discrepancy, payout: Payout) -> bool:
    other = found.payout
    return other is not None and other.pk != payout.pk and other.client_id == payout.client_id


def doubt(found: Discrepancy, payout: Payout) -> Notice:
    if found.payout_id == payout.pk or found.payout is None:
        return notice(Level.BAD, NoticeCode.OWN_TRY_UNPAID)
    if found.is_standing:
        return notice(Level.BAD, NoticeCode.DIFFERED, found.payout)
    is_unpaid = found.outcome == Discrepancy.Outcome.NOT_PAID
    code = NoticeCode.TAKEN_FOR_UNPAID if is_unpaid else NoticeCode.PAID_AFTER_ALL
    return notice(Level.BAD, code, found.payout)


def duplicates(payouts: Sequence[Payout]) -> Found:
    """Find what was asked for twice, as far as it is paid or may still be."""
    near, alike = near_ones(payouts), same_references(payouts)
    for payout in payouts:
        others = [each for each in near[payout.address] if is_near(each, payout)]
        if others:
            yield payout.pk, notice(Level.WARN, NoticeCode.LIKELY_DUPLICATE, *others[:LINKED])
        more = [each for each in alike[payout.reference] if is_same_invoice(each, payout)]
        if more := [each for each in more if each not in others]:
            yield payout.pk, notice(Level.WARN, NoticeCode.SAME_REFERENCE, *more[:LINKED])


def near_ones(payouts: Sequence[Payout]) -> dict[str, list[Payout]]:
    """Return payouts of the same amounts to the same addresses in those days, by address."""
    times = [at for payout in payouts for at in (payout.requested_at, paid_at(payout))]
    span = (min(times) - LIKELY_DUPLICATE, max(times) + LIKELY_DUPLICATE)
    in_those_days = Q(requested_at__range=span) | Q(finished_at__range=span)
    rows = with_amounts_of(payouts).filter(
        in_those_days | Q(status__in=USUAL_WAIT),
        address__in={payout.address for payout in payouts},
    )
    return by(rows, "address")


def is_near(other: Payout, payout: Payout) -> bool:
    """Whether both were requested, or are paid, within a day. One that waits may go at any time."""
    requested = abs(other.requested_at - payout.requested_at)
    paid = abs(paid_at(other) - paid_at(payout))
    return min(requested, paid) < LIKELY_DUPLICATE and is_other_of_same_amount(other, payout)


def paid_at(payout: Payout) -> datetime:
    now = clock.now()
    return payout.finished_at or max(payout.pay_from or now, now)


def same_references(payouts: Sequence[Payout]) -> dict[str, list[Payout]]:
    """Return payouts with the same references and amounts of these clients, by reference."""
    rows = with_amounts_of(payouts).filter(
        client__in={payout.client_id for payout in payouts},
        reference__in={payout.reference for payout in payouts} - {""},
    )
    return by(rows, "reference")


def is_same_invoice(other: Payout, payout: Payout) -> bool:
    return other.client_id == payout.client_id and is_other_of_same_amount(other, payout)


def is_other_of_same_amount(other: Payout, payout: Payout) -> bool:
    same = (other.currency, other.amount) == (payout.currency, payout.amount)
    return same and other.pk != payout.pk


def with_amounts_of(payouts: Sequence[Payout]) -> PayoutQuerySet:
    rows = Payout.objects.counted_as_paid() | Payout.objects.filter(status__in=USUAL_WAIT)
    return rows.filter(
        currency__in={payout.currency for payout in payouts},
        amount__in={payout.amount for payout in payouts},
    ).order_by("-number")


def by(rows: Iterable[Payout], name: str) -> dict[str, list[Payout]]:
    groups: dict[str, list[Payout]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, name)].append(row)
    return groups


# Amounts


@dataclass(frozen=True)
class Usual:
    """What a client is usually paid in one coin."""

    count: int
    median: Decimal
    high: Decimal  # the 95th percentile


def unusual_amounts(payouts: Sequence[Payout]) -> Found:
    usual = usual_amounts(payouts)
    for payout in payouts:
        of_client, coin = usual.get((payout.client_id, payout.currency)), payout.currency
        if of_client is None:
            continue
        median = money(of_client.median, coin)
        high = money(of_client.high, coin)
        if payout.amount >= MANY_TIMES * of_client.median:
            times = f"{payout.amount // of_client.median:,}"
            code = NoticeCode.MANY_TIMES_USUAL
            yield payout.pk, notice(Level.WARN, code, times=times, median=median)
        elif of_client.count >= FEWEST and payout.amount > of_client.high:
            code = NoticeCode.ABOVE_USUAL
            yield payout.pk, notice(Level.WARN, code, high=high, median=median)


def usual_amounts(payouts: Sequence[Payout]) -> dict[tuple[int, str], Usual]:
    """Return the median and 95th percentile of what these clients were paid, by client and coin.

    The database ranks them, so that no more than two amounts of each client are read.
    """
    each_coin = [F("client_id"), F("received_currency")]
    ranked = (
        Payout.objects.received()
        .filter(
            client__in={payout.client_id for payout in payouts},
            received_currency__in={payout.currency for payout in payouts},
        )
        .annotate(
            count=Window(Count("pk"), partition_by=each_coin),
            rank=Window(RowNumber(), partition_by=each_coin, order_by="received_amount"),
        )
        .filter(Q(rank=(F("count") + 1) / 2) | Q(rank=(F("count") * 95 + 99) / 100))
    )
    amounts: dict[tuple[int, str], list[tuple[int, Decimal]]] = defaultdict(list)
    for client, coin, amount, count in ranked.values_list(
        "client_id", "received_currency", "received_amount", "count"
    ):
        amounts[client, coin].append((count, amount))
    return {
        key: Usual(rows[0][0], min(amount for _, amount in rows), max(amount for _, amount in rows))
        for key, rows in amounts.items()
    }


# What happened to it


def past_events(payouts: Sequence[Payout]) -> Found:
    """Find who edited or held a payout, and why an earlier try of it was not paid."""
    events = PayoutEvent.objects.filter(
        payout__in=[payout.pk for payout in payouts],
        event_type__in=[EventType.EDIT, EventType.HOLD, EventType.FAIL],
    )
    happened: dict[tuple[UUID, str], list[PayoutEvent]] = defaultdict(list)
    for event in events.select_related("person").order_by("number"):
        happened[event.payout_id, event.event_type].append(event)
    for payout in payouts:
        if failures := happened[payout.pk, EventType.FAIL]:
            why = failures[-1].why.sentence
            yield payout.pk, notice(Level.WARN, NoticeCode.FAILED_BEFORE, why=why)
        if edits := happened[payout.pk, EventType.EDIT]:
            yield payout.pk, edited(payout, edits)
        if holds := happened[payout.pk, EventType.HOLD]:
            who, why = holds[-1].who, holds[-1].why.sentence
            yield payout.pk, notice(Level.WARN, NoticeCode.WAS_HELD, who=who, why=why)


def edited(payout: Payout, edits: Sequence[PayoutEvent]) -> Notice:
    """Say by whom, and what all edits together made of what was requested."""
    who = ", ".join(dict.fromkeys(edit.who for edit in edits))
    first = {name: fact for edit in reversed(edits) for name, fact in edit.facts.items()}
    if "old_network" in first:
        first["old_network"] = network_name(first["old_network"])
    if old := first.get("old_pay_from"):
        first["old_pay_from"] = day_and_hour(datetime.fromisoformat(old))
    now = {
        "old_money": payout.money,
        "old_network": network_name(payout.network),
        "old_address": payout.address,
        "old_memo": payout.memo,
        "old_purpose": payout.purpose,
        "old_reference": payout.reference,
        "old_category": payout.category,
        "old_pay_from": day_and_hour(payout.pay_from),
    }
    changes = [
        f"{first[name] or '—'} → {fact or '—'}"
        for name, fact in now.items()
        if first.get(name, fact) != fact
    ]
    if not changes:
        return notice(Level.WARN, NoticeCode.EDITED_BACK, who=who)
    return notice(Level.WARN, NoticeCode.EDITED, who=who, changes="; ".join(changes))


def first_payments(payouts: Sequence[Payout]) -> Found:
    paid = Payout.objects.counted_as_paid().filter(
        client__in={payout.client_id for payout in payouts},
        address__in={payout.address for payout in payouts},
    )
    known = set(paid.values_list("client_id", "network", "address").distinct())
    for payout in payouts:
        if (payout.client_id, payout.network, payout.address) not in known:
            yield payout.pk, notice(Level.NOTE, NoticeCode.FIRST_PAYMENT)


FINDERS = (destinations, doubts, duplicates, unusual_amounts, past_events, first_payments)
