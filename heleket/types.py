"""What Heleket answers, as values. Amounts are exact; a member that was missing or null is None.

So is an odd one on which no money hangs: all but uuid, order id, status, final word, amount, coin,
network and address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class RemotePayout:
    """A payout as Heleket sees it. `status` may be one that nobody has documented.

    Only `is_final` ends a payout: one that failed, but not finally, may still be paid.
    `answer` is the body it was read from, cut and free of keys; empty for an item of a list.
    Source: https://doc.heleket.com/methods/payouts/payout-information.md
    """

    uuid: str
    status: str
    is_final: bool
    amount: Decimal | None = None
    currency: str | None = None
    network: str | None = None
    address: str | None = None
    txid: str | None = None
    order_id: str | None = None
    balance: Decimal | None = None
    payer_currency: str | None = None
    payer_amount: Decimal | None = None
    merchant_amount: Decimal | None = None
    commission: Decimal | None = None
    fail_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Calculation:
    """What a payout would cost: debited from us, and arriving at the recipient."""

    commission: Decimal
    merchant_amount: Decimal
    payout_amount: Decimal


@dataclass(frozen=True, slots=True)
class RemoteService:
    """A coin on a network that Heleket pays out, for `fee_amount` plus `percent` of the amount.

    Source: https://doc.heleket.com/methods/payouts/list-of-services
    """

    network: str
    currency: str
    is_available: bool
    min_amount: Decimal
    max_amount: Decimal
    fee_amount: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """Payouts draw on the `merchant` (business) balances, never on the `user` (personal) ones."""

    owner: Literal["merchant", "user"]
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `source` is worth `course` units of `target`, if Heleket is right: it may be zero
    or less, or far off."""

    source: str
    target: str
    course: Decimal


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer between the business and the personal wallet, with both balances after it."""

    user_transaction_uuid: str
    user_balance: Decimal
    merchant_transaction_uuid: str
    merchant_balance: Decimal


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What can be said when a payout that was sent, or perhaps sent, should be cancelled."""

    state: Literal["unknown_there", "under_way", "ended"]
    remote: RemotePayout | None
    sentence: str
