"""What people should know of payouts before they decide, found for many in a few statements.

Each notice has a level. How they are put in order is what a reader sees first: the worst, and of
equal ones where the money goes, then whether it goes twice, then how much it is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from audit import clock
from audit.codes import Code, register
from audit.refusals import Refusal, Refused
from payouts import foreign
from payouts.controls import rules
from payouts.controls.documents import LimitOf
from payouts.controls.flags import Flag
from payouts.controls.rules import Measure
from payouts.discrepancies import are_alike
from payouts.duplicates import LINKED, by, linked
from payouts.gateway.models import KnownAddress
from payouts.known import Known
from payouts.models import Discrepancy, EventType, Payout, PayoutEvent
from payouts.seen import became
from payouts.worth import Worth
from wallets.amounts import Amounts, money
from wallets.codes import WalletCode
from wallets.models import Client, Wallet
from wallets.sharing import Destination, SameAddress, wallets_at

YOUNG = timedelta(hours=24)  # a wallet that nobody has had time to look at again
UNDER = Decimal("0.9")  # of a threshold: from there on it is just under it
MANY_TIMES = 10
SLIP = 100  # two places, as of a comma or a unit that was taken for another
WHAT_IS_PAID = {"old_money", "old_network", "old_address", "old_memo"}
LAST = 20  # payments of a client that say what is usual
FEWEST = 10  # of fewer payouts a new highest is nothing unusual


@register
class NoticeCode(Code):
    LIKELY_DUPLICATE = (
        "likely_duplicate",
        _(
            "Likely a duplicate: this client has the same amount for the same purpose within "
            "%(days)d days:"
        ),
    )
    SAME_AMOUNT = (
        "same_amount",
        _("Is this a duplicate? This client has the same amount within 24 hours:"),
    )
    SAME_AMOUNT_THERE = (
        "same_amount_there",
        _("Is this a duplicate? The same amount goes to this address within 24 hours:"),
    )
    REQUESTED_ANYWAY = (
        "requested_anyway",
        _("%(who)s requested it as another one: “%(why)s”"),
    )
    SAME_REFERENCE = (
        "same_reference",
        _("Is this a duplicate? This client has the same amount under the same reference:"),
    )
    MANY_TIMES_USUAL = (
        "many_times_usual",
        _("Unusual for this client: %(times)s times the median of what was paid last, %(median)s."),
    )
    ABOVE_USUAL = (
        "above_usual",
        _(
            "Unusual for this client: above the 95th percentile of what was paid last, %(high)s; "
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
    UNKNOWN_THERE = (
        "unknown_payout_there",
        _(
            "Heleket has a payout like it that nobody asked for here: %(what)s. Is it this one, "
            "made by hand? It is not sent until people have linked or explained that."
        ),
    )
    CLIENT_DIFFERS = (
        "client_differs",
        _("Heleket and the desk differ about another payout of this client:"),
    )
    FIRST_PAYMENT = "first_payment", _("First payment: this client was never paid at this address.")
    FIRST_TO_YOUNG_WALLET = (
        "first_to_young_wallet",
        _("First payment to a young wallet: it was approved %(age)s ago."),
    )
    YOUNG_WALLET = (
        "young_wallet",
        _("Young wallet: it was approved %(age)s ago, and first paid after that."),
    )
    UNDER_THRESHOLD = (
        "under_threshold",
        _(
            "Just under a threshold: it is worth %(amount)s, and above %(threshold)s the policy "
            "asks for more."
        ),
    )
    SUM_UNDER_THRESHOLD = (
        "sum_under_threshold",
        _(
            "Just under a threshold: with what waits and was paid in 24 hours this client has "
            "%(amount)s, and above %(threshold)s the policy asks for more."
        ),
    )
    ADDRESS_UNDER_THRESHOLD = (
        "address_under_threshold",
        _(
            "Just under a threshold: with what waits and was paid in 24 hours this address has "
            "%(amount)s, and above %(threshold)s the policy asks for more."
        ),
    )
    NEAR_LIMIT = (
        "near_limit",
        _("Near a limit: it is worth %(amount)s, and one payout may be worth %(limit)s."),
    )


@dataclass(frozen=True)
class Notice:
    """One thing to know, as a code with its sentence; `payouts` are those that it points at."""

    level: Flag
    code: Code
    sentence: str
    payouts: tuple[Payout, ...] = ()
    given: str = ""  # the names in the sentence


JUST_UNDER = {
    Measure.PAYOUT: NoticeCode.UNDER_THRESHOLD,
    Measure.CLIENT: NoticeCode.SUM_UNDER_THRESHOLD,
    Measure.ADDRESS: NoticeCode.ADDRESS_UNDER_THRESHOLD,
}

Found = Iterator[tuple[UUID, Notice]]
Notices = Mapping[UUID, Sequence[Notice]]  # of each payout, the worst first


def notice(level: Flag, code: Code, *payouts: Payout, **facts: object) -> Notice:
    given = str(facts.get("who", facts.get("names", "")))
    return Notice(level, code, code.sentence(**facts), payouts, given)


def notices_for(known: Known) -> dict[UUID, list[Notice]]:
    """Return what is to be known of each, the worst first. One that is not stored yet will do."""
    found: dict[UUID, list[Notice]] = {payout.pk: [] for payout in known.payouts}
    if found:
        for find in FINDERS:
            for pk, each in find(known):
                found[pk].append(each)
    for notices in found.values():
        notices.sort(key=lambda each: -each.level)
    return found


def level_of(notices: Iterable[Notice]) -> Flag:
    """Return the flag of a payout: that of the worst there is to know of it."""
    return max((each.level for each in notices), default=Flag.NONE)


def destinations(known: Known) -> Found:
    """Find those that cannot go where they should, and addresses that others have as well."""
    same_address = SameAddress(known.wallets.values())
    for payout in known.payouts:
        if refusal := known.refusal_of_destination(payout):
            is_awaited = refusal.code == WalletCode.WALLET_NOT_ACTIVE
            level = Flag.MEDIUM if is_awaited else Flag.HIGH
            yield payout.pk, Notice(level, refusal.code, refusal.sentence)
        for each in about_address(payout, same_address):
            yield payout.pk, each


def about_address(destination: Destination, same_address: SameAddress) -> Iterator[Notice]:
    if refusal := same_address.refusal_of_memo(destination):
        yield Notice(Flag.HIGH, refusal.code, refusal.sentence)
    if names := same_address.names(destination):
        level = Flag.HIGH if same_address.is_proven_elsewhere(destination) else Flag.LOW
        yield notice(level, WalletCode.ADDRESS_SHARED, names=names)


def notices_for_wallets(wallets: Sequence[Wallet]) -> dict[int, list[Notice]]:
    """Return what is to be known of wallets before they are approved: one statement."""
    same_address = SameAddress(wallets_at(wallets))
    return {wallet.pk: list(about_address(wallet, same_address)) for wallet in wallets}


# Duplicates


def made_there(known: Known) -> Found:
    """Find what somebody may have paid by hand at Heleket already."""
    for payout in known.payouts:
        if unknown := foreign.like(payout, known.doubtful):
            what = foreign.in_short(unknown)
            yield payout.pk, notice(Flag.HIGH, NoticeCode.UNKNOWN_THERE, what=what)


def doubts(known: Known) -> Found:
    """Find for each payout what may already be paid in its stead, or else what its client's
    others differ in."""
    found = known.doubtful
    for payout in known.payouts:
        others = [each for each in found if each.payout and is_other_of_client(each, payout)]
        if alike := next((each for each in found if are_alike(payout, each)), None):
            yield payout.pk, doubt(alike, payout)
        elif standing := [each.payout for each in others if each.is_standing and each.payout]:
            yield payout.pk, notice(Flag.LOW, NoticeCode.CLIENT_DIFFERS, *standing[:LINKED])


def is_other_of_client(found: Discrepancy, payout: Payout) -> bool:
    other = found.payout
    return other is not None and other.pk != payout.pk and other.client_id == payout.client_id


def doubt(found: Discrepancy, payout: Payout) -> Notice:
    if found.payout_id == payout.pk or found.payout is None:
        return notice(Flag.HIGH, NoticeCode.OWN_TRY_UNPAID)
    if found.is_standing:
        return notice(Flag.HIGH, NoticeCode.DIFFERED, found.payout)
    is_unpaid = found.outcome == Discrepancy.Outcome.NOT_PAID
    code = NoticeCode.TAKEN_FOR_UNPAID if is_unpaid else NoticeCode.PAID_AFTER_ALL
    return notice(Flag.HIGH, code, found.payout)


def duplicates(known: Known) -> Found:
    """Find what was asked for twice, as far as it is paid or may still be."""
    likely, same = known.duplicates, known.same_amounts
    for payout in known.payouts:
        named = likely.get(payout.pk, [])
        if named:
            code, days = NoticeCode.LIKELY_DUPLICATE, known.values.duplicate_days
            yield payout.pk, notice(Flag.HIGH, code, *named, days=days)
        for code, rows in [
            (NoticeCode.SAME_REFERENCE, same.with_reference(payout)),
            (NoticeCode.SAME_AMOUNT, same.soon(payout)),
            (NoticeCode.SAME_AMOUNT_THERE, same.soon_there(payout)),
        ]:
            if more := linked(row for row in rows if row not in named):
                named = [*named, *more]
                yield payout.pk, notice(Flag.MEDIUM, code, *more)


# Amounts


@dataclass(frozen=True)
class Usual:
    """What a client is usually paid in one coin."""

    count: int
    median: Decimal
    high: Decimal  # the 95th percentile


def unusual_amounts(known: Known) -> Found:
    found = usual_amounts(known.payouts)
    for payout in known.payouts:
        of_client, coin = found.get((payout.client_id, payout.currency)), payout.currency
        if of_client is None:
            continue
        median = money(of_client.median, coin)
        high = money(of_client.high, coin)
        if payout.amount >= MANY_TIMES * of_client.median:
            times = f"{payout.amount // of_client.median:,}"
            is_slip = payout.amount >= SLIP * of_client.median
            level, code = Flag.HIGH if is_slip else Flag.MEDIUM, NoticeCode.MANY_TIMES_USUAL
            yield payout.pk, notice(level, code, times=times, median=median)
        elif of_client.count >= FEWEST and payout.amount > of_client.high:
            code = NoticeCode.ABOVE_USUAL
            yield payout.pk, notice(Flag.LOW, code, high=high, median=median)


def usual_amounts(payouts: Sequence[Payout]) -> dict[tuple[int, str], Usual]:
    """Return the median and 95th percentile of what these clients were paid last, by client and
    coin: one statement, which costs the same however long their histories are."""
    of_coins = by(payouts, lambda payout: payout.currency)
    each_coin = [last_amounts(coin, rows) for coin, rows in of_coins.items()]
    found = each_coin[0].union(*each_coin[1:], all=True)
    return {(client, coin): usual(amounts) for client, coin, amounts in found if amounts}


def last_amounts(coin: str, payouts: Sequence[Payout]) -> QuerySet[Client, Any]:
    # In columns, not as `received_currency`: of an expression the database expects so few rows that
    # it reads all of a client and sorts them.
    in_coin = Q(effective_currency="", currency=coin) | Q(effective_currency=coin)
    received = Payout.objects.received().filter(in_coin, client=OuterRef("pk"))
    last = received.order_by("-number").values("received_amount")[:LAST]
    clients = Client.objects.filter(pk__in={payout.client_id for payout in payouts}).order_by()
    return clients.values_list("pk", Value(coin), Amounts(last))


def usual(amounts: Sequence[Decimal]) -> Usual:
    ranked, count = sorted(amounts), len(amounts)
    return Usual(count, ranked[(count + 1) // 2 - 1], ranked[(count * 95 + 99) // 100 - 1])


# What happened to it


def past_events(known: Known) -> Found:
    """Find who edited or held a payout, why an earlier try of it was not paid, and why it was
    requested though it looked like a duplicate."""
    with_words = Q(event_type=EventType.REQUEST) & ~Q(reason="", reason_code="")
    events = PayoutEvent.objects.filter(
        with_words | Q(event_type__in=[EventType.EDIT, EventType.HOLD, EventType.FAIL]),
        payout__in=[payout.pk for payout in known.payouts],
    )
    happened: dict[tuple[UUID, str], list[PayoutEvent]] = defaultdict(list)
    for event in events.select_related("person").order_by("number"):
        happened[event.payout_id, event.event_type].append(event)
    for payout in known.payouts:
        if holds := happened[payout.pk, EventType.HOLD]:
            yield payout.pk, quoted(Flag.MEDIUM, NoticeCode.WAS_HELD, holds[-1])
        if edits := happened[payout.pk, EventType.EDIT]:
            yield payout.pk, edited(payout, edits)
        if failures := happened[payout.pk, EventType.FAIL]:
            yield payout.pk, quoted(Flag.LOW, NoticeCode.FAILED_BEFORE, failures[-1])
        for request in happened[payout.pk, EventType.REQUEST]:
            if request.why.sentence:
                yield payout.pk, quoted(Flag.LOW, NoticeCode.REQUESTED_ANYWAY, request)


def quoted(level: Flag, code: Code, event: PayoutEvent) -> Notice:
    return notice(level, code, who=event.who, why=event.why.sentence)


def edited(payout: Payout, edits: Sequence[PayoutEvent]) -> Notice:
    """Say by whom, and what all edits together made of what was requested.

    What another person than the requester made of the sum or of where it goes weighs more.
    """
    who = ", ".join(dict.fromkeys(edit.who for edit in edits))
    changed = became(payout, edits)
    if not changed:
        return notice(Flag.LOW, NoticeCode.EDITED_BACK, who=who)
    others = [edit for edit in edits if edit.person_id != payout.requested_by_id]
    is_weighty = {name for edit in others for name in edit.facts} & changed.keys() & WHAT_IS_PAID
    level = Flag.MEDIUM if is_weighty else Flag.LOW
    return notice(level, NoticeCode.EDITED, who=who, changes="; ".join(changed.values()))


# Where nothing was paid before


def new_addresses(known: Known) -> Found:
    """Find where a client was never paid, and wallets so young that only one of their payments
    may have been looked at."""
    known_since, since = paid_since(known), clock.now() - YOUNG
    for payout in known.payouts:
        first_at = known_since.get((payout.client_id, payout.network, payout.address))
        approved_at = known.wallets[payout.wallet_id].approved_at
        if approved_at and approved_at > since and (first_at is None or first_at > since):
            code = NoticeCode.YOUNG_WALLET if first_at else NoticeCode.FIRST_TO_YOUNG_WALLET
            age = timesince(approved_at, clock.now(), depth=1)
            yield payout.pk, notice(Flag.MEDIUM, code, age=age)
        elif first_at is None:
            yield payout.pk, notice(Flag.LOW, NoticeCode.FIRST_PAYMENT)


def paid_since(known: Known) -> dict[tuple[int, str, str], datetime]:
    """Return since when clients are paid at these addresses, by client, network and address; or
    Heleket's account is, from before the desk. Only the first of a history is looked for, however
    long that is."""
    paid = Payout.objects.counted_as_paid().filter(wallet=OuterRef("pk")).order_by("number")
    place = {"network": OuterRef("network"), "address": OuterRef("address")}
    wallets = Wallet.objects.filter(pk__in=known.wallets).annotate(
        here=Subquery(paid.values("requested_at")[:1]),
        earlier=Subquery(KnownAddress.objects.filter(**place).values("first_paid_at")[:1]),
    )
    found: dict[tuple[int, str, str], list[datetime]] = defaultdict(list)
    places = wallets.order_by().values_list("client", "network", "address", "here", "earlier")
    for client, network, address, *moments in places:
        found[client, network, address] += [at for at in moments if at]
    return {place: min(moments) for place, moments in found.items() if moments}


# What stays just under what the policy asks more for, or comes near a limit


def near_thresholds(known: Known) -> Found:
    """Find sums just under one from which the policy asks for more, of a payout or of a day, and
    those that all but reach a limit of their own. Without a sound rate nothing is compared."""
    try:
        current, worths = known.policy, known.worths
    except Refused:
        return
    thresholds = rules.thresholds(current.rules)
    most = min((each.at_most for each in current.limits if each.of == LimitOf.PAYOUT), default=None)
    for payout in known.payouts:
        worth = worths[payout.pk]
        if isinstance(worth, Refusal):
            continue
        amount = worth.amounts[Measure.PAYOUT]
        if most is not None and amount > UNDER * most:
            facts = {"amount": in_reference(amount), "limit": in_reference(most)}
            yield payout.pk, notice(Flag.MEDIUM, NoticeCode.NEAR_LIMIT, **facts)
        if found := first_under(worth, thresholds):
            measure, threshold = found
            facts = {
                "amount": in_reference(worth.amounts[measure]),
                "threshold": in_reference(threshold),
            }
            yield payout.pk, notice(Flag.MEDIUM, JUST_UNDER[measure], **facts)


def first_under(
    worth: Worth, thresholds: Mapping[Measure, Collection[Decimal]]
) -> tuple[Measure, Decimal] | None:
    for measure in JUST_UNDER:
        amount = worth.amounts.get(measure)
        if amount is None:
            continue
        near = (each for each in thresholds.get(measure, ()) if UNDER * each <= amount <= each)
        if threshold := min(near, default=None):
            return measure, threshold
    return None


def in_reference(amount: Decimal) -> str:
    return f"{amount:,.2f} {settings.REFERENCE_CURRENCY}"


FINDERS = (
    destinations,
    made_there,
    doubts,
    duplicates,
    new_addresses,
    unusual_amounts,
    past_events,
    near_thresholds,
)
