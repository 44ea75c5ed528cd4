"""What the policy is asked about payouts: the facts of many, filled in a few statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from audit import clock
from audit.refusals import Refusal
from payouts.controls import rules
from payouts.controls.flags import Flag
from payouts.controls.policy import Policy
from payouts.controls.rates import Rate, price, sound_rates
from payouts.controls.rules import Measure, Proposal
from payouts.makers import Maker
from payouts.models import MakerRole, Payout
from payouts.notices import level_of, notices_for
from wallets.amounts import Total
from wallets.models import PayoutMethod, Wallet

DAY = timedelta(hours=24)
ASKED = (MakerRole.REQUESTED, MakerRole.KEY)  # who has a payout on their own account
COLUMNS = {
    Measure.BATCH: "trigger",
    Measure.REQUESTER: "makers__person_id",
    Measure.CLIENT: "client_id",
    Measure.ADDRESS: "address",
}
Sums = Mapping[object, Mapping[str, Decimal]]  # of each key, by coin
Makers = Mapping[UUID, Sequence[Maker]]


def proposals_of(
    payouts: Sequence[Payout], makers: Makers, policy: Policy
) -> dict[UUID, Proposal | Refusal]:
    """Return what the policy judges of each, or why a coin has no sound rate.

    It asks for no more than the rules of this policy do.
    """
    needs = rules.needs(policy.rules)
    askers = {payout.pk: askers_of(makers.get(payout.pk, ())) for payout in payouts}
    sums = {
        measure: day_sums(measure, payouts, askers)
        for measure in COLUMNS
        if measure in needs.measures
    }
    coins = {payout.currency for payout in payouts}
    coins |= {coin for found in sums.values() for by_coin in found.values() for coin in by_coin}
    rates = sound_rates(coins, bounds=policy.values.rate_bounds)
    methods = PayoutMethod.objects.by_coin(payout.currency for payout in payouts)
    approved_at = wallets_approved_at(payouts) if needs.wallets else {}
    flags = flags_of(payouts) if needs.flags else {}

    def proposal(payout: Payout) -> Proposal | Refusal:
        rate = rates[payout.currency]
        if isinstance(rate, Refusal):
            return rate
        amounts = {Measure.PAYOUT: price(payout.amount, rate.rate)}
        for measure, found in sums.items():
            total = most(found, keys_of(payout, measure, askers[payout.pk]), rates)
            if isinstance(total, Refusal):
                return total
            amounts[measure] = max(total, amounts[Measure.PAYOUT])
        method = methods.get((payout.network, payout.currency))
        return Proposal(
            currency=payout.currency,
            network=payout.network,
            origin=payout.origin,
            client=payout.client.external_id,
            rate=rate.rate,
            fee=method.fee_for(payout.amount) if method else Decimal(0),
            wallet_hours=hours_since(approved_at.get(payout.wallet_id)),
            flag=flags.get(payout.pk, Flag.NONE),
            amounts=amounts,
        )

    return {payout.pk: proposal(payout) for payout in payouts}


# The sums of a day


def askers_of(makers: Sequence[Maker]) -> Collection[int]:
    return {person for person, role in makers if role in ASKED}


def keys_of(payout: Payout, measure: Measure, askers: Collection[int]) -> Collection[object]:
    if measure == Measure.REQUESTER:
        return askers
    key = getattr(payout, COLUMNS[measure])
    return [key] if key else []


def day_sums(
    measure: Measure, payouts: Sequence[Payout], askers: Mapping[UUID, Collection[int]]
) -> Sums:
    """Add up what waits, is under way or was paid within a day, whatever it is worth: one
    statement."""
    column = COLUMNS[measure]
    keys = {key for each in payouts for key in keys_of(each, measure, askers[each.pk])}
    wanted: dict[str, object] = {f"{column}__in": keys}
    if measure == Measure.REQUESTER:
        wanted["makers__role__in"] = ASKED
    rows = Payout.objects.going_since(clock.now() - DAY).filter(**wanted)
    sums: dict[object, dict[str, Decimal]] = defaultdict(dict)
    found = rows.order_by().values_list(column, "currency").annotate(total=Total("amount"))
    for key, coin, total in found:
        sums[key][coin] = total
    return sums


def most(
    sums: Sums, keys: Collection[object], rates: Mapping[str, Rate | Refusal]
) -> Decimal | Refusal:
    """Return the largest of these sums in the reference currency."""
    largest = Decimal(0)
    for key in keys:
        total = Decimal(0)
        for coin, amount in sums.get(key, {}).items():
            rate = rates[coin]
            if isinstance(rate, Refusal):
                return rate
            total += price(amount, rate.rate)
        largest = max(largest, total)
    return largest


# The other facts


def wallets_approved_at(payouts: Sequence[Payout]) -> dict[int, datetime]:
    wallets = Wallet.objects.filter(pk__in={each.wallet_id for each in payouts})
    return {pk: at for pk, at in wallets.values_list("pk", "approved_at") if at}


def hours_since(at: datetime | None) -> Decimal:
    return Decimal((clock.now() - at) // timedelta(hours=1)) if at else Decimal(0)


def flags_of(payouts: Sequence[Payout]) -> dict[UUID, Flag]:
    return {pk: level_of(notices) for pk, notices in notices_for(payouts).items()}
