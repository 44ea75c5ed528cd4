"""Webhooks: how they are written, what goes wrong with them, and when they are tried again."""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from heleket.sandbox import lives
from heleket.sandbox.catalogue import made_up_txid
from heleket.sandbox.faults import Fault, Faults
from heleket.sandbox.records import Delivery, Payout
from heleket.sandbox.rules import Fields, money
from heleket.webhooks import sign_webhook

HISTORY_KEPT = 500
GIVE_UP_AFTER = timedelta(hours=24)
LONGEST_PAUSE_SECONDS = 3600.0
LATE_SECONDS = 60.0
Members = dict[str, Any]


class Sender(Protocol):
    """The merchant whose webhooks these are."""

    payout_key: str
    payment_key: str
    now: Callable[[], datetime]
    lock: threading.RLock
    faults: Faults

    def made_up_uuid(self, name: str) -> str: ...


class Outbox:
    """Webhooks that wait to be delivered, in order, and the last ones there were.

    With `deliver` set they are handed to it at once, before the answer to the call that caused
    them; otherwise somebody takes them (a courier, a test).
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._withheld: dict[str, Delivery] = {}
        self.waiting: list[Delivery] = []
        self.history: deque[Delivery] = deque(maxlen=HISTORY_KEPT)
        self.deliver: Callable[[Delivery], object] | None = None
        self.first_pause_seconds = 5.0

    def announce(self, payout: Payout) -> None:
        """Write the webhook about a payout's present state, if it wants any."""
        if payout.url_callback:
            self._queue(payout.url_callback, members(payout))

    def imitate(self, fields: Fields, payout: Payout | None) -> None:
        """Write a test webhook, about a payout or a made-up one."""
        status = fields["status"]
        content = all_members(payout) if payout else made_up(fields, self._sender)
        content |= {"status": status, "is_final": status not in ("process", "check"), "txid": None}
        if status == "paid":
            content["txid"] = made_up_txid(content["uuid"], content["network"])
        self._queue(fields["url_callback"], fitting(content))

    def _queue(self, url: str, content: Members) -> None:
        """Put a webhook in line, unless a fault delays or loses it."""
        now, uuid, order_id = self._sender.now(), content["uuid"], content["order_id"]
        body = self._written(content)
        delivery = Delivery(url, body, uuid, order_id, content["status"], now, now)
        self.history.appendleft(delivery)
        if self._strikes("webhook_lost", order_id):
            delivery.outcome = "lost"
            return
        if late := self._strikes("webhook_late", order_id):
            delivery.due_at += timedelta(seconds=late.seconds or LATE_SECONDS)
        earlier = self._withheld.pop(uuid, None)
        if not content["is_final"] and self._strikes("webhook_out_of_order", order_id):
            self._withheld[uuid] = delivery  # until the next one of this payout is in line
        else:
            self.waiting.append(delivery)
        if earlier:
            self.waiting.append(earlier)
        if self._strikes("webhook_duplicate", order_id):
            self.waiting.append(replace(delivery))

    def _written(self, content: Members) -> bytes:
        order_id = content["order_id"]
        wrong = self._strikes("webhook_wrong_key", order_id)
        body = sign_webhook(content, self._sender.payment_key if wrong else self._sender.payout_key)
        if self._strikes("webhook_reserialised", order_id):
            return json.dumps(json.loads(body), indent=2).encode()
        return body

    def _strikes(self, name: str, order_id: str | None) -> Fault | None:
        return self._sender.faults.for_webhook(name, order_id)

    def take_due(self) -> list[Delivery]:
        now = self._sender.now()
        due = [delivery for delivery in self.waiting if delivery.due_at <= now]
        if due:
            self.waiting = [delivery for delivery in self.waiting if delivery.due_at > now]
        return due

    def hand_over(self) -> None:
        if self.deliver:
            with self._sender.lock:
                due = self.take_due()
            for delivery in due:
                self.deliver(delivery)

    def settle(self, delivery: Delivery, outcome: str, *, accepted: bool) -> None:
        """Note how a try ended; what was not accepted is tried again after a growing pause."""
        with self._sender.lock:
            delivery.tries += 1
            delivery.outcome = outcome
            if accepted:
                return
            doubled: float = self.first_pause_seconds * 2 ** min(delivery.tries - 1, 30)
            pause = timedelta(seconds=min(doubled, LONGEST_PAUSE_SECONDS))
            delivery.due_at = self._sender.now() + pause
            if delivery.due_at - delivery.made_at > GIVE_UP_AFTER:
                delivery.outcome = f"given up: {outcome}"
                return
            self.waiting.append(delivery)


def members(payout: Payout) -> Members:
    """Return a webhook without its signature.

    Source: https://doc.heleket.com/methods/payouts/webhook.md: no txid when it failed or was
    paid inside Heleket, the network in lower case.
    """
    return fitting(all_members(payout))


def fitting(content: Members) -> Members:
    has_failed, is_paid = content["status"] in lives.FAILURES, content["status"] == "paid"
    if has_failed or (is_paid and content["txid"] is None):
        del content["txid"]
    return content


def all_members(payout: Payout) -> Members:
    """Return all that a webhook can have, in Heleket's order."""
    return {
        "type": "payout",
        "uuid": payout.uuid,
        "order_id": payout.order_id,
        "amount": money(payout.amount),
        "merchant_amount": money(payout.merchant_amount),
        "commission": money(payout.commission),
        "is_final": payout.is_final,
        "status": payout.status,
        "txid": payout.txid,
        "currency": payout.currency,
        "network": payout.network,
        "payer_currency": payout.payer_currency,
        "payer_amount": money(payout.payer_amount),
    }


def made_up(fields: Fields, sender: Sender) -> Members:
    currency = fields["currency"]
    return {
        "type": "payout",
        "uuid": sender.made_up_uuid("test webhook"),
        "order_id": "test-webhook",
        "amount": money(Decimal(10)),
        "merchant_amount": money(Decimal(11)),
        "commission": money(Decimal(1)),
        "is_final": False,
        "status": "process",
        "txid": None,
        "currency": currency,
        "network": fields["network"].lower(),
        "payer_currency": currency,
        "payer_amount": money(Decimal(10)),
    }
