"""Balances at Heleket as pages show them, with the moment they are of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from payouts.admin.sums import sums_in_store
from payouts.gateway import balance
from payouts.gateway.balance import Balance
from payouts.gateway.models import Pause
from payouts.models import Payout, PayoutStatus
from payouts.states import States
from payouts.times import at_time
from wallets.amounts import money

RIGHT = "payouts_gateway.view_balance"


@dataclass(frozen=True)
class Coin:
    """One coin's balance, None if it is not known; `is_short` if payouts wait for more of it."""

    currency: str
    amount: Decimal | None
    is_short: bool


@dataclass(frozen=True)
class Shown:
    """The balances of the coins that a page is about, and those of others, or why none is known."""

    coins: list[Coin]
    others: list[Coin]
    fetched_at: datetime | None
    is_old: bool
    why_unknown: str


def shown(
    states: States, wanted: Iterable[str], known: Mapping[str, Balance] | None = None
) -> Shown:
    """Return the wanted coins, those first that payouts wait for; then those of which there is
    something."""
    known = balance.known() if known is None else known
    short = {each.currency for each in states.pauses if each.cause == Pause.Cause.FUNDS}
    coins = sorted({*wanted, *short}, key=lambda each: (each not in short, each))
    others = [each for each in known if known[each].amount and each not in coins]
    return Shown(
        coins=[Coin(each, amount_of(known, each), each in short) for each in coins],
        others=[Coin(each, amount_of(known, each), is_short=False) for each in others],
        fetched_at=min((each.fetched_at for each in known.values()), default=None),
        is_old=any(each.is_old for each in known.values()),
        why_unknown="" if known else why_unknown(),
    )


def amount_of(known: Mapping[str, Balance], currency: str) -> Decimal | None:
    return known[currency].amount if currency in known else None


def why_unknown() -> str:
    if not settings.HELEKET_PAYMENT_API_KEY:
        return _("not known: HELEKET_PAYMENT_API_KEY is not set, so Heleket cannot be asked.")
    return _("not known: Heleket has not said it yet.")


def in_words(currency: str) -> str:
    """Say what is there of a coin, and as of when."""
    found = balance.known().get(currency)
    if found is None:
        return _("not known")
    words = {"balance": money(found.amount, currency), "at": at_time(found.fetched_at)}
    return _("%(balance)s as of %(at)s") % words


def of_the_desk(states: States) -> dict[str, Any]:
    """Return what the Desk page shows: the balances, and what approved payouts need of them."""
    known = balance.known()
    needs = sums_in_store(Payout.objects.filter(status=PayoutStatus.APPROVED))
    for each in needs:
        each.balance = known.get(each.currency)
    return {
        "balances": shown(states, [each.currency for each in needs], known),
        "needs": needs,
        "unpriced": ", ".join(each.currency for each in needs if each.unpriced),
    }
