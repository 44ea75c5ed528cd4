"""What a person approved in one act: a statement of all its payouts, whose bytes are what counts.

The bytes are canonical JSON (RFC 8785), stored as they were made and never made anew from rows. The
event of each approval seals their SHA-256. An act over more than 1,000 payouts makes a statement
for each thousand, as each thousand is a transaction of its own.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import rfc8785

from audit import chain, clock
from audit.actor import Actor
from payouts.controls.documents import Values
from payouts.controls.policy import Policy
from payouts.models import Approval, Payout, Statement
from wallets.amounts import format_amount

ACT = "approve"


def make(payouts: Sequence[Payout], actor: Actor, policy: Policy) -> Statement:
    """Return the statement, not stored yet, that this person approves these locked payouts."""
    body = rfc8785.dumps(
        {
            "act": ACT,
            "approver": {"id": actor.person_id, "login": actor.login},
            "at": chain.stamp(clock.now()),
            "count": len(payouts),
            "expires": chain.stamp(clock.now() + policy.values.approvals_last),
            "policy": policy.version,
            "rows": [
                row(payout, policy.values)
                for payout in sorted(payouts, key=lambda each: each.number)
            ],
            "sums": sums(payouts),
        }
    )
    return Statement(sha256=hashlib.sha256(body).hexdigest(), body=body)


def row(payout: Payout, values: Values) -> dict[str, Any]:
    """What is said of one payout; when its approval expires only where that is not as for all."""
    said = {
        "digest": payout.digest(),
        "event": payout.last_event,
        "number": payout.number,
        "payout": str(payout.pk),
    }
    return said | ({"expires": chain.stamp(expires_at(payout, values))} if payout.is_early else {})


def expires_at(payout: Payout, values: Values) -> datetime:
    """When an approval given now expires. One for a day to come cannot be used before that day, so
    its time begins then: it would expire while nothing but the date is waited for."""
    return max(clock.now(), payout.pay_from or clock.now()) + values.approvals_last


def sums(payouts: Iterable[Payout]) -> dict[str, dict[str, Any]]:
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for payout in payouts:
        amounts[payout.currency].append(payout.amount)
    return {
        coin: {"amount": format_amount(sum(some, Decimal(0))), "count": len(some)}
        for coin, some in amounts.items()
    }


@dataclass(frozen=True)
class Row:
    """What a statement says of one payout."""

    digest: str
    expires_at: datetime


@dataclass(frozen=True)
class Stated:
    """What a statement says: `rows` by the id of the payout, `sums` amount and count by coin."""

    sha256: str
    approver: int
    policy: int
    expires_at: datetime
    count: int
    sums: Mapping[str, tuple[Decimal, int]]
    rows: Mapping[str, Row]


def read_all(approvals: Iterable[Approval]) -> dict[int | None, Stated]:
    """Return what the statements of these say, by id, each read once. One whose bytes are not those
    that its SHA-256 was made of says nothing."""
    ids = {each.statement_id for each in approvals if each.statement_id}
    found = Statement.objects.filter(pk__in=ids) if ids else Statement.objects.none()
    read = {statement.pk: stated_by(bytes(statement.body), statement.sha256) for statement in found}
    return {pk: stated for pk, stated in read.items() if stated}


def stated_by(body: bytes, sha256: str) -> Stated | None:
    if hashlib.sha256(body).hexdigest() != sha256:
        return None
    with suppress(ValueError, KeyError, TypeError, ArithmeticError):
        return read(json.loads(body), sha256)
    return None


def read(said: dict[str, Any], sha256: str) -> Stated | None:
    if said["act"] != ACT:
        return None
    expires = said["expires"]
    return Stated(
        sha256=sha256,
        approver=said["approver"]["id"],
        policy=said["policy"],
        expires_at=datetime.fromisoformat(expires),
        count=said["count"],
        sums={coin: (Decimal(s["amount"]), s["count"]) for coin, s in said["sums"].items()},
        rows={
            each["payout"]: Row(
                each["digest"], datetime.fromisoformat(each.get("expires", expires))
            )
            for each in said["rows"]
        },
    )
