"""What a coin lacks at Heleket while there are not enough funds, and behind which payout the others
of the coin wait: the oldest is tried first, however large it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from payouts.gateway.balance import Balance
from payouts.models import Payout
from payouts.times import at_time
from wallets.amounts import money
from wallets.models import PayoutMethod


@dataclass(frozen=True)
class Shortage:
    """`head` is tried next; it takes `needs` from our balance, the fee included."""

    head: Payout
    needs: Decimal
    balance: Balance | None

    @property
    def gap(self) -> Decimal:
        """How much is missing, as far as the balance is known; nothing if it is enough by now."""
        return max(self.needs - self.balance.amount, Decimal(0)) if self.balance else self.needs

    def covers(self, payout: Payout) -> bool:
        """Whether the balance is known to be enough for this payout by now."""
        if self.balance is None:
            return False
        needs = self.needs if payout.pk == self.head.pk else needs_of(payout)
        return needs <= self.balance.amount


def of_coin(currency: str, balances: Mapping[str, Balance]) -> Shortage | None:
    waiting = Payout.objects.sendable().filter(currency=currency).exclude(due_at=None)
    head = waiting.order_by("due_at", "number").first()
    if head is None:
        return None
    return Shortage(head, needs_of(head), balances.get(currency))


def needs_of(payout: Payout) -> Decimal:
    method = PayoutMethod.objects.filter(network=payout.network, currency=payout.currency).first()
    return method.debit_for(payout.amount) if method else payout.amount


def sentence(shortage: Shortage, payout: Payout, *, shows_balance: bool) -> str:
    """Name what a payout waits behind, and the gap for those who may see balances."""
    words = {"head": shortage.head, "needs": money(shortage.needs, payout.currency)}
    if shortage.head.pk == payout.pk:
        text = _("It needs %(needs)s") % words
    else:
        text = _("It waits behind %(head)s, which needs %(needs)s") % words
    return f"{text}; {balance_in_words(shortage)}." if shows_balance else f"{text}."


def balance_in_words(shortage: Shortage) -> str:
    if shortage.balance is None:
        return _("the balance is not known")
    currency = shortage.head.currency
    words = {
        "balance": money(shortage.balance.amount, currency),
        "at": at_time(shortage.balance.fetched_at),
        "gap": money(shortage.gap, currency),
    }
    if not shortage.gap:
        return _("the balance is enough for it now: %(balance)s at %(at)s") % words
    return _("the balance is %(balance)s at %(at)s, so %(gap)s are missing") % words


def who_can_act(shortage: Shortage, payout: Payout, probe_at: datetime) -> str:
    """Say who can have a payout sent: treasury, an operator now, or past the one in front."""
    head, who = shortage.head, []
    if shortage.covers(payout):
        who.append(_("An operator can send it now: the balance is enough for it."))
    if not shortage.covers(head):
        who.append(_("Treasury can top up the balance at Heleket."))
    if head.pk != payout.pk:
        who.append(past(shortage, probe_at))
    return " ".join(who)


def past(shortage: Shortage, probe_at: datetime) -> str:
    """Say how what waits behind another payout gets past it."""
    if shortage.covers(shortage.head):
        return _("An operator can send %s now, and the others follow.") % shortage.head
    text = _(
        "An approver can put %(head)s on hold; the next one is then tried at %(at)s, or at once "
        "when an operator sends it now."
    )
    return text % {"head": shortage.head, "at": at_time(probe_at)}
