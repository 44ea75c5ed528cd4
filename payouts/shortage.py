"""What a coin lacks at Heleket while there are not enough funds: behind which payout the others of
the coin wait, or that those that fit go before it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import clock
from audit.texts import day_and_hour
from payouts import funds
from payouts.controls import policy
from payouts.gateway import balance
from payouts.gateway.balance import Balance
from payouts.models import Passing, Payout, PayoutQuerySet
from payouts.times import at_time
from wallets.amounts import Total, money
from wallets.models import PayoutMethod

NAMED = 3  # of the payouts that went before one


@dataclass(frozen=True)
class Shortage:
    """`head` is tried next; it takes `needs` from our balance, the fee included. Not everybody may
    see the balance."""

    head: Payout
    needs: Decimal
    balance: Balance | None
    shows_balance: bool

    @cached_property
    def taken(self) -> Decimal:
        """How much of the balance is on its way since it was asked for."""
        if self.balance is None:
            return Decimal(0)
        coin = self.balance.currency
        return funds.taken_since(self.balance.fetched_at, [coin]).get(coin, Decimal(0))

    @property
    def left(self) -> Decimal:
        """How much of the balance is there to go by."""
        if self.balance is None or self.balance.is_old:
            return Decimal(0)
        return max(self.balance.amount - self.taken, Decimal(0))

    def gap(self, needs: Decimal) -> Decimal:
        """How much is missing, as far as the balance is known; nothing if it is enough by now."""
        return max(needs - self.left, Decimal(0))

    def covers(self, payout: Payout) -> bool:
        """Whether the balance is known to be enough for this payout, and that may be said."""
        return self.shows_balance and self.needs_of(payout) <= self.left

    def needs_of(self, payout: Payout) -> Decimal:
        return self.needs if payout.pk == self.head.pk else needs_of(payout)

    @cached_property
    def what_fits_goes(self) -> bool:
        return funds.what_fits_goes_now(self.head.currency)


def waiting(currency: str) -> PayoutQuerySet:
    return Payout.objects.sendable().filter(currency=currency).exclude(due_at=None)


def of_coin(currency: str, *, shows_balance: bool) -> Shortage | None:
    head = waiting(currency).order_by("due_at", "number").first()
    if head is None:
        return None
    return Shortage(head, needs_of(head), balance.known().get(currency), shows_balance)


def needs_of(payout: Payout) -> Decimal:
    return funds.debit_of(payout, PayoutMethod.objects.by_coin([payout.currency]))


def sentence(shortage: Shortage, payout: Payout) -> str:
    """Name what a payout waits behind or was passed by, and the gap for those who may see
    balances."""
    is_head = shortage.head.pk == payout.pk
    needs = shortage.needs_of(payout) if shortage.what_fits_goes else shortage.needs
    words = {"head": shortage.head, "needs": money(needs, payout.currency)}
    if is_head or shortage.what_fits_goes:
        text = _("It needs %(needs)s") % words
    else:
        text = _("It waits behind %(head)s, which needs %(needs)s") % words
    if shortage.shows_balance:
        text = f"{text}; {balance_in_words(shortage, needs)}"
    more = [passed_over(payout)]
    if is_head and not shortage.what_fits_goes:
        more.append(behind(shortage))
    return " ".join([f"{text}.", *filter(None, more)])


def balance_in_words(shortage: Shortage, needs: Decimal) -> str:
    if shortage.balance is None:
        return _("the balance is not known")
    currency = shortage.head.currency
    words = {
        "balance": money(shortage.balance.amount, currency),
        "at": at_time(shortage.balance.fetched_at),
        "gap": money(shortage.gap(needs), currency),
        "taken": money(shortage.taken, currency),
    }
    if shortage.balance.is_old:
        return _("the balance was %(balance)s at %(at)s, which is too long ago to go by") % words
    if not shortage.gap(needs):
        return _("the balance is enough for it now: %(balance)s at %(at)s") % words
    if shortage.taken:
        text = _(
            "the balance is %(balance)s at %(at)s and %(taken)s of it is on its way, so %(gap)s "
            "are missing"
        )
        return text % words
    return _("the balance is %(balance)s at %(at)s, so %(gap)s are missing") % words


def behind(shortage: Shortage) -> str:
    """Say what waits behind the one in front."""
    currency = shortage.head.currency
    others = waiting(currency).exclude(pk=shortage.head.pk)
    found = others.aggregate(count=Count("pk"), total=Total("amount"))
    if not found["count"]:
        return ""
    text = ngettext(
        "%(count)d other waits behind it: %(total)s.",
        "%(count)d others wait behind it: %(total)s.",
        found["count"],
    )
    return text % {"count": found["count"], "total": money(found["total"], currency)}


def passed_over(payout: Payout) -> str:
    """Say what went before a payout since its approval, and until when more may."""
    passings = Passing.objects.standing().filter(over=payout).order_by("pk")
    if (first := passings.first()) is None:
        return ""
    rows = passings.values_list("payout__number", flat=True)
    names = [f"P-{number}" for number in dict.fromkeys(rows[:NAMED])]
    words = {"names": ", ".join(names), "since": day_and_hour(first.at)}
    text = _("It has been passed over since %(since)s, by what fits the balance: %(names)s")
    text = f"{text % words}{and_others(passings.count() - len(names))}."
    until = first.at + policy.values().passed_over
    if until <= clock.now():
        return f"{text} {_('Nothing passes it any more.')}"
    return f"{text} {_('Nothing passes it from %s on.') % day_and_hour(until)}"


def and_others(count: int) -> str:
    text = ngettext(" and %d other", " and %d others", count)
    return text % count if count > 0 else ""


def who_can_act(shortage: Shortage, payout: Payout, probe_at: datetime) -> str:
    """Say who can have a payout sent: treasury, an operator now, or past the one in front."""
    head, who = shortage.head, []
    if shortage.covers(payout):
        who.append(_("An operator can send it now: the balance is enough for it."))
    if not shortage.covers(head):
        who.append(_("Treasury can top up the balance at Heleket."))
    if head.pk != payout.pk and not shortage.what_fits_goes:
        who.append(past(shortage, probe_at))
    elif head.pk == payout.pk and not shortage.covers(head) and not shortage.what_fits_goes:
        who.append(_("An approver can put it on hold, so that the others need not wait for it."))
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
