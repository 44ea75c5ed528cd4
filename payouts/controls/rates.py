from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from audit import clock
from audit.refusals import Refusal
from wallets.amounts import UNIT


@dataclass(frozen=True)
class RateBounds:
    max_age: timedelta
    most_change: Decimal


@dataclass(frozen=True)
class Rate:
    currency: str
    rate: Decimal
    fetched_at: datetime
    source: str = "heleket"


def sound_rates(currencies: Collection[str], *, bounds: RateBounds) -> dict[str, Rate | Refusal]:
    return {each: Rate(each, Decimal(1), clock.now()) for each in currencies}


def price(amount: Decimal, rate: Decimal) -> Decimal:
    return (amount * rate).quantize(UNIT, ROUND_HALF_EVEN)
