"""What a local Heleket has of its one merchant: payouts and their lives, money and webhooks."""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from heleket.sandbox import catalogue, lives, rules
from heleket.sandbox.faults import Faults
from heleket.sandbox.gate import Gate
from heleket.sandbox.ledger import Ledger
from heleket.sandbox.outbox import Outbox
from heleket.sandbox.records import (
    CREATE,
    Call,
    Delivery,
    Entry,
    HeldRequest,
    Payout,
)

CALLS_KEPT = 100_000


def utc_now() -> datetime:
    return datetime.now(UTC)


class Merchant:
    """For use by many threads; hold `lock` to read while others write.

    `latency_seconds` pass before each answer, `pace_seconds` between two statuses of a payout.
    The same `seed` gives the same ids and the same chances.
    """

    def __init__(
        self,
        *,
        merchant_id: str,
        payout_key: str,
        payment_key: str,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        seed: int = 0,
        latency_seconds: float = 0,
        pace_seconds: float = 5,
    ) -> None:
        self.merchant_id = merchant_id
        self.payout_key = payout_key
        self.payment_key = payment_key
        self.now = now
        self.sleep = sleep
        self.seed = seed
        self.latency_seconds = latency_seconds
        self.pace_seconds = pace_seconds

        self.lock = threading.RLock()
        self.services = catalogue.services()
        self.prices = dict(catalogue.PRICES)
        self.payouts: list[Payout] = []
        self.ledger = Ledger()
        self.ledger.balances = {coin: Decimal(0) for _, coin in self.services}
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.faults = Faults(seed, self.lock, now)
        self.gate = Gate()
        self.held_requests: list[HeldRequest] = []
        self.fates: list[tuple[str, dict[str, str]]] = []
        self.mail = Outbox(self)

        # Every create is executed and its answer lost; or none arrives. Both look like a timeout.
        self.lose_answers = False
        self.drop_requests = False
        # See `switches`, where each of these has its choices.
        self.newer_members = True
        self.commission_name = ["commission"]
        self.balance_shape = "string"
        self.merchant_in_list = True
        self.longest_order_id = 32
        self.number_amounts = False
        # Whether the first status of a payout sends a webhook, too: not documented.
        self.announces_creation = False

        self.version = 0  # grows with every change worth saving
        self._by_order_id: dict[str, Payout] = {}
        self._by_uuid: dict[str, Payout] = {}
        self._moving: dict[str, Payout] = {}

    @property
    def balances(self) -> dict[str, Decimal]:
        return self.ledger.balances

    @property
    def order_ids(self) -> list[str]:
        """The order ids of all payouts, oldest first."""
        return list(self._by_order_id)

    @property
    def outbox(self) -> list[Delivery]:
        return self.mail.waiting

    @property
    def creates(self) -> list[Call]:
        """The calls that asked for a payout, oldest first."""
        return [call for call in self.calls if call.path == CREATE]

    def find(self, order_id: object) -> Payout | None:
        return self._by_order_id.get(order_id) if isinstance(order_id, str) else None

    def find_uuid(self, uuid: object) -> Payout | None:
        return self._by_uuid.get(uuid) if isinstance(uuid, str) else None

    def existing(self, uuid: str | None, order_id: str | None) -> Payout:
        payout = self.find_uuid(uuid) or self.find(order_id)
        if payout is None:
            raise ValueError("there is no such payout")
        return payout

    def debits(self, order_id: str) -> list[Entry]:
        """Return what was taken for an order id: more than one entry means paid twice."""
        with self.lock:
            return [
                entry for entry in self.ledger if entry.order_id == order_id and entry.delta < 0
            ]

    def top_up(self, currency: str, amount: str | Decimal) -> None:
        """Add to a balance. ValueError for an unknown coin or an amount that adds nothing."""
        with self.lock:
            if currency not in self.balances:
                raise ValueError(f"there is no wallet in {currency}")
            entry = Entry(self.now(), None, None, currency, rules.above_zero(amount), "top-up")
            self.ledger.add(entry)
            self.version += 1

    def open_payout(self, fields: rules.Fields, quote: rules.Quote, why: str = "payout") -> Payout:
        """Debit and store a payout that has passed all checks. The caller holds the lock."""
        now = self.now()
        number = len(self.payouts) + 1
        life = self._life_for(fields)
        payout = Payout(
            id=number,
            uuid=self.made_up_uuid(f"payout {number}"),
            order_id=fields.get("order_id"),
            amount=Decimal(fields["amount"]),
            currency=fields["currency"],
            network=quote.service.network,
            address=fields["address"],
            memo=fields.get("memo"),
            url_callback=fields.get("url_callback"),
            payer_currency=quote.service.currency,
            payer_amount=quote.payer_amount,
            commission=quote.commission,
            debit_currency=quote.debit_currency,
            merchant_amount=quote.merchant_amount,
            convert=quote.convert,
            life=life,
            created_at=now,
            updated_at=now,
        )
        self.ledger.debit(payout, now, why)
        self.remember(payout)
        self._plan(payout, now)
        if self.announces_creation:
            self.mail.announce(payout)
        return payout

    def remember(self, payout: Payout) -> None:
        """Make a payout known: new ones and those of a snapshot."""
        self.payouts.append(payout)
        self._by_uuid[payout.uuid] = payout
        if payout.order_id is not None:
            self._by_order_id[payout.order_id] = payout
        if payout.next_step_at:
            self._moving[payout.uuid] = payout
        self.version += 1

    def add_foreign_payout(
        self,
        *,
        amount: str = "10",
        currency: str = "USDT",
        network: str = "tron",
        address: str = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC",
        order_id: str | None = None,
        fate: str | None = None,
    ) -> Payout:
        """Add a payout that came in another way: by hand, or under an order id of the tests.

        It is debited without looking at the balance. Raises Refused for terms that the gateway
        does not pay, and ValueError for an order id that is taken.
        """
        with self.lock:
            if self.find(order_id):
                raise ValueError("there is a payout with this order id")
            fields = {
                "amount": amount,
                "currency": currency,
                "network": network,
                "address": address,
                "order_id": order_id,
                "is_subtract": True,
            }
            quote = rules.quote(fields, self.services, self.prices)
            payout = self.open_payout(fields, quote, "made by hand")
            if fate:
                self.set_fate(fate, uuid=payout.uuid)
            return payout

    def made_up_uuid(self, name: str) -> str:
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        return str(UUID(bytes=digest[:16], version=4))

    def withdraw_service(self, network: str, currency: str) -> None:
        """Show a service as not available; payouts over it are refused."""
        with self.lock:
            service = self.services[network, currency]
            self.services[network, currency] = replace(service, is_available=False)

    def rename_currency(self, network: str, currency: str, new: str) -> None:
        """Give a coin of one network another code; its price and an empty balance go with it."""
        with self.lock:
            service = self.services.pop((network, currency))
            self.services[network, new] = replace(service, currency=new)
            self.prices.setdefault(new, self.prices[currency])
            self.balances.setdefault(new, Decimal(0))

    def set_fate(self, fate: str, *, uuid: str | None = None, **which: str) -> None:
        """Say how payouts end: a name of lives.FATES, or a life like "process fail paid!".

        With uuid or the order_id of a payout that exists: this one, from now on. Otherwise all
        later ones that have these fields (order_id, address, currency, …); the last word counts.
        ValueError for an unknown fate or uuid, and for a payout that is final.
        """
        life = lives.life_of(fate)
        with self.lock:
            if uuid is None and self.find(which.get("order_id")) is None:
                self.fates.append((life, which))
                return
            payout = self.existing(uuid, which.get("order_id"))
            if payout.is_final:
                raise ValueError("the payout is final")
            payout.life = life
            payout.step = 1 if lives.comes_second(payout.status, payout.is_final, life) else 0
            self._plan(payout, self.now())

    def _life_for(self, fields: rules.Fields) -> str:
        for life, which in reversed(self.fates):
            if all(fields.get(name) == value for name, value in which.items()):
                return life
        return lives.FATES["paid"]

    def _plan(self, payout: Payout, last_step_at: datetime) -> None:
        """Set when the next step is due, if one is left."""
        if payout.step + 1 < len(payout.life.split()):
            payout.next_step_at = last_step_at + timedelta(seconds=self.pace_seconds)
            self._moving[payout.uuid] = payout
        else:
            payout.next_step_at = None
            self._moving.pop(payout.uuid, None)
        self.version += 1

    def advance(self, order_id: str | None = None, *, uuid: str | None = None) -> int:
        """Take one step with one payout, or with all that have one left; return how many moved.

        ValueError if there is no such payout.
        """
        with self.lock:
            if order_id is None and uuid is None:
                moving = list(self._moving.values())
            else:
                one = self.existing(uuid, order_id)
                moving = [one] if one.uuid in self._moving else []
            for payout in moving:
                self._step(payout, self.now())
        self.mail.hand_over()
        return len(moving)

    def take_due_steps(self) -> None:
        """Take the steps that are due by the clock. The caller holds the lock."""
        now = self.now()
        for payout in list(self._moving.values()):
            while payout.next_step_at and payout.next_step_at <= now:
                self._step(payout, payout.next_step_at)

    def _step(self, payout: Payout, at: datetime) -> None:
        payout.step += 1
        step = lives.steps(payout.life)[payout.step]
        self._enter(payout, step, at)
        self._plan(payout, at)

    def force_status(
        self,
        status: str,
        *,
        is_final: bool,
        order_id: str | None = None,
        uuid: str | None = None,
    ) -> None:
        """Put a payout into any state, even one that contradicts its last; its life ends here.

        ValueError if there is no such payout.
        """
        with self.lock:
            payout = self.existing(uuid, order_id)
            payout.life, payout.step = "process", 0
            self._enter(payout, lives.Step(status, is_final, status == "paid"), self.now())
            self._plan(payout, self.now())
        self.mail.hand_over()

    def _enter(self, payout: Payout, step: lives.Step, at: datetime) -> None:
        payout.status, payout.is_final, payout.updated_at = step.status, step.is_final, at
        if step.has_txid and payout.txid is None:
            payout.txid = catalogue.made_up_txid(payout.uuid, payout.network)
        has_failed = step.is_final and step.status in lives.FAILURES
        if has_failed and not payout.is_returned:
            self.ledger.give_back(payout, at, "returned")
        if not has_failed and payout.is_returned:
            self.ledger.debit(payout, at, "paid after all")
        payout.is_returned = has_failed
        self.mail.announce(payout)

    def take_webhooks(self) -> list[Delivery]:
        """Remove and return the webhooks that are due, in the order in which they should go."""
        with self.lock:
            return self.mail.take_due()
