"""From an HTTP answer to a result or an error, and from a result to values.

Whatever is not plainly a success or a refusal leaves the outcome unknown.
Source: https://doc.heleket.com/general/request-format.md
"""

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Literal, TypeVar

from heleket.errors import (
    HeleketError,
    OutcomeUnknown,
    RequestRejected,
    TooManyRequests,
    Unauthorized,
)
from heleket.parsing import clean, parse_answer, storable
from heleket.signing import Secret
from heleket.types import Balance, Calculation, Rate, RemotePayout, RemoteService, Transfer

T = TypeVar("T")

HELEKET_TIME = timezone(timedelta(hours=3))  # times without an offset are taken as Heleket's own
MAX_TEXT = 255
MAX_UUID = 64
MAX_KEPT = 4096
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
MIN_AMOUNT, MAX_AMOUNT = Decimal("1e-20"), Decimal("1e20")
SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
MAX_SECONDS = 10**9  # a longer wait means the same, and can be counted with
JSON_TYPES = re.compile(r"|(application|text)/([a-z0-9.-]+\+)?json")
MAX_UNFOLDED = 1024 * 1024
# Each as zlib knows it, and as some servers write "deflate".
CODINGS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


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
        return clean(self.hide(self.body.decode(errors="replace"))[:MAX_KEPT])

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
        raise _unknown(
            "It cannot be told where Heleket's answer ends, so it may be that of another call.",
            answer,
        )
    if answer.status_code == 200 and _state(content) == 0 and "result" in content:
        try:
            return read(content["result"])
        except ValueError as exc:
            raise _unknown(f"Heleket's answer cannot be used: {exc}.", answer) from None
    raise _failure(answer, content)


def unfold(body: bytes, coding: str) -> bytes:
    """Return a body without its compression, or as it is if it cannot be read within bounds."""
    for window in CODINGS.get(coding.strip().lower(), ()):
        stream = zlib.decompressobj(window)
        try:
            unfolded = stream.decompress(body, MAX_UNFOLDED)
        except zlib.error:
            continue
        if stream.eof and not stream.unused_data:
            return unfolded
    return body


def _content(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer, or an empty one for anything else."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not JSON_TYPES.fullmatch(media_type):
        return {}
    try:
        # Bytes that are no UTF-8 spoil the text they stand in, and no other member.
        content = parse_answer(answer.body.decode("utf-8-sig", errors="surrogateescape"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _state(content: Mapping[str, Any]) -> int | None:
    """Read `state`, which has been seen as 0 and could be "0" or 0.0 as well; True is no number."""
    state = content.get("state")
    if isinstance(state, str):
        return {"0": 0, "1": 1}.get(state)
    is_number = isinstance(state, int | Decimal) and not isinstance(state, bool)
    return int(state) if is_number and state in (0, 1) else None


def _is_about(result: object, asked: bytes) -> bool:
    """Whether a result names the payout of a request, by our order id or Heleket's."""
    named = json.loads(asked) if asked else {}
    return isinstance(result, dict) and any(
        name in named and result.get(name) == named[name] for name in ("order_id", "uuid")
    )


def _failure(answer: Answer, content: dict[str, Any]) -> HeleketError:
    code, message = answer.status_code, content.get("message")
    if code == 422 and _state(content) == 1:
        errors = _field_errors(content.get("errors"))
        text = answer.hide(clean(message) if isinstance(message, str) else _sentence(errors))
        return RequestRejected(
            text[:MAX_TEXT], text=text, errors=errors, status_code=code, answer=answer.text
        )
    if code == 401 and isinstance(message, str):
        said = answer.hide(clean(message))[:MAX_TEXT]
        return Unauthorized(
            f"Heleket does not accept our signature: {said}", status_code=code, answer=answer.text
        )
    if code == 429:
        return _unknown("Heleket asks us to slow down.", answer, TooManyRequests)
    return _unknown(f"Heleket answered HTTP {code} without a usable result.", answer)


def _unknown(
    message: str, answer: Answer, kind: type[OutcomeUnknown] = OutcomeUnknown
) -> OutcomeUnknown:
    return kind(
        message,
        retry_after=_retry_after(answer.headers),
        status_code=answer.status_code,
        answer=answer.text,
    )


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Return the seconds until Heleket wants to be asked again, None if it did not say.

    A date counts from the date of the answer itself: our clock may differ from theirs.
    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    named = headers.get("Retry-After", "").strip()
    if SECONDS.fullmatch(named):
        return math.ceil(min(Decimal(named), Decimal(MAX_SECONDS)))
    until, at = _http_date(named), _http_date(headers.get("Date", ""))
    if until is None or at is None:
        return None
    return min(max(math.ceil((until - at).total_seconds()), 0), MAX_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _field_errors(errors: object) -> dict[str, list[str]]:
    """Read `{"amount": ["validation.required"]}`; whatever has another shape becomes text."""
    if not isinstance(errors, dict):
        return {}
    return {
        clean(name): [clean(str(code)) for code in (codes if isinstance(codes, list) else [codes])]
        for name, codes in errors.items()
    }


def _sentence(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(codes)}" for name, codes in errors.items())


def read_payout(result: object, *, uuid: str = "") -> RemotePayout:
    """Read one payout, strictly where money hangs on it and leniently elsewhere.

    Raises ValueError without a uuid or status, with another uuid than the one that was asked for,
    and for an odd order id, final word, amount, coin, network or address. Any other member that
    cannot be read is None, and is still in the answer.
    """
    members = _object(result, "the payout")
    if uuid and members.get("uuid", uuid) != uuid:
        raise ValueError("it is about another payout")
    return RemotePayout(
        uuid=_required_text(members, "uuid", MAX_UUID),
        status=_required_text(members, "status"),
        is_final="is_final" in members and _flag(members, "is_final"),
        order_id=_order_id(members),
        amount=_decimal(members, "amount"),
        currency=_text(members, "currency"),
        network=_text(members, "network"),
        address=_text(members, "address"),
        extra={name: value for name, value in members.items() if name not in KNOWN_MEMBERS},
        **_side_members(members),
    )


def _order_id(members: Mapping[str, Any]) -> str | None:
    number = members.get("order_id")
    if isinstance(number, int) and not isinstance(number, bool):
        members = {"order_id": str(number)}
    return _text(members, "order_id")


def _side_members(members: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (field, read) in SIDE_MEMBERS.items():
        if members.get(name) is not None:
            with suppress(ValueError):
                found[field] = read(members, name)
    return found


def read_page(
    result: object, on_odd: Callable[[str], None]
) -> tuple[list[RemotePayout], str | None]:
    """Read a page of the history: its payouts and the cursor of the next page."""
    items, cursor = read_entries(result)
    return _usable(items, read_payout, ["uuid"], on_odd), cursor


def read_entries(result: object) -> tuple[list[Any], str | None]:
    """Read a page of the history, and leave its payouts as they are."""
    members = _object(result, "the page")
    cursor = _object(members.get("paginate"), "paginate").get("nextCursor")
    if cursor is not None and not isinstance(cursor, str):
        raise ValueError("nextCursor is not a text")
    return _list(members.get("items"), "items"), cursor or None


def read_calculation(result: object) -> Calculation:
    members = _object(result, "the calculation")
    arriving = "payout_amount" if "payout_amount" in members else "amount"
    return Calculation(
        commission=_required_decimal(members, "commission"),
        merchant_amount=_required_decimal(members, "merchant_amount"),
        payout_amount=_required_decimal(members, arriving),
    )


def read_services(result: object, on_odd: Callable[[str], None]) -> list[RemoteService]:
    services = _list(result, "the list of services")
    return _usable(services, _service, ["network", "currency"], on_odd)


def _service(item: object) -> RemoteService:
    members = _object(item, "the service")
    limit = _object(members.get("limit"), "limit")
    commission = _object(members.get("commission"), "commission")
    return RemoteService(
        network=_required_text(members, "network"),
        currency=_required_text(members, "currency"),
        is_available=_flag(members, "is_available"),
        min_amount=_required_decimal(limit, "min_amount"),
        max_amount=_required_decimal(limit, "max_amount"),
        fee_amount=_required_decimal(commission, "fee_amount"),
        percent=_required_decimal(commission, "percent"),
    )


def read_balances(result: object, on_odd: Callable[[str], None]) -> list[Balance]:
    """Read balances, which come as a list of one. Source: https://doc.heleket.com/other/balance.md"""
    owners: tuple[Literal["merchant", "user"], ...] = ("merchant", "user")
    found: list[Balance] = []
    for entry in _list(result, "the list of balances"):
        wallets = _object(_object(entry, "the entry").get("balance"), "balance")
        for owner in owners:
            items = _list(wallets.get(owner, []), owner)
            found += _usable(items, partial(_balance, owner), ["currency_code"], on_odd)
    return found


def _balance(owner: Literal["merchant", "user"], item: object) -> Balance:
    members = _object(item, "the balance")
    return Balance(
        owner=owner,
        currency=_required_text(members, "currency_code"),
        amount=_required_decimal(members, "balance"),
    )


def _usable(
    items: Sequence[object],
    read: Callable[[object], T],
    names: Sequence[str],
    on_odd: Callable[[str], None],
) -> list[T]:
    """Read the entries of a list; one that cannot be read is named and left out."""
    found = []
    for number, item in enumerate(items, 1):
        try:
            found.append(read(item))
        except ValueError as exc:
            on_odd(f"Heleket's entry {number}{_called(item, names)} cannot be used: {exc}.")
    return found


def _called(item: object, names: Sequence[str]) -> str:
    values = [item.get(name) for name in names] if isinstance(item, dict) else []
    known = [value for value in values if isinstance(value, str) and PLAIN.fullmatch(value)]
    return f" ({'/'.join(known)})" if known else ""


def read_rates(result: object, on_odd: Callable[[str], None]) -> list[Rate]:
    return _usable(_list(result, "the list of rates"), _rate, ["from", "to"], on_odd)


def _rate(item: object) -> Rate:
    members = _object(item, "the rate")
    return Rate(
        source=_required_text(members, "from"),
        target=_required_text(members, "to"),
        course=_required_decimal(members, "course"),
    )


def read_transfer(result: object) -> Transfer:
    members = _object(result, "the transfer")
    return Transfer(
        user_transaction_uuid=_required_text(members, "user_wallet_transaction_uuid"),
        user_balance=_required_decimal(members, "user_wallet_balance"),
        merchant_transaction_uuid=_required_text(members, "merchant_transaction_uuid"),
        merchant_balance=_required_decimal(members, "merchant_balance"),
    )


# One member each. All raise ValueError with a sentence that names it.


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is not a list")
    return value


def _flag(members: Mapping[str, Any], name: str) -> bool:
    value = members.get(name)
    if not isinstance(value, bool):
        raise ValueError(f"{name} is neither true nor false")
    return value


def _required_text(members: Mapping[str, Any], name: str, longest: int = MAX_TEXT) -> str:
    if (text := _text(members, name, longest)) is None:
        raise ValueError(f"{name} is missing")
    return text


def _required_decimal(members: Mapping[str, Any], name: str) -> Decimal:
    if (number := _decimal(members, name)) is None:
        raise ValueError(f"{name} is missing")
    return number


def _text(members: Mapping[str, Any], name: str, longest: int = MAX_TEXT) -> str | None:
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest or not storable(value):
        raise ValueError(f"{name} is not a text, or too long")
    return value


def _decimal(members: Mapping[str, Any], name: str) -> Decimal | None:
    """Read an amount from a string or a JSON number, within what any coin could need."""
    value = members.get(name)
    if value is None or value == "":
        return None
    is_number = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    if not is_number or not NUMBER.fullmatch(str(value)):
        raise ValueError(f"{name} is not a number")
    number = Decimal(str(value))
    if abs(number) >= MAX_AMOUNT or 0 < abs(number) < MIN_AMOUNT:
        raise ValueError(f"{name} is out of bounds")
    return number


def _time(members: Mapping[str, Any], name: str) -> datetime:
    time = datetime.fromisoformat(_required_text(members, name))
    return time if time.tzinfo else time.replace(tzinfo=HELEKET_TIME)


# The name on the wire, the field, and how it is read. Of two names for a field the later one wins.
SIDE_MEMBERS: dict[str, tuple[str, Callable[[Mapping[str, Any], str], Any]]] = {
    "txid": ("txid", _text),
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
STRICT_MEMBERS = {
    *("uuid", "status", "is_final", "order_id"),
    *("amount", "currency", "network", "address"),
}
KNOWN_MEMBERS = SIDE_MEMBERS.keys() | STRICT_MEMBERS
