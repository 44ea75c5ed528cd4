"""What the sandbox keeps and passes around: requests, answers, payouts, money, webhooks."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from http.client import responses
from typing import Any, Protocol

CREATE = "/v1/payout"  # the path of the one call that moves money
RATES = "/v1/exchange-rate/*/list"  # of any coin
RATES_OF = re.compile("/v1/exchange-rate/[^/]+/list")


class Headers(Protocol):
    """Header names in lower case, or any mapping that ignores their case."""

    def get(self, name: str, /) -> str | bytes | None: ...


class Link(Enum):
    """What the network does with an answer."""

    SENT = "sent"
    CUT = "cut"  # half of the body, then the connection ends
    RESET = "reset"  # the connection ends without an answer
    SILENT = "silent"  # the connection stays open, no answer ever comes
    REFUSED = "refused"  # there never was a connection: nothing was sent
    CONNECT_TIMEOUT = "connect_timeout"  # the same, after waiting in vain
    TLS_FAILURE = "tls_failure"  # the same, the certificate is not trusted


@dataclass(frozen=True)
class Answer:
    """What the gateway answers, and what becomes of it on the way back.

    `wait_seconds` pass before the first byte, `drip_seconds` before each byte of the body. The
    statuses of `interim` (100, 103) are sent before it, each as an answer without a body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    link: Link = Link.SENT
    wait_seconds: float = 0
    drip_seconds: float = 0
    interim: tuple[int, ...] = ()

    @classmethod
    def json(cls, status: int, value: object) -> "Answer":
        """Answer with `value`, its slashes written as PHP writes them."""
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return cls(status, text.replace("/", "\\/").encode())


def reason(status: int) -> str:
    return responses.get(status, "Unknown")


class Refused(Exception):
    """The request is answered with HTTP 422 and this content; nothing was changed."""

    def __init__(self, **content: object) -> None:
        super().__init__(content)
        self.answer = Answer.json(422, {"state": 1, **content})


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        value = self.headers.get(name) or ""
        return value.decode("latin-1") if isinstance(value, bytes) else value

    @cached_property
    def route(self) -> str:
        """The path, without the coin in it."""
        return RATES if RATES_OF.fullmatch(self.path) else self.path

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The members of the body. What is no JSON object has none, as in the frameworks of PHP."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Call:
    """A request that reached the gateway, and the fault that met it ("" for none)."""

    at: datetime
    path: str
    body: bytes
    fault: str


@dataclass(frozen=True)
class Entry:
    """One movement of the merchant's money: negative for a debit."""

    at: datetime
    order_id: str | None
    uuid: str | None
    currency: str
    delta: Decimal
    why: str


@dataclass
class Payout:
    """One payout as the gateway knows it. `merchant_amount` is what was debited, fee included."""

    id: int
    uuid: str
    order_id: str | None
    amount: Decimal
    currency: str
    network: str
    address: str
    memo: str | None
    url_callback: str | None
    payer_currency: str
    payer_amount: Decimal
    commission: Decimal
    debit_currency: str
    merchant_amount: Decimal
    convert: dict[str, str] | None
    life: str
    created_at: datetime
    updated_at: datetime
    step: int = 0
    next_step_at: datetime | None = None
    status: str = "process"
    is_final: bool = False
    txid: str | None = None
    is_returned: bool = False


@dataclass
class Delivery:
    """One webhook on its way: the same bytes at every try."""

    url: str
    body: bytes
    uuid: str
    order_id: str | None
    status: str
    made_at: datetime
    due_at: datetime
    tries: int = 0
    outcome: str = "waiting"


@dataclass(frozen=True)
class HeldRequest:
    """A request stuck in a slow lane: its sender has given up, it will be executed all the same."""

    request: Request
    due_at: datetime | None
