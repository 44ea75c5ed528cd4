"""What payouts cost together, coin by coin, and what that leaves of the balance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count

from payouts.gateway import balance
from payouts.gateway.balance import Balance
from payouts.models import Payout, PayoutQuerySet, PayoutStatus
from wallets.amounts import Total
from wallets.models import PayoutMethod

NOTHING = Decimal(0)
Methods = Mapping[tuple[str, str], PayoutMethod]


@dataclass
class Sum:
    """Payouts of one coin. `fees` are of those that the stored price list knows."""

    currency: str
    amount: Decimal = NOTHING
    count: int = 0
    fees: Decimal = NOTHING
    unpriced: int = 0
    payouts: list[Payout] = field(default_factory=list)
    balance: Balance | None = None
    promised: Decimal = NOTHING  # to others that are approved and not sent yet, with known fees

    @property
    def debit(self) -> Decimal:
        return self.amount + self.fees

    @property
    def stays(self) -> Decimal | None:
        """What stays behind of the balance. Below zero, some have to wait for funds."""
        return self.balance.amount - self.promised - self.debit if self.balance else None

    @property
    def lacks(self) -> Decimal:
        return max(-(self.stays or NOTHING), NOTHING)


def fee_of(payout: Payout, methods: Methods) -> Decimal | None:
    method = methods.get((payout.network, payout.currency))
    return method.fee_for(payout.amount) if method else None


def sums_of(payouts: Sequence[Payout], methods: Methods) -> list[Sum]:
    """Add them up, coin by coin."""
    sums: dict[str, Sum] = {}
    for payout in payouts:
        of_coin = sums.setdefault(payout.currency, Sum(payout.currency))
        fee = fee_of(payout, methods)
        of_coin.amount += payout.amount
        of_coin.count += 1
        of_coin.fees += fee or NOTHING
        of_coin.unpriced += fee is None
        of_coin.payouts.append(payout)
    return list(sums.values())


def sums_in_store(payouts: PayoutQuerySet) -> list[Sum]:
    """Add up any number of payouts in the database: two statements."""
    methods = {(each.network, each.currency): each for each in PayoutMethod.objects.all()}
    lots = payouts.order_by("currency").values_list("currency", "network")
    sums: dict[str, Sum] = {}
    for currency, network, amount, count in lots.annotate(Total("amount"), Count("pk")):
        method = methods.get((network, currency))
        of_coin = sums.setdefault(currency, Sum(currency))
        of_coin.amount += amount
        of_coin.count += count
        of_coin.fees += method.fee_for(amount, count) if method else NOTHING
        of_coin.unpriced += 0 if method else count
    return list(sums.values())


def add_balances(sums: Sequence[Sum]) -> None:
    """Add what is known of the balances, and what is promised of them already: three statements."""
    known = balance.known()
    approved = Payout.objects.filter(
        status=PayoutStatus.APPROVED, currency__in={each.currency for each in sums}
    ).exclude(pk__in=[payout.pk for each in sums for payout in each.payouts])
    promised = {each.currency: each.debit for each in sums_in_store(approved)}
    for each in sums:
        each.balance = known.get(each.currency)
        each.promised = promised.get(each.currency, NOTHING)
