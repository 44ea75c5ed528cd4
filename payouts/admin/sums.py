"""What payouts cost together, coin by coin, and what that leaves of the balance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count

from payouts.gateway import balance
from payouts.gateway.balance import Balance
from payouts.models import Payout, PayoutStatus
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


def methods_of(payouts: Sequence[Payout]) -> Methods:
    """Return what Heleket asks for these coins, on whatever network: one statement."""
    rows = PayoutMethod.objects.filter(currency__in={payout.currency for payout in payouts})
    return {(row.network, row.currency): row for row in rows}


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


def add_balances(sums: Sequence[Sum], methods: Methods) -> None:
    """Add what is known of the balances, and what is promised of them already: two statements."""
    known, promised = balance.known(), promised_besides(sums, methods)
    for each in sums:
        each.balance, each.promised = known.get(each.currency), promised[each.currency]


def promised_besides(sums: Sequence[Sum], methods: Methods) -> Mapping[str, Decimal]:
    """Return what leaves for other payouts of these coins that are approved and not sent yet."""
    approved = Payout.objects.filter(
        status=PayoutStatus.APPROVED, currency__in={each.currency for each in sums}
    ).exclude(pk__in=[payout.pk for each in sums for payout in each.payouts])
    totals = approved.order_by().values_list("network", "currency")
    promised: dict[str, Decimal] = defaultdict(lambda: NOTHING)
    for network, currency, count, amount in totals.annotate(Count("pk"), Total("amount")):
        fees = fees_of(count, amount, methods.get((network, currency)))
        promised[currency] += amount + fees
    return promised


def fees_of(count: int, amount: Decimal, method: PayoutMethod | None) -> Decimal:
    """Return the fees of some payouts of a service that come to this amount, as far as known."""
    return method.fee_for(amount) + method.fee_amount * (count - 1) if method else NOTHING
