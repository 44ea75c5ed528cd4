"""From an HTTP answer to a result or an error, and from a result to values.

Whatever is not plainly a success or a refusal leaves the outcome unknown.
Source: https://doc.heleket.com/general/request-format.md
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, TypeVar

from heleket.errors import (
    HeleketError,
    OutcomeUnknown,
    RequestRejected,
    TooManyRequests,
    Unauthorized,
)
from heleket.parsing import parse
from heleket.signing import Secret
from heleket.types import Balance, Calculation, Rate, RemotePayout, RemoteService, Transfer

T = TypeVar("T")

HELEKET_TIME = timezone(timedelta(hours=3))  # times without an offset are taken as Heleket's own
MAX_TEXT = 255
MAX_UUID = 64
MAX_KEPT = 4096
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
MIN_AMOUNT, MAX_AMOUNT = Decimal("1e-20"), Decimal("1e20")
SECONDS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and the secrets that must not be kept if it repeats them."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    secrets: Sequence[Secret] = ()
    in_doubt: bool = False  # whether it may be the answer to another call

    @property
    def text(self) -> str:
        """What may be kept of the body: cut, and storable whatever bytes came."""
        text = self.hide(self.body.decode(errors="replace"))
        return text[:MAX_KEPT].replace("\x00", "\ufffd")

    def hide(self, text: str) -> str:
        for secret in self.secrets:
            text = secret.hide(text)
        return text


def read_result(answer: Answer, read: Callable[[Any], T], *, asked: bytes = b"") -> T:
    """Return the `result` of an answer as `read` makes it. Raises HeleketError for all others.

    An answer in doubt counts only if it names the payout that the request `asked` was about.
    """
    content = _content(answer)
    if answer.in_doubt and not _is_about(content.get("result"), asked):
        raise _error(
            OutcomeUnknown,
            "More than one answer came from Heleket, so this one may belong to another call.",
            answer,
        )
    code, state = answer.status_code, content.get("state")
    if code == 200 and type(state) is int and state == 0 and "result" in content:
        try:
            return read(content["result"])
        except ValueError as exc:
            raise _error(
                OutcomeUnknown, f"Heleket's answer cannot be used: {exc}.", answer
            ) from None
    raise _failure(answer, content)


def _content(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer, or an empty one for anything else."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in {"", "application/json"}:
        return {}
    try:
        content = parse(answer.body.decode())
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _is_about(result: object, asked: bytes) -> bool:
    """Tell whether a result names the payout of a request, by our order id or Heleket's."""
    named = json.loads(asked) if asked else {}
    return isinstance(result, dict) and any(
        name in named and result.get(name) == named[name] for name in ("order_id", "uuid")
    )


def _failure(answer: Answer, content: dict[str, Any]) -> HeleketError:
    code, state, message = answer.status_code, content.get("state"), content.get("message")
    if code == 422 and type(state) is int and state == 1:
        errors = _field_errors(content.get("errors"))
        said = answer.hide(message if isinstance(message, str) else _sentence(errors))
        return RequestRejected(said[:MAX_TEXT], errors=errors, status_code=code, answer=answer.text)
    if code == 401 and isinstance(message, str):
        said = answer.hide(message)[:MAX_TEXT]
        return _error(Unauthorized, f"Heleket does not accept our signature: {said}", answer)
    if code == 429:
        waiting = answer.headers.get("Retry-After", "").strip()
        return TooManyRequests(
            "Heleket asks us to slow down.",
            retry_after=int(waiting) if SECONDS.fullmatch(waiting) else None,
            status_code=code,
            answer=answer.text,
        )
    return _error(OutcomeUnknown, f"Heleket answered HTTP {code} without a usable result.", answer)


def _error(kind: type[HeleketError], message: str, answer: Answer) -> HeleketError:
    return kind(message, status_code=answer.status_code, answer=answer.text)


def _field_errors(errors: object) -> dict[str, list[str]]:
    """Read `{"amount": ["validation.required"]}`; whatever has another shape becomes text."""
    if not isinstance(errors, dict):
        return {}
    return {
        name: [str(code) for code in codes] if isinstance(codes, list) else [str(codes)]
        for name, codes in errors.items()
    }


def _sentence(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(codes)}" for name, codes in errors.items())


def read_payout(result: object) -> RemotePayout:
    """Read one payout. Raises ValueError without a uuid or status, or on a member out of bounds."""
    members = _object(result)
    uuid = _required_text(members, "uuid")
    if len(uuid) > MAX_UUID:
        raise ValueError("uuid is too long")
    known = {
        name: read(members[wire])
        for wire, (name, read) in PAYOUT_MEMBERS.items()
        if wire in members
    }
    return RemotePayout(
        uuid=uuid,
        status=_required_text(members, "status"),
        is_final=members.get("is_final") is True,
        extra={name: value for name, value in members.items() if name not in KNOWN_MEMBERS},
        **known,
    )


def read_page(result: object) -> tuple[list[RemotePayout], str | None]:
    """Read a page of the history: its payouts and the cursor of the next page."""
    members = _object(result)
    cursor = _object(members.get("paginate")).get("nextCursor")
    if cursor is not None and not isinstance(cursor, str):
        raise ValueError("nextCursor is not a text")
    return [read_payout(item) for item in _list(members.get("items"))], cursor or None


def read_calculation(result: object) -> Calculation:
    members = _object(result)
    arriving = "payout_amount" if "payout_amount" in members else "amount"
    return Calculation(
        commission=_required_decimal(members, "commission"),
        merchant_amount=_required_decimal(members, "merchant_amount"),
        payout_amount=_required_decimal(members, arriving),
    )


def read_services(result: object) -> list[RemoteService]:
    return [_service(_object(item)) for item in _list(result)]


def _service(members: dict[str, Any]) -> RemoteService:
    limit, commission = _object(members.get("limit")), _object(members.get("commission"))
    return RemoteService(
        network=_required_text(members, "network"),
        currency=_required_text(members, "currency"),
        is_available=members.get("is_available") is True,
        min_amount=_required_decimal(limit, "min_amount"),
        max_amount=_required_decimal(limit, "max_amount"),
        fee_amount=_required_decimal(commission, "fee_amount"),
        percent=_required_decimal(commission, "percent"),
    )


def read_balances(result: object) -> list[Balance]:
    """Read balances, which come as a list of one. Source: https://doc.heleket.com/other/balance.md"""
    owners: tuple[Literal["merchant", "user"], ...] = ("merchant", "user")
    return [
        Balance(
            owner=owner,
            currency=_required_text(_object(item), "currency_code"),
            amount=_required_decimal(_object(item), "balance"),
        )
        for entry in _list(result)
        for owner in owners
        for item in _list(_object(_object(entry).get("balance")).get(owner, []))
    ]


def read_rates(result: object) -> list[Rate]:
    return [
        Rate(
            source=_required_text(_object(item), "from"),
            target=_required_text(_object(item), "to"),
            course=_required_decimal(_object(item), "course"),
        )
        for item in _list(result)
    ]


def read_transfer(result: object) -> Transfer:
    members = _object(result)
    return Transfer(
        user_transaction_uuid=_required_text(members, "user_wallet_transaction_uuid"),
        user_balance=_required_decimal(members, "user_wallet_balance"),
        merchant_transaction_uuid=_required_text(members, "merchant_transaction_uuid"),
        merchant_balance=_required_decimal(members, "merchant_balance"),
    )


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object is missing")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    return value


def _required_text(members: dict[str, Any], name: str) -> str:
    if (text := _text(members.get(name))) is None:
        raise ValueError(f"{name} is missing")
    return text


def _required_decimal(members: dict[str, Any], name: str) -> Decimal:
    if (number := _decimal(members.get(name))) is None:
        raise ValueError(f"{name} is missing")
    return number


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("a text is not a text, or too long")
    return value


def _decimal(value: object) -> Decimal | None:
    """Read an amount from a string or a JSON number, within what any coin could need."""
    if value is None or value == "":
        return None
    is_number = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    if not is_number or not NUMBER.fullmatch(str(value)):
        raise ValueError("an amount is not a number")
    number = Decimal(str(value))
    if abs(number) >= MAX_AMOUNT or 0 < abs(number) < MIN_AMOUNT:
        raise ValueError("an amount is out of bounds")
    return number


def _time(value: object) -> datetime | None:
    """Read a time. One that cannot be read is none: no decision hangs on it."""
    try:
        time = datetime.fromisoformat(_text(value) or "")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=HELEKET_TIME)


# The name on the wire, the field, and how it is read. Of two names for a field the later one wins.
PAYOUT_MEMBERS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "amount": ("amount", _decimal),
    "currency": ("currency", _text),
    "network": ("network", _text),
    "address": ("address", _text),
    "txid": ("txid", _text),
    "order_id": ("order_id", _text),
    "balance": ("balance", _decimal),
    "payer_currency": ("payer_currency", _text),
    "payer_amount": ("payer_amount", _decimal),
    "merchant_amount": ("merchant_amount", _decimal),
    "commissions": ("commission", _decimal),
    "commission": ("commission", _decimal),
    "fail_reason": ("fail_reason", _text),
    "created_at": ("created_at", _time),
    "updated_at": ("updated_at", _time),
}
KNOWN_MEMBERS = PAYOUT_MEMBERS.keys() | {"uuid", "status", "is_final"}
