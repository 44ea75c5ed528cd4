"""What payouts are worth in the reference currency, alone and with others of a day, for many in a
few statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast

from audit import clock
from audit.refusals import Refusal
from payouts.controls.rates import Rate, RateBounds, price, sound_rates
from payouts.controls.rules import Measure
from payouts.makers import Maker
from payouts.models import MakerRole, Payout
from wallets.amounts import Total

DAY = timedelta(hours=24)
ASKED = (MakerRole.REQUESTED, MakerRole.KEY)  # who has a payout on their own account
COLUMNS = {
    Measure.BATCH: "trigger",
    Measure.REQUESTER: "makers__person_id",
    Measure.CLIENT: "client_id",
    Measure.ADDRESS: "address",
}
Sums = Mapping[str, Mapping[str, Decimal]]  # of each key, by coin
Makers = Mapping[UUID, Sequence[Maker]]


@dataclass(frozen=True)
class Worth:
    """The rate of a payout's coin, and its amount and sums by it."""

    rate: Decimal
    amounts: Mapping[Measure, Decimal]


def worth_of(
    payouts: Sequence[Payout],
    makers: Makers,
    measures: Collection[Measure],
    *,
    bounds: RateBounds,
) -> dict[UUID, Worth | Refusal]:
    """Return what each is worth, with the sums that are asked for, or why that is not known: one
    statement for each measure, and one for all rates."""
    askers = {payout.pk: askers_of(makers.get(payout.pk, ())) for payout in payouts}
    sums = day_sums([each for each in COLUMNS if each in measures], payouts, askers)
    coins = {payout.currency for payout in payouts}
    coins |= {coin for found in sums.values() for by_coin in found.values() for coin in by_coin}
    rates = sound_rates(coins, bounds=bounds)

    def worth(payout: Payout) -> Worth | Refusal:
        rate = rates[payout.currency]
        if isinstance(rate, Refusal):
            return rate
        amounts = {Measure.PAYOUT: price(payout.amount, rate.rate)}
        for measure, found in sums.items():
            total = most(found, keys_of(payout, measure, askers[payout.pk]), rates)
            if isinstance(total, Refusal):
                return total
            amounts[measure] = max(total, amounts[Measure.PAYOUT])
        return Worth(rate.rate, amounts)

    return {payout.pk: worth(payout) for payout in payouts}


def askers_of(makers: Sequence[Maker]) -> Collection[int]:
    return {person for person, role in makers if role in ASKED}


def keys_of(payout: Payout, measure: Measure, askers: Collection[int]) -> Collection[object]:
    if measure == Measure.REQUESTER:
        return askers
    key = getattr(payout, COLUMNS[measure])
    return [key] if key else []


def day_sums(
    measures: Sequence[Measure], payouts: Sequence[Payout], askers: Mapping[UUID, Collection[int]]
) -> Mapping[Measure, Sums]:
    """Add up what waits, is under way or was paid within a day, whatever it is worth: one
    statement."""
    found: dict[Measure, dict[str, dict[str, Decimal]]] = {
        measure: defaultdict(dict) for measure in measures
    }
    each_sum = [sums_by(measure, payouts, askers) for measure in measures]
    if each_sum:
        for measure, key, coin, total in each_sum[0].union(*each_sum[1:], all=True):
            found[Measure(measure)][key][coin] = total
    return found


def sums_by(
    measure: Measure, payouts: Sequence[Payout], askers: Mapping[UUID, Collection[int]]
) -> QuerySet[Payout, tuple[str, str, str, Decimal]]:
    column = COLUMNS[measure]
    keys = {key for each in payouts for key in keys_of(each, measure, askers[each.pk])}
    wanted: dict[str, object] = {f"{column}__in": keys}
    if measure == Measure.REQUESTER:
        wanted["makers__role__in"] = ASKED
    rows = Payout.objects.going_since(clock.now() - DAY).filter(**wanted).order_by()
    by_coin = rows.values_list(Value(measure.value), Cast(column, CharField()), "currency")
    return by_coin.annotate(total=Total("amount"))


def most(
    sums: Sums, keys: Collection[object], rates: Mapping[str, Rate | Refusal]
) -> Decimal | Refusal:
    """Return the largest of these sums in the reference currency."""
    largest = Decimal(0)
    for key in map(str, keys):
        total = Decimal(0)
        for coin, amount in sums.get(key, {}).items():
            rate = rates[coin]
            if isinstance(rate, Refusal):
                return rate
            total += price(amount, rate.rate)
        largest = max(largest, total)
    return largest
