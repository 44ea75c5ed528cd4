"""What the gateway checks in a request, and what a payout costs.

Order and texts of the refusals: https://doc.heleket.com/methods/payouts/creating-payout.md
"""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from heleket.sandbox.catalogue import FIAT, Service, round8
from heleket.sandbox.records import Refused

Fields = Mapping[str, Any]
Check = Callable[[Any], str | None]  # the validation code, or None when the value is fine
Catalogue = Mapping[tuple[str, str], Service]

AMOUNT = re.compile(r"\d{1,30}(\.\d{1,30})?", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d:\d\d", re.ASCII)
ALPHA_DASH = re.compile(r"[\w-]+")  # Laravel's rule of that name lets Unicode letters pass, too
MISSING = (None, "")
COURSE_SOURCES = {"Binance", "BinanceP2p", "BinanceP2P", "Exmo", "Kucoin"}
PRIORITIES = {"recommended", "economy", "high", "highest"}


def validate(fields: Fields, required: list[str], checks: Mapping[str, Check]) -> None:
    """Raise Refused with every required field that is missing, else with every malformed one."""
    missing = [name for name in required if fields.get(name) in MISSING]
    if missing:
        raise Refused(errors={name: ["validation.required"] for name in missing})
    given = {name: fields[name] for name in checks if fields.get(name) not in MISSING}
    errors = {name: [code] for name, value in given.items() if (code := checks[name](value))}
    if errors:
        raise Refused(errors=errors)


def matching(pattern: re.Pattern[str]) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "validation.string"
        return None if pattern.fullmatch(value) else "validation.regex"

    return check


def text(shortest: int, longest: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "validation.string"
        if len(value) < shortest:
            return "validation.min.string"
        return "validation.max.string" if len(value) > longest else None

    return check


def order_id(longest: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, str) and not ALPHA_DASH.fullmatch(value):
            return "validation.alpha_dash"
        return text(1, longest)(value)

    return check


def url(longest: int) -> Check:
    def check(value: Any) -> str | None:
        if code := text(6, longest)(value):
            return code
        parts = urlsplit(value)
        return None if parts.scheme in ("http", "https") and parts.netloc else "validation.url"

    return check


def one_of(choices: set[str]) -> Check:
    return lambda value: None if value in list(choices) else "validation.in"


def boolean(value: Any) -> str | None:
    return None if value in (True, False, "0", "1") else "validation.boolean"


def uuid_text(value: Any) -> str | None:
    try:
        uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        return "validation.uuid"
    return None


TERMS: dict[str, Check] = {
    "amount": matching(AMOUNT),
    "currency": text(1, 32),
    "network": text(1, 32),
    "is_subtract": boolean,
    "to_currency": text(1, 32),
    "course_source": one_of(COURSE_SOURCES),
    "from_currency": one_of({"USDT"}),
    "priority": one_of(PRIORITIES),
}
CREATE = {
    **TERMS,
    "order_id": order_id(100),
    "address": text(1, 255),
    "url_callback": url(255),
    "memo": text(1, 30),
}


def look_up(longest: int) -> dict[str, Check]:
    return {"order_id": order_id(longest), "uuid": uuid_text}


PERIOD: dict[str, Check] = {"date_from": matching(DATE), "date_to": matching(DATE)}
TRANSFER: dict[str, Check] = {"amount": matching(AMOUNT), "currency": text(1, 32)}
TEST_WEBHOOK: dict[str, Check] = {
    **look_up(32),
    "url_callback": url(150),
    "currency": text(1, 32),
    "network": text(1, 32),
    "status": one_of({"process", "check", "paid", "fail", "cancel", "system_fail"}),
}


def conditional(fields: Fields, catalogue: Catalogue) -> list[str]:
    """Name the fields that are required because of others: network and to_currency."""
    currency = fields.get("currency")
    if currency in list(FIAT):
        return ["to_currency"]
    return ["network"] if len(networks(catalogue, currency)) > 1 else []


def networks(catalogue: Catalogue, currency: object) -> list[str]:
    return [network for network, coin in catalogue if coin == currency]


@dataclass(frozen=True)
class Quote:
    """What is sent in which coin, what that costs, and what is debited in which coin."""

    service: Service
    payer_amount: Decimal
    commission: Decimal
    debit_currency: str
    merchant_amount: Decimal
    convert: dict[str, str] | None


def quote(fields: Fields, catalogue: Catalogue, prices: Mapping[str, Decimal]) -> Quote:
    """Price a validated request, or raise Refused: currency, service, minimum, maximum, fee."""
    coin, amount = coin_and_amount(fields, catalogue, prices)
    service = find_service(fields, coin, catalogue)
    if amount < service.minimum:
        raise Refused(message=f"Minimum amount {plain(service.minimum)} {coin}")
    if amount > service.maximum:
        raise Refused(message=f"Maximum amount {plain(service.maximum)} {coin}")
    commission = service.commission(amount)
    if fields.get("is_subtract") in (True, "1"):
        sent, debit = amount, amount + commission
    else:
        sent, debit = amount - commission, amount
    if sent <= 0:
        raise Refused(message="The withdrawal amount is too small")
    source = fields.get("from_currency") or coin
    if source == coin:
        return Quote(service, sent, commission, coin, debit, None)
    rate = prices[coin] / prices[source]
    return converted(service, sent, commission, debit, source, rate)


def coin_and_amount(
    fields: Fields, catalogue: Catalogue, prices: Mapping[str, Decimal]
) -> tuple[str, Decimal]:
    currency, amount = fields["currency"], Decimal(fields["amount"])
    if currency not in FIAT:
        if not networks(catalogue, currency):
            raise Refused(message="The currency was not found")
        return currency, amount
    coin = fields["to_currency"]
    if not networks(catalogue, coin):
        raise Refused(message="Not found service to_currency")
    if coin not in prices:
        raise Refused(message="Error convert to_currency")
    return coin, round8(amount * FIAT[currency] / prices[coin])


def find_service(fields: Fields, coin: str, catalogue: Catalogue) -> Service:
    network = fields.get("network") or networks(catalogue, coin)[0]
    service = catalogue.get((network.lower(), coin))
    if service is None or not service.is_available:
        raise Refused(message="The service was not found")
    return service


def converted(
    service: Service,
    sent: Decimal,
    commission: Decimal,
    debit: Decimal,
    source: str,
    rate: Decimal,
) -> Quote:
    paid = round8(debit * rate)
    convert = {
        "to_currency": service.currency,
        "from_currency": source,
        "from_amount": money(paid),
        "commission": money(Decimal(0)),
        "rate": money(rate),
    }
    return Quote(service, sent, commission, source, paid, convert)


def money(amount: Decimal) -> str:
    """Write an amount as answers do: eight decimals."""
    return format(round8(amount), "f")


def as_number(text: str) -> int | float:
    """Write an amount as a JSON number, 129 and not 129.0, as PHP does."""
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def above_zero(amount: str | Decimal) -> Decimal:
    """Read an amount that people enter. Raises ValueError unless it is above zero."""
    try:
        number = Decimal(amount)
    except ArithmeticError:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise ValueError("this is no amount above zero")
    return number


LONGEST_SECONDS = 1e9  # what clocks can add and wait for


def seconds(value: str | float) -> float:
    """Read seconds that people enter. Raises ValueError for what nobody can wait for."""
    number = float(value)
    if not 0 <= number <= LONGEST_SECONDS:
        raise ValueError(f"seconds are a number from 0 to {LONGEST_SECONDS:,.0f}")
    return number
