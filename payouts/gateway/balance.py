"""The merchant's balances, as Heleket last said them: payouts draw on these.

What is not here is not known, which is not zero: there is no payment key, Heleket has not answered
yet, or it did not name the coin.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from django.db import models, transaction

import heleket
from audit import clock
from wallets.amounts import MAX_AMOUNT, UNIT, AmountField

OLD = timedelta(minutes=10)  # so long ago that it may well be another by now


class Balance(models.Model):
    currency = models.CharField(max_length=12, unique=True)
    amount = AmountField()
    fetched_at = models.DateTimeField()
    # The least that Heleket has refused for want of funds, while the balance was said to be this.
    refused = AmountField(null=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.currency

    @property
    def is_old(self) -> bool:
        return abs(clock.now() - self.fetched_at) > OLD  # after, too: a clock was set back

    def is_refused(self, debit: Decimal) -> bool:
        """Whether Heleket has refused as little, whatever the balance is said to be."""
        return self.refused is not None and debit >= self.refused


def known() -> dict[str, Balance]:
    """Return each balance by its currency: one statement. A missing one is unknown."""
    return {each.currency: each for each in Balance.objects.order_by("currency")}


def store(balances: Iterable[heleket.Balance], *, asked_at: datetime) -> list[str]:
    """Keep what Heleket said to a question of this time, and return what of it is of no use here.

    A coin that it does not name is not known any more; an answer that comes late changes nothing.
    """
    ours = [each for each in balances if each.owner == "merchant"]
    usable = {each.currency: each.amount for each in ours if is_usable(each)}
    with transaction.atomic():
        stored = {
            each.currency: each for each in Balance.objects.select_for_update().order_by("currency")
        }
        if all(each.fetched_at <= asked_at for each in stored.values()):
            Balance.objects.exclude(currency__in=usable).delete()
            Balance.objects.bulk_create(
                [
                    fetched(currency, payable(amount), asked_at, stored.get(currency))
                    for currency, amount in sorted(usable.items())
                ],
                update_conflicts=True,
                unique_fields=["currency"],
                update_fields=["amount", "fetched_at", "refused"],
            )
    return sorted(each.currency for each in ours if not is_usable(each))


def fetched(currency: str, amount: Decimal, asked_at: datetime, before: Balance | None) -> Balance:
    """Return a balance as Heleket said it. What was refused counts no more once it is another."""
    refused = before.refused if before and before.amount == amount else None
    return Balance(currency=currency, amount=amount, fetched_at=asked_at, refused=refused)


def note_refusal(currency: str, debit: Decimal) -> None:
    """Believe no more that a balance covers so much, until it is another."""
    less = models.Q(refused=None) | models.Q(refused__gt=debit)
    Balance.objects.filter(less, currency=currency).update(refused=debit)


def forget() -> None:
    """Know nothing any more, as nobody may ask."""
    Balance.objects.all().delete()


def is_usable(balance: heleket.Balance) -> bool:
    longest = Balance._meta.get_field("currency").max_length or 0
    return 0 <= balance.amount <= MAX_AMOUNT and 0 < len(balance.currency) <= longest


def payable(amount: Decimal) -> Decimal:
    """Leave out what is too little to be paid."""
    return amount.quantize(UNIT, ROUND_DOWN)
