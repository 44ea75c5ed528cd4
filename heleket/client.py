"""The client of Heleket's payout API: one call, one request, one conclusion about the money."""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any, Self, TypeVar

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from heleket import answers
from heleket.answers import HELEKET_TIME, Answer, read_result
from heleket.errors import (
    MissingCredentials,
    OutcomeUnknown,
    PayoutNotFound,
    RequestRejected,
)
from heleket.pages import PAYOUT_LIST, REMEMBERED, PayoutPages, next_page
from heleket.signing import Secret, encode
from heleket.transport import GatewayAdapter, exchange, read_base_url
from heleket.types import (
    Balance,
    Calculation,
    Cancellation,
    Rate,
    RemotePayout,
    RemoteService,
    Transfer,
)

T = TypeVar("T")
logger = logging.getLogger(__name__)

BASE_URL = "https://api.heleket.com"
NOT_FOUND_TEXTS = frozenset({"Payout not found"})
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "payout-desk",
}
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
CURRENCY = re.compile(r"[A-Za-z0-9]{1,20}")
MAX_DECIMALS = 8


def payout_body(
    *,
    order_id: str,
    amount: Decimal,
    currency: str,
    network: str,
    address: str,
    memo: str = "",
    url_callback: str = "",
) -> bytes:
    """Write the request that pays `amount` in full to `address`, the fee on top from our balance.

    Store these bytes before sending them: a repeat must be the same ones. `order_id` has at most 32
    characters, because the call that asks for it takes no more. Raises ValueError or TypeError for
    what cannot be sent exactly.
    Source: https://doc.heleket.com/methods/payouts/creating-payout.md
    """
    _check_order_id(order_id)
    payload: dict[str, object] = {
        "amount": _plain(amount),
        "currency": currency,
        "network": network,
        "order_id": order_id,
        "address": address,
        "is_subtract": True,
    }
    if memo:
        payload["memo"] = memo
    if url_callback:
        payload["url_callback"] = url_callback
    return encode(payload)


def _check_order_id(order_id: str) -> None:
    if not ORDER_ID.fullmatch(order_id):
        raise ValueError("An order id has 1 to 32 of the characters a-z, A-Z, 0-9, _ and -.")


def _plain(amount: Decimal) -> str:
    """Write an amount in plain digits, the same number as given."""
    if not isinstance(amount, Decimal):
        raise TypeError("An amount must be a Decimal.")
    if not amount.is_finite() or amount <= 0:
        raise ValueError("An amount must be above zero.")
    text = f"{amount:f}"
    if len(text.partition(".")[2]) > MAX_DECIMALS:
        raise ValueError(f"An amount has at most {MAX_DECIMALS} decimals.")
    return text


class HeleketClient:
    """A session with one Heleket merchant, for use by many threads. Close it after use.

    The payout key signs everything but balances and rates, which take the payment key. Every call
    ends by its `deadline`, a value of `time.monotonic()`, by default `timeout_seconds` from now.
    Only the system's own name lookup cannot be cut short, and nothing is sent if it comes too late.

    Each call may raise any HeleketError, and what it concludes depends on that class alone. Nothing
    is ever sent twice. `adapter` takes the place of the network in tests; `ca_file` names the only
    authority to trust, for a gateway with a certificate of its own.

    Raises InvalidBaseUrl for anything but https, or plain http on this machine.
    """

    def __init__(
        self,
        *,
        merchant_id: str,
        payout_key: str,
        payment_key: str = "",
        base_url: str = BASE_URL,
        timeout_seconds: float = 45.0,
        adapter: BaseAdapter | None = None,
        ca_file: str | None = None,
        not_found_texts: frozenset[str] = NOT_FOUND_TEXTS,
    ) -> None:
        self._payout_key, self._payment_key = Secret(payout_key), Secret(payment_key)
        del payout_key, payment_key  # a traceback shows local variables
        self._origin, self.host = read_base_url(base_url)
        self.merchant_id = merchant_id
        self.timeout_seconds = timeout_seconds
        self.not_found_texts = not_found_texts
        self._adapter = adapter or GatewayAdapter(self._origin, ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._adapter.close()

    def create_payout(self, body: bytes, *, deadline: float | None = None) -> RemotePayout:
        """Send a body made by `payout_body`, byte for byte.

        If its `order_id` is known there, Heleket answers with that older payout and creates
        nothing, even if amount or address differ: compare the answer with what was sent.
        Source: https://doc.heleket.com/methods/payouts/creating-payout.md
        """
        return self._payout("/v1/payout", body, deadline)

    def get_payout(
        self, *, order_id: str = "", uuid: str = "", deadline: float | None = None
    ) -> RemotePayout:
        """Ask for one payout, by `order_id` if both are given.

        Raises PayoutNotFound only for the exact words of Heleket: other refusals with "not found"
        in them say nothing about the payout. Nor does an answer with another `uuid` than was asked
        for, which raises OutcomeUnknown.
        Source: https://doc.heleket.com/methods/payouts/payout-information.md
        """
        body = encode({"order_id": order_id} if order_id else {"uuid": uuid})
        try:
            return self._payout("/v1/payout/info", body, deadline, uuid="" if order_id else uuid)
        except RequestRejected as exc:
            if exc.errors or exc.text not in self.not_found_texts:
                raise
            raise PayoutNotFound(
                exc.message, text=exc.text, status_code=exc.status_code, answer=exc.answer
            ) from None

    def cancel_payout(self, order_id: str, *, deadline: float | None = None) -> Cancellation:
        """Find out what a cancellation would meet. Heleket has no call that cancels a payout.

        "unknown_there" is true at this moment only: a create that is still on its way may arrive.
        """
        try:
            remote = self.get_payout(order_id=order_id, deadline=deadline)
        except PayoutNotFound:
            return Cancellation("unknown_there", None, "Heleket does not have this payout so far.")
        if remote.is_final:
            sentence = f"This payout has ended at Heleket with status {remote.status}."
            return Cancellation("ended", remote, sentence)
        sentence = (
            f"Heleket has this payout (status {remote.status}, uuid {remote.uuid}) and offers no "
            "way to cancel it; only their support can help."
        )
        return Cancellation("under_way", remote, sentence)

    def list_payouts(
        self,
        *,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        on_odd: Callable[[str], None] | None = None,
    ) -> Iterator[RemotePayout]:
        """Yield the payouts created between two aware times, both included, in Heleket's order.

        Each page is a call with a deadline of its own. Payouts seen on the pages before are passed
        over, and a cursor that comes again ends the list. An entry that cannot be read is left out;
        `on_odd` gets a sentence that names it, the log if there is none.
        Source: https://doc.heleket.com/methods/payouts/payout-history.md
        """
        body = _window(date_from, date_to)
        seen: OrderedDict[str, None] = OrderedDict()
        for payout in chain.from_iterable(self._pages(body, on_odd)):
            if payout.uuid not in seen:
                yield payout
            seen[payout.uuid] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)

    def payout_pages(
        self, *, date_from: datetime | None = None, date_to: datetime | None = None
    ) -> PayoutPages:
        """Return the pages of `list_payouts`, to be asked for one by one, with their entries as
        they came: `answers.read_payout` reads one."""
        body = _window(date_from, date_to)

        def ask(path: str) -> tuple[list[Any], str | None]:
            return read_result(self._post(path, body, None), answers.read_entries)

        return PayoutPages(ask)

    def calculate(
        self,
        *,
        amount: Decimal,
        currency: str,
        network: str,
        address: str,
        is_subtract: bool = True,
        deadline: float | None = None,
    ) -> Calculation:
        """Ask what a payout would cost. `is_subtract` true: the fee comes on top of `amount`.

        Source: https://doc.heleket.com/en/methods/payouts/calculate-sum-output
        """
        payload = {
            "amount": _plain(amount),
            "currency": currency,
            "network": network,
            "address": address,
            "is_subtract": is_subtract,
        }
        try:
            answer = self._post("/v1/payout/calc", encode(payload), deadline)
            return read_result(answer, answers.read_calculation)
        except OutcomeUnknown as exc:
            if exc.status_code != 404:
                raise
        # Heleket's documents and its own clients disagree about the path.
        answer = self._post("/v1/payout/calculate", encode(payload), deadline)
        return read_result(answer, answers.read_calculation)

    def list_services(
        self, *, deadline: float | None = None, on_odd: Callable[[str], None] | None = None
    ) -> list[RemoteService]:
        """Ask what can be paid, within which limits and for which fee.

        An entry that cannot be read is left out; `on_odd` gets a sentence that names it, the log if
        there is none.
        """
        answer = self._post("/v1/payout/services", encode({}), deadline)
        return read_result(answer, _naming_odd(answers.read_services, answer, on_odd))

    def get_balance(
        self, *, deadline: float | None = None, on_odd: Callable[[str], None] | None = None
    ) -> list[Balance]:
        """Ask for all balances. Raises MissingCredentials without a payment key.

        What was left out is not known, which is not zero; for `on_odd` see `list_services`.
        Source: https://doc.heleket.com/other/balance.md
        """
        request = self._signed("/v1/balance", encode({}), self._payment_key)
        answer = self._exchange(request, deadline)
        return read_result(answer, _naming_odd(answers.read_balances, answer, on_odd))

    def list_rates(
        self,
        currency: str,
        *,
        deadline: float | None = None,
        on_odd: Callable[[str], None] | None = None,
    ) -> list[Rate]:
        """Ask what one unit of `currency` is worth in others. For `on_odd` see `list_services`.

        Heleket's own clients sign it with the payment key, its documents show it without one. So
        it is signed where there is a payment key, and asked as documented where there is none.
        Source: https://doc.cryptomus.com/zh/exchange-rates/list
        """
        if not CURRENCY.fullmatch(currency):
            raise ValueError("A currency code has letters and digits only.")
        path = f"/v1/exchange-rate/{currency}/list"
        if self.merchant_id and self._payment_key:
            request = self._signed(path, None, self._payment_key, method="GET")
        else:
            request = self._request("GET", path, None, {})
        answer = self._exchange(request, deadline)
        return read_result(answer, _naming_odd(answers.read_rates, answer, on_odd))

    def transfer_to_personal(
        self, *, amount: Decimal, currency: str, deadline: float | None = None
    ) -> Transfer:
        """Move money from the business to the personal wallet.

        It carries no id of ours: after OutcomeUnknown a repeat may move the money twice.
        Source: https://doc.heleket.com/methods/payouts/transfer-to-business.md
        """
        return self._transfer("/v1/transfer/to-personal", amount, currency, deadline)

    def transfer_to_business(
        self, *, amount: Decimal, currency: str, deadline: float | None = None
    ) -> Transfer:
        """Move money from the personal to the business wallet; see `transfer_to_personal`."""
        return self._transfer("/v1/transfer/to-business", amount, currency, deadline)

    def send_test_webhook(
        self,
        *,
        url_callback: str,
        currency: str,
        network: str,
        status: str = "paid",
        order_id: str = "",
        uuid: str = "",
        deadline: float | None = None,
    ) -> None:
        """Let Heleket send a signed webhook of a real payout or a made-up one. Changes nothing.

        Source: https://doc.heleket.com/methods/payments/testing-webhook.md
        """
        payload = {
            "url_callback": url_callback,
            "currency": currency,
            "network": network,
            "status": status,
        }
        named = {"order_id": order_id, "uuid": uuid}
        body = encode(payload | {name: value for name, value in named.items() if value})
        read_result(self._post("/v1/test-webhook/payout", body, deadline), lambda _: None)

    def _payout(
        self, path: str, body: bytes, deadline: float | None, *, uuid: str = ""
    ) -> RemotePayout:
        answer = self._post(path, body, deadline)
        remote = read_result(answer, partial(answers.read_payout, uuid=uuid), asked=body)
        return replace(remote, answer=answer.text)

    def _transfer(
        self, path: str, amount: Decimal, currency: str, deadline: float | None
    ) -> Transfer:
        body = encode({"amount": _plain(amount), "currency": currency})
        return read_result(self._post(path, body, deadline), answers.read_transfer)

    def _pages(
        self, body: bytes, on_odd: Callable[[str], None] | None
    ) -> Iterator[list[RemotePayout]]:
        path = PAYOUT_LIST
        asked: set[str] = set()
        while path not in asked:
            asked.add(path)
            answer = self._post(path, body, None)
            page, cursor = read_result(answer, _naming_odd(answers.read_page, answer, on_odd))
            yield page
            if cursor is None:
                return
            path = next_page(cursor)

    def _post(self, path: str, body: bytes, deadline: float | None) -> Answer:
        return self._exchange(self._signed(path, body, self._payout_key), deadline)

    def _signed(
        self, path: str, body: bytes | None, key: Secret, *, method: str = "POST"
    ) -> requests.PreparedRequest:
        if not (self.merchant_id and key):
            raise MissingCredentials("The merchant id or the API key for this call is not set.")
        headers = {"merchant": self.merchant_id, "sign": key.sign(body or b"")}
        return self._request(method, path, body, headers)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        request.method = method
        request.url = self._origin + path
        request.body = body
        request.headers = CaseInsensitiveDict(HEADERS | headers)
        return request

    def _exchange(self, request: requests.PreparedRequest, deadline: float | None) -> Answer:
        """Send a request, and name in its answer the secrets that must not be kept of it."""
        if deadline is None:
            deadline = time.monotonic() + self.timeout_seconds
        answer = exchange(self._adapter, request, deadline=deadline)
        signature = Secret(request.headers.get("sign", ""))
        return replace(answer, secrets=(self._payout_key, self._payment_key, signature))


def _window(date_from: datetime | None, date_to: datetime | None) -> bytes:
    window = {"date_from": date_from, "date_to": date_to}
    return encode({name: _heleket_time(time) for name, time in window.items() if time})


def _naming_odd(
    read: Callable[[object, Callable[[str], None]], T],
    answer: Answer,
    on_odd: Callable[[str], None] | None,
) -> Callable[[object], T]:
    """Let `read` name the entries it leaves out, in sentences that may be kept."""
    name = on_odd or logger.warning
    return lambda result: read(result, lambda sentence: name(answer.hide(sentence)))


def _heleket_time(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("A time needs its time zone.")
    return f"{time.astimezone(HELEKET_TIME):%Y-%m-%d %H:%M:%S}"
