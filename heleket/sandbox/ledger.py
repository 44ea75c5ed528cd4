"""The merchant's money at the gateway: balances, and every movement that made them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from heleket.sandbox.records import Entry, Payout


class Ledger:
    """Entries are only ever added. Iterating yields them in order."""

    def __init__(self) -> None:
        self.balances: dict[str, Decimal] = {}
        self.personal: dict[str, Decimal] = {}
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        balance = self.balances.get(entry.currency, Decimal(0))
        self.balances[entry.currency] = balance + entry.delta

    def debit(self, payout: Payout, at: datetime, why: str) -> None:
        self._move(payout, at, -payout.merchant_amount, why)

    def give_back(self, payout: Payout, at: datetime, why: str) -> None:
        self._move(payout, at, payout.merchant_amount, why)

    def _move(self, payout: Payout, at: datetime, delta: Decimal, why: str) -> None:
        currency = payout.debit_currency
        self.add(Entry(at, payout.order_id, payout.uuid, currency, delta, why))
