"""A merchant as JSON text, so that its payouts and money outlive a restart."""

import json
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from heleket.sandbox.catalogue import Service
from heleket.sandbox.merchant import Merchant
from heleket.sandbox.records import Call, Delivery, Entry, Payout

Record = TypeVar("Record", Call, Delivery, Entry, Payout, Service)

BYTES = "surrogateescape"  # whatever was sent comes back as the same bytes


def dump(gateway: Merchant) -> str:
    """Write payouts and what asked for them, money, services, fates and webhooks; no keys."""
    state = {
        "seed": gateway.seed,
        "balances": gateway.balances,
        "personal": gateway.ledger.personal,
        "prices": gateway.prices,
        "services": [asdict(service) for service in gateway.services.values()],
        "fates": gateway.fates,
        "payouts": [asdict(payout) for payout in gateway.payouts],
        "creates": [asdict(call) for call in gateway.creates],
        "ledger": [asdict(entry) for entry in gateway.ledger],
        "webhooks": [asdict(delivery) for delivery in gateway.outbox],
    }
    return json.dumps(state, default=written)


def written(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.decode(errors=BYTES) if isinstance(value, bytes) else str(value)


def restore(gateway: Merchant, text: str) -> None:
    """Fill a new merchant."""
    state = json.loads(text)
    gateway.seed = state["seed"]
    gateway.prices = decimals(state["prices"])
    services = [read(Service, row) for row in state["services"]]
    gateway.services = {(service.network, service.currency): service for service in services}
    gateway.fates = [(life, which) for life, which in state["fates"]]
    for row in state["payouts"]:
        gateway.remember(read(Payout, row))
    gateway.calls.extend(read(Call, row) for row in state.get("creates", ()))
    for row in state["ledger"]:
        gateway.ledger.add(read(Entry, row))
    gateway.ledger.balances = decimals(state["balances"])
    gateway.ledger.personal = decimals(state["personal"])
    gateway.outbox.extend(read(Delivery, row) for row in state["webhooks"])


def decimals(row: dict[str, str]) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in row.items()}


def read(kind: type[Record], row: dict[str, Any]) -> Record:
    return kind(**{field.name: as_kind(field.type, row[field.name]) for field in fields(kind)})


def as_kind(kind: object, value: Any) -> Any:
    if value is None:
        return None
    if kind is Decimal:
        return Decimal(value)
    if kind in (datetime, datetime | None):
        return datetime.fromisoformat(value)
    return value.encode(errors=BYTES) if kind is bytes else value
