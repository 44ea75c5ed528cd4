"""What a client or a wallet was paid, what is under way to it, and what was done to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count
from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst

from payouts.models import USUAL_WAIT, PayoutQuerySet, PayoutStatus
from wallets.amounts import Total
from wallets.display import CHANGES_SHOWN, MOST_CHANGES, changes_of
from wallets.models import Client, Wallet, WalletEvent, WalletStatus

SHOWN = 10
PAYOUTS = "admin:payouts_payout_changelist"


@dataclass
class CoinTotals:
    """Sums of payouts in one coin: those that were paid, and those that may still be."""

    currency: str
    paid: Decimal = Decimal(0)
    paid_count: int = 0
    waiting: Decimal = Decimal(0)
    waiting_count: int = 0


def payouts_of(payouts: PayoutQuerySet, found_by: str) -> dict[str, Any]:
    """Return the sums per coin, and the newest payouts: those that have not ended apart.

    `found_by` is what the list of payouts finds them by.
    """
    queue = {"queue": "waiting", "status__exact": PayoutStatus.PENDING.value, "q": found_by}
    unfinished = payouts.filter(status__in=USUAL_WAIT)
    ended = payouts.exclude(status__in=USUAL_WAIT)
    return {
        "totals": totals(payouts, unfinished),
        "for_approval": sums_of(payouts.pending()),
        "queue_url": f"{reverse(PAYOUTS)}?{urlencode(queue)}",
        "payouts_url": f"{reverse(PAYOUTS)}?{urlencode({'q': found_by})}",
        "waiting": unfinished.select_related("client").order_by("-number")[:SHOWN],
        "ended": ended.select_related("client").order_by("-number")[:SHOWN],
    }


def totals(payouts: PayoutQuerySet, waiting: PayoutQuerySet) -> list[CoinTotals]:
    """Return what the client received of each coin, and what waits to be paid."""
    coins: dict[str, CoinTotals] = {}
    received = payouts.received().values_list("received_currency")
    for coin, total, count in received.annotate(Total("received_amount"), Count("pk")):
        coins[coin] = CoinTotals(coin, paid=total, paid_count=count)
    for coin, total, count in sums_of(waiting):
        row = coins.setdefault(coin, CoinTotals(coin))
        row.waiting, row.waiting_count = total, count
    return sorted(coins.values(), key=lambda row: row.currency)


def sums_of(payouts: PayoutQuerySet) -> list[tuple[str, Decimal, int]]:
    """Return amount and count of each coin."""
    by_coin = payouts.order_by("currency").values_list("currency")
    return list(by_coin.annotate(Total("amount"), Count("pk")))


@dataclass(frozen=True)
class Happening:
    """One line of a history: what was done, by whom, and why."""

    at: datetime
    who: str
    title: str
    text: str = ""
    why: str = ""


def history_shown(row: Client | Wallet, query: QueryDict) -> dict[str, Any]:
    """Return what a page shows of the history: the newest, or all where somebody asks for it."""
    is_all = query.get("history") == "all"
    most = MOST_CHANGES if is_all else CHANGES_SHOWN
    found = (
        history_of_wallet(row, most) if isinstance(row, Wallet) else history_of_client(row, most)
    )
    return {
        "history": found,
        "has_older": not is_all and row.history.count() > CHANGES_SHOWN + 1,
    }


def history_of_client(client: Client, most: int) -> list[Happening]:
    changes = changes_of(client, most=most)
    return [Happening(at, who, capfirst(what), "", why) for at, who, what, why in changes]


def history_of_wallet(wallet: Wallet, most: int) -> list[Happening]:
    """Return what was decided about a wallet, and how its names were changed, newest first."""
    events = wallet.events.select_related("person").order_by("-number")
    renamed = changes_of(wallet, fields=("label", "preferred_currency"), most=most)
    changes = [
        Happening(at, who, capfirst(what), why=why)
        for at, who, what, why in renamed
        if "→" in what or not events
    ]
    return newest_first([*map(decision, events), *changes])


def newest_first(happenings: Iterable[Happening]) -> list[Happening]:
    return sorted(happenings, key=lambda each: each.at, reverse=True)


def decision(event: WalletEvent) -> Happening:
    title = dict(WalletEvent.Type.choices).get(event.event_type, event.event_type)
    text = event.facts.get("in_spite_of", "")
    if event.from_status != event.to_status and event.from_status in WalletStatus.values:
        names = [WalletStatus(each).label for each in (event.from_status, event.to_status)]
        text = f"{' → '.join(map(str, names))} {text}".strip()
    return Happening(event.at, event.who, capfirst(str(title)), text, event.why.sentence)
