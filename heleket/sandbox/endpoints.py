"""The endpoints on the payout side, each a function of the gateway and a signed request.

Each returns the `result` of a success or raises Refused. There is no endpoint that cancels a
payout and none that repeats a payout webhook: they answer 404.
Source: https://doc.heleket.com/methods/payouts/
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import parse_qs

from heleket.sandbox import rules
from heleket.sandbox.catalogue import FIAT
from heleket.sandbox.merchant import Merchant
from heleket.sandbox.records import CREATE, RATES, Answer, Entry, Payout, Refused, Request
from heleket.sandbox.rules import money

PER_PAGE = 15
THEIR_ZONE = timezone(timedelta(hours=3))
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
LISTED = (
    *("uuid", "amount", "currency", "network", "address"),
    *("txid", "status", "is_final", "balance"),
)
Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """`keys` names the keys that may sign it; one that `takes_unsigned` needs no signature."""

    method: str
    keys: tuple[str, ...]
    answer: Callable[[Merchant, Request], Any]
    takes_unsigned: bool = False


def find(request: Request) -> Endpoint | None:
    endpoint = ENDPOINTS.get(request.route)
    return endpoint if endpoint and endpoint.method == request.method else None


def terms(gateway: Merchant, request: Request) -> Json:
    """Return the fields of a request, its amount as a text if numbers are taken, too."""
    amount = request.fields.get("amount")
    if not gateway.number_amounts or isinstance(amount, bool | None):
        return request.fields
    return {**request.fields, "amount": str(amount)}


def create(gateway: Merchant, request: Request) -> Json:
    fields = terms(gateway, request)
    required = ["amount", "currency", "order_id", "address", "is_subtract"]
    required += rules.conditional(fields, gateway.services)
    rules.validate(fields, required, rules.CREATE)
    known = gateway.find(fields["order_id"])
    if known:  # whatever else the request says
        return shown(gateway, known)
    quote = rules.quote(fields, gateway.services, gateway.prices)
    check_funds(gateway, quote)
    return shown(gateway, gateway.open_payout(fields, quote))


def check_funds(gateway: Merchant, quote: rules.Quote) -> None:
    balance = gateway.balances.get(quote.debit_currency)
    if balance is None:
        raise Refused(message="Wallet not found")
    if balance >= quote.merchant_amount:
        return
    if quote.convert:
        pair = f"{quote.debit_currency} to {quote.service.currency}"
        raise Refused(message=f"Not enough balance for convert {pair}")
    raise Refused(message="Not enough funds")


def shown(gateway: Merchant, payout: Payout) -> Json:
    """Return a payout as create and info show it: its own order id is not part of that."""
    content: Json = {
        "uuid": payout.uuid,
        "amount": money(payout.amount),
        "currency": payout.currency,
        "network": payout.network.upper(),
        "address": payout.address,
        "txid": payout.txid,
        "status": payout.status,
        "is_final": payout.is_final,
        "balance": shaped(gateway, gateway.balances[payout.debit_currency], payout.debit_currency),
        "payer_currency": payout.payer_currency,
        "payer_amount": shaped(gateway, payout.payer_amount, payout.payer_currency),
    }
    if gateway.newer_members:
        content["merchant_amount"] = money(payout.merchant_amount)
        content |= dict.fromkeys(gateway.commission_name, money(payout.commission))
    if payout.convert:
        content["convert"] = payout.convert
    return content


def shaped(gateway: Merchant, amount: Decimal, currency: str) -> object:
    """Write one of the amounts that come in different shapes."""
    shapes: Json = {
        "string": money(amount),
        "number": rules.as_number(money(amount)),
        "object": {"amount": money(amount), "currency_code": currency},
        "null": None,
    }
    return shapes[gateway.balance_shape]


def info(gateway: Merchant, request: Request) -> Json:
    fields = request.fields
    rules.validate(fields, [], rules.look_up(gateway.longest_order_id))
    if all(fields.get(name) in rules.MISSING for name in ("uuid", "order_id")):
        code = ["validation.required_without"]
        raise Refused(errors={"uuid": code, "order_id": code})
    payout = look_up(gateway, fields)
    if payout is None:
        raise Refused(message="Payout not found")
    return shown(gateway, payout)


def look_up(gateway: Merchant, fields: rules.Fields) -> Payout | None:
    """The order id decides if both are given."""
    if fields.get("order_id") in rules.MISSING:
        return gateway.find_uuid(fields.get("uuid"))
    return gateway.find(fields["order_id"])


def about_another(gateway: Merchant, request: Request) -> Answer | None:
    """Answer about another payout than the one that was asked for, if there is one."""
    asked = look_up(gateway, request.fields)
    other = next((payout for payout in gateway.payouts if payout is not asked), None)
    return Answer.json(200, {"state": 0, "result": shown(gateway, other)}) if other else None


def history(gateway: Merchant, request: Request) -> Json:
    rules.validate(request.fields, [], rules.PERIOD)
    cursor = read_cursor(request.query)
    forward = cursor.get("_pointsToNextItems", True)
    rows = list(islice(matching(gateway, request.fields, cursor), PER_PAGE + 1))
    page = rows[:PER_PAGE] if forward else rows[:PER_PAGE][::-1]
    has_more = len(rows) > PER_PAGE
    has_next, has_previous = (has_more, bool(cursor)) if forward else (True, has_more)
    merchant = {"merchant_uuid": gateway.merchant_id} if gateway.merchant_in_list else {}
    return merchant | {
        "items": [listed(gateway, payout) for payout in page],
        "paginate": {
            "count": len(page),
            "hasPages": has_next or has_previous,
            "nextCursor": write_cursor(page[-1], True) if page and has_next else None,
            "previousCursor": write_cursor(page[0], False) if page and has_previous else None,
            "perPage": PER_PAGE,
        },
    }


def matching(gateway: Merchant, fields: rules.Fields, cursor: Json) -> Iterator[Payout]:
    """Yield the payouts of the period, newest first, or upwards from a previous page's cursor."""
    first, last = moment(fields, "date_from"), moment(fields, "date_to")
    start = cursor.get("id", len(gateway.payouts) + 1)
    if cursor.get("_pointsToNextItems", True):
        numbers = range(min(start, len(gateway.payouts) + 1) - 1, 0, -1)
    else:
        numbers = range(max(start, 0) + 1, len(gateway.payouts) + 1)
    for number in numbers:
        payout = gateway.payouts[number - 1]
        at = payout.created_at.replace(microsecond=0)
        if (first is None or first <= at) and (last is None or at <= last):
            yield payout


def moment(fields: rules.Fields, name: str) -> datetime | None:
    if fields.get(name) in rules.MISSING:
        return None
    try:
        return datetime.strptime(fields[name], DATE_FORMAT).replace(tzinfo=THEIR_ZONE)
    except ValueError:
        raise Refused(errors={name: ["validation.regex"]}) from None


def read_cursor(query: str) -> Json:
    """Return what a cursor says; one that cannot be read counts as none."""
    text = parse_qs(query).get("cursor", [""])[0]
    try:
        cursor = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return {}
    return cursor if isinstance(cursor, dict) and isinstance(cursor.get("id"), int) else {}


def write_cursor(payout: Payout, points_to_next: bool) -> str:
    cursor = {"id": payout.id, "_pointsToNextItems": points_to_next}
    text = json.dumps(cursor, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def listed(gateway: Merchant, payout: Payout) -> Json:
    content = shown(gateway, payout)
    return {name: content[name] for name in LISTED} | {
        "created_at": payout.created_at.astimezone(THEIR_ZONE).isoformat(timespec="seconds"),
        "updated_at": payout.updated_at.astimezone(THEIR_ZONE).isoformat(timespec="seconds"),
    }


def calc(gateway: Merchant, request: Request) -> Json:
    return calculated(gateway, request, ["amount", "currency", "address", "is_subtract"])


def calculate(gateway: Merchant, request: Request) -> Json:
    """The official clients call this one without an address. No is_subtract counts as false."""
    result = calculated(gateway, request, ["amount", "currency"])
    return {**result, "amount": result["payout_amount"]}


def calculated(gateway: Merchant, request: Request, required: list[str]) -> Json:
    fields = terms(gateway, request)
    required = required + rules.conditional(fields, gateway.services)
    rules.validate(fields, required, rules.TERMS)
    quote = rules.quote(fields, gateway.services, gateway.prices)
    return {
        "commission": money(quote.commission),
        "merchant_amount": money(quote.merchant_amount),
        "payout_amount": money(quote.payer_amount),
    }


def services(gateway: Merchant, _request: Request) -> list[Json]:
    return [
        {
            "network": service.network.upper(),
            "currency": service.currency,
            "contract_address": service.contract_address,
            "is_available": service.is_available,
            "limit": {
                "min_amount": money(service.minimum),
                "max_amount": money(service.maximum),
            },
            "commission": {
                "fee_amount": money(service.fee),
                "percent": f"{service.percent:.2f}",
            },
        }
        for service in gateway.services.values()
    ]


def balance(gateway: Merchant, _request: Request) -> list[Json]:
    def wallets(owner: str, balances: dict[str, Decimal]) -> list[Json]:
        return [
            {
                "uuid": gateway.made_up_uuid(f"{owner} {currency}"),
                "balance": money(amount),
                "balance_usd": money(amount * gateway.prices[currency]),
                "currency_code": currency,
            }
            for currency, amount in balances.items()
        ]

    merchant, user = gateway.balances, gateway.ledger.personal
    return [{"balance": {"merchant": wallets("merchant", merchant), "user": wallets("user", user)}}]


def rates(gateway: Merchant, request: Request) -> list[Json]:
    source = request.path.split("/")[3].upper()
    prices = FIAT | gateway.prices
    if source not in prices:
        raise Refused(message="The currency was not found")
    return [
        {"from": source, "to": to, "course": money(prices[source] / prices[to])}
        for to in prices
        if to != source
    ]


def to_personal(gateway: Merchant, request: Request) -> Json:
    return transfer(gateway, request, direction=-1)


def to_business(gateway: Merchant, request: Request) -> Json:
    return transfer(gateway, request, direction=1)


def transfer(gateway: Merchant, request: Request, direction: int) -> Json:
    """Move money between the business balance, which payouts use, and the owner's own."""
    fields = terms(gateway, request)
    rules.validate(fields, ["amount", "currency"], rules.TRANSFER)
    currency, amount = fields["currency"], Decimal(fields["amount"])
    if currency not in gateway.balances:
        raise Refused(message="Merchant wallet not found")
    personal = gateway.ledger.personal
    source = gateway.balances if direction < 0 else personal
    if source.get(currency, Decimal(0)) < amount:
        raise Refused(message="Not enough funds")
    entry = Entry(gateway.now(), None, None, currency, direction * amount, "transfer")
    gateway.ledger.add(entry)
    personal[currency] = personal.get(currency, Decimal(0)) - direction * amount
    gateway.version += 1
    number = len(gateway.ledger)
    return {
        "user_wallet_transaction_uuid": gateway.made_up_uuid(f"user transaction {number}"),
        "user_wallet_balance": money(personal[currency]),
        "merchant_transaction_uuid": gateway.made_up_uuid(f"merchant transaction {number}"),
        "merchant_balance": money(gateway.balances[currency]),
    }


def refund(_gateway: Merchant, request: Request) -> Json:
    """Refunds concern invoices, and the sandbox has none."""
    fields = request.fields
    rules.validate(fields, ["address", "is_subtract"], {"is_subtract": rules.boolean})
    if all(fields.get(name) in rules.MISSING for name in ("uuid", "order_id")):
        code = ["validation.required_without"]
        raise Refused(errors={"uuid": code, "order_id": code})
    raise Refused(message="Payment was not found")


def resend(_gateway: Merchant, _request: Request) -> Json:
    """Only webhooks of invoices can be sent again, and the sandbox has no invoices."""
    raise Refused(message="Payment not found")


def test_webhook(gateway: Merchant, request: Request) -> list[Json]:
    """Send a webhook that looks real; nothing is stored."""
    fields = {**request.fields, "status": request.fields.get("status") or "paid"}
    rules.validate(fields, ["url_callback", "currency", "network"], rules.TEST_WEBHOOK)
    given = [fields[name] for name in ("uuid", "order_id") if fields.get(name)]
    known = gateway.find_uuid(fields.get("uuid")) or gateway.find(fields.get("order_id"))
    if given and known is None:
        raise Refused(message="Not found payout")
    if (fields["network"].lower(), fields["currency"]) not in gateway.services:
        raise Refused(message="Payout service not found")
    gateway.mail.imitate(fields, known)
    return []


PAYOUT, PAYMENT = ("payout",), ("payment",)
ENDPOINTS = {
    CREATE: Endpoint("POST", PAYOUT, create),
    "/v1/payout/info": Endpoint("POST", PAYOUT, info),
    "/v1/payout/list": Endpoint("POST", PAYOUT, history),
    "/v1/payout/calc": Endpoint("POST", PAYOUT, calc),
    "/v1/payout/calculate": Endpoint("POST", PAYOUT, calculate),
    "/v1/payout/services": Endpoint("POST", PAYOUT, services),
    "/v1/transfer/to-personal": Endpoint("POST", PAYOUT, to_personal),
    "/v1/transfer/to-business": Endpoint("POST", PAYOUT, to_business),
    "/v1/payment/refund": Endpoint("POST", PAYOUT, refund),
    "/v1/payment/resend": Endpoint("POST", PAYMENT, resend),
    "/v1/balance": Endpoint("POST", PAYMENT, balance),
    RATES: Endpoint("GET", PAYMENT, rates, takes_unsigned=True),
    "/v1/test-webhook/payout": Endpoint("POST", PAYOUT + PAYMENT, test_webhook),
}
