import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import heleket
from heleket.signing import encode, sign
from tests.heleket.wire import (
    CA_FILE,
    MERCHANT,
    PAYMENT_KEY,
    PAYOUT,
    PAYOUT_KEY,
    error_page_of,
    refusal,
    success,
)

NOT_FOUND = (422, refusal("Payout not found"))


def sent(script, index=-1):
    """Return path, query and decoded body of a request."""
    request = script.requests[index]
    parts = urlsplit(request.url)
    return parts.path, parse_qs(parts.query), json.loads(request.body)


# Requests


def test_sends_the_very_bytes_it_signs(scripted, body):
    client, script = scripted((200, success(PAYOUT)))

    client.create_payout(body)

    (request,) = script.requests
    assert (request.method, request.url) == ("POST", "https://api.heleket.com/v1/payout")
    assert request.body is body
    assert request.headers["merchant"] == MERCHANT
    assert request.headers["sign"] == sign(body, PAYOUT_KEY)
    assert request.headers["Content-Type"] == "application/json"


def test_d10_the_recipient_gets_the_amount_in_full():
    body = heleket.payout_body(
        order_id="testabc00",
        amount=Decimal("0.0000001"),
        currency="USDT",
        network="TON",
        address="UQ",
        memo="7/é",
        url_callback="https://desk.example/hook/",
    )

    assert json.loads(body) == {
        "amount": "0.0000001",
        "currency": "USDT",
        "network": "TON",
        "order_id": "testabc00",
        "address": "UQ",
        "is_subtract": True,
        "memo": "7/é",
        "url_callback": "https://desk.example/hook/",
    }


FIELDS = {"currency": "USDT", "network": "TRON", "address": "TJ"}


@given(amount=st.decimals("0.00000001", 10**20, places=8))
def test_d2_amounts_go_out_in_plain_digits_and_as_the_same_number(amount):
    written = json.loads(heleket.payout_body(order_id="a", amount=amount, **FIELDS))["amount"]

    assert set(written) <= set("0123456789.")
    assert Decimal(written) == amount


@pytest.mark.parametrize(
    "amount", ["NaN", "Infinity", "-1", "0", "-0", "0.000000001", "1E-9"], ids=str
)
def test_d2_an_amount_that_cannot_be_paid_exactly_is_refused(amount):
    with pytest.raises(ValueError, match="amount"):
        heleket.payout_body(order_id="a", amount=Decimal(amount), **FIELDS)


@pytest.mark.parametrize("amount", [1.5, 2, "3", True])
def test_d2_only_decimals_are_amounts(amount):
    with pytest.raises(TypeError):
        heleket.payout_body(order_id="a", amount=amount, **FIELDS)


@pytest.mark.parametrize("order_id", ["", "a" * 33, "a b", "é", "a\n", "a/b", "٣"])
def test_d8_an_order_id_that_could_not_be_asked_for_is_refused(order_id):
    with pytest.raises(ValueError, match="order id"):
        heleket.payout_body(order_id=order_id, amount=Decimal(1), **FIELDS)


# Asking for one payout


@pytest.mark.parametrize("which", [{"order_id": "abc"}, {"uuid": PAYOUT["uuid"]}])
def test_asks_for_a_payout(scripted, which):
    client, script = scripted((200, success(PAYOUT)))

    assert client.get_payout(**which).uuid == PAYOUT["uuid"]
    assert sent(script) == ("/v1/payout/info", {}, which)


def test_b19_an_answer_about_another_payout_says_nothing_of_the_one_asked_for(scripted):
    """By an order id that would be a contradiction, which the desk shows beside its payout; by
    Heleket's own id it is no answer."""
    client, _ = scripted((200, success(PAYOUT)))

    with pytest.raises(heleket.OutcomeUnknown, match="another payout") as caught:
        client.get_payout(uuid="a7c0caec")
    assert PAYOUT["uuid"] in caught.value.answer


def test_not_found_needs_the_exact_words(scripted):
    client, _ = scripted(NOT_FOUND)

    with pytest.raises(heleket.PayoutNotFound):
        client.get_payout(order_id="abc")


def test_not_found_can_be_other_words_that_were_learned(scripted):
    client, _ = scripted((422, refusal("No such payout")), not_found_texts={"No such payout"})

    with pytest.raises(heleket.PayoutNotFound):
        client.get_payout(order_id="abc")


@pytest.mark.parametrize(
    "message",
    [
        "The terminal was not found",
        "The currency was not found",
        "The service was not found",
        "The network was not found",
        "Wallet not found",
        "Not found service to_currency",
        "Payment not found",
        "Not found payout",
        "Payout service not found",
        "Payment was not found",
        "Notification not found",
        "No found user wallet",
        "Merchant wallet not found",
        "payout not found",
        "Payout not found.",
        "Payout not found, ask later",
        " Payout not found",
        "",
    ],
)
def test_g6_no_other_text_means_not_found(scripted, message):
    client, _ = scripted((422, refusal(message)))

    with pytest.raises(heleket.RequestRejected) as caught:
        client.get_payout(order_id="abc")

    assert not isinstance(caught.value, heleket.PayoutNotFound)


@pytest.mark.parametrize(
    "answer",
    [
        (404, refusal("Payout not found")),
        (200, refusal("Payout not found")),
        (500, refusal("Payout not found")),
        (422, b'{"message":"Payout not found"}'),
        (422, b'{"state":1,"message":"Payout not found","errors":{"order_id":["validation.max"]}}'),
    ],
)
def test_g6_the_words_in_another_answer_mean_nothing(scripted, answer):
    client, _ = scripted(answer)

    with pytest.raises(heleket.HeleketError) as caught:
        client.get_payout(order_id="abc")

    assert not isinstance(caught.value, heleket.PayoutNotFound)


def test_not_found_on_create_is_only_a_refusal(scripted, body):
    client, _ = scripted(NOT_FOUND)

    with pytest.raises(heleket.RequestRejected) as caught:
        client.create_payout(body)

    assert not isinstance(caught.value, heleket.PayoutNotFound)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (NOT_FOUND, "unknown_there"),
        ((200, success(PAYOUT)), "under_way"),
        ((200, success(PAYOUT | {"status": "fail"})), "under_way"),
        ((200, success(PAYOUT | {"status": "paid"})), "under_way"),
        ((200, success(PAYOUT | {"status": "fail", "is_final": True})), "ended"),
        ((200, success(PAYOUT | {"status": "paid", "is_final": True})), "ended"),
    ],
)
def test_a20_cancelling_asks_and_answers_truthfully(scripted, answer, state):
    client, script = scripted(answer)

    cancellation = client.cancel_payout("abc")

    assert cancellation.state == state
    assert (cancellation.remote is None) == (state == "unknown_there")
    assert cancellation.sentence.endswith(".")
    assert [urlsplit(request.url).path for request in script.requests] == ["/v1/payout/info"]


def test_a20_cancelling_says_nothing_when_heleket_does_not(scripted):
    client, _ = scripted((422, refusal("The terminal was not found")))

    with pytest.raises(heleket.RequestRejected):
        client.cancel_payout("abc")


# History


def page(uuids, cursor):
    items = [PAYOUT | {"uuid": uuid} for uuid in uuids]
    paginate = {"count": 99, "hasPages": False, "nextCursor": cursor, "previousCursor": None}
    return 200, success({"merchant_uuid": MERCHANT, "items": items, "paginate": paginate})


def test_lists_all_pages(scripted):
    client, script = scripted(page("ab", "x+/="), page("cd", "y"), page("", None))

    assert [payout.uuid for payout in client.list_payouts()] == list("abcd")
    assert [sent(script, index)[1] for index in range(3)] == [
        {},
        {"cursor": ["x+/="]},
        {"cursor": ["y"]},
    ]
    assert script.requests[1].headers["sign"] == sign(b"{}", PAYOUT_KEY)


def test_b20_a_looping_cursor_ends_the_list(scripted):
    client, script = scripted(page("a", "x"), page("b", "y"), page("c", "x"))

    assert [payout.uuid for payout in client.list_payouts()] == list("abc")
    assert script.answers == []


def test_b20_a_page_that_shifts_yields_each_payout_once(scripted):
    client, _ = scripted(page("ab", "x"), page("bc", "y"), page("ad", None))

    assert [payout.uuid for payout in client.list_payouts()] == list("abcd")


def test_asks_for_a_window_in_heleket_time(scripted):
    client, script = scripted(page("", None))
    window = {
        "date_from": datetime(2023, 5, 3, 21, 0, 0, tzinfo=UTC),
        "date_to": datetime(2023, 5, 16, 20, 59, 59, tzinfo=UTC),
    }

    assert list(client.list_payouts(**window)) == []
    assert sent(script)[2] == {"date_from": "2023-05-04 00:00:00", "date_to": "2023-05-16 23:59:59"}


def test_a_time_without_zone_is_refused(scripted):
    client, script = scripted()

    with pytest.raises(ValueError, match="time zone"):
        list(client.list_payouts(date_from=datetime(2023, 5, 4)))

    assert script.requests == []


def test_b20_a_broken_page_is_an_error_and_not_the_end(scripted):
    client, _ = scripted(page("a", "x"), (200, success({"items": []})))
    payouts = client.list_payouts()

    assert next(payouts).uuid == "a"
    with pytest.raises(heleket.OutcomeUnknown):
        next(payouts)


# The other calls

CALCULATION = {"commission": "1.5", "merchant_amount": "11.5", "payout_amount": "10"}
TEN_USDT = {"amount": Decimal("10"), "currency": "USDT", "network": "TRON", "address": "TJ"}
CALCULATED = heleket.Calculation(Decimal("1.5"), Decimal("11.5"), Decimal("10"))


def test_calculates(scripted):
    client, script = scripted((200, success(CALCULATION)))

    assert client.calculate(**TEN_USDT) == CALCULATED
    expected = TEN_USDT | {"amount": "10", "is_subtract": True}
    assert sent(script) == ("/v1/payout/calc", {}, expected)


def test_calculates_at_the_other_path_if_there_is_none(scripted):
    answer = {"commission": "1.5", "merchant_amount": "11.5", "amount": "10"}
    client, script = scripted((404, b""), (200, success(answer)))

    assert client.calculate(**TEN_USDT) == CALCULATED
    assert sent(script)[0] == "/v1/payout/calculate"


def test_calculates_only_once_if_there_is_any_answer(scripted):
    client, script = scripted((500, b""))

    with pytest.raises(heleket.OutcomeUnknown):
        client.calculate(**TEN_USDT)

    assert len(script.requests) == 1


SERVICE = {
    "network": "TRON",
    "currency": "TRX",
    "is_available": True,
    "limit": {"min_amount": "1.00000000", "max_amount": "1000000.00000000"},
    "commission": {"fee_amount": "1.00000000", "percent": "0.00"},
}


def test_lists_services(scripted):
    client, script = scripted((200, success([SERVICE | {"contract_address": "T1"}])))

    (service,) = client.list_services()

    assert (service.network, service.currency, service.is_available) == ("TRON", "TRX", True)
    assert (service.min_amount, service.max_amount) == (1, 1_000_000)
    assert (service.fee_amount, service.percent) == (1, 0)
    assert sent(script) == ("/v1/payout/services", {}, {})


ODD_SERVICES = {
    "no object": 5,
    "null": None,
    "list": [],
    "empty": {},
    "no network": SERVICE | {"network": None},
    "network number": SERVICE | {"network": 5},
    "network endless": SERVICE | {"network": "x" * 300},
    "network NUL": SERVICE | {"network": "a\0b"},
    "no currency": SERVICE | {"currency": ""},
    "currency object": SERVICE | {"currency": {}},
    "availability as text": SERVICE | {"is_available": "true"},
    "no availability": {name: SERVICE[name] for name in SERVICE if name != "is_available"},
    "no limit": SERVICE | {"limit": None},
    "limit list": SERVICE | {"limit": ["1"]},
    "no maximum": SERVICE | {"limit": {"min_amount": "1"}},
    "minimum true": SERVICE | {"limit": SERVICE["limit"] | {"min_amount": True}},
    "maximum in words": SERVICE | {"limit": SERVICE["limit"] | {"max_amount": "1,000"}},
    "maximum 1e30": SERVICE | {"limit": SERVICE["limit"] | {"max_amount": "1e30"}},
    "no commission": SERVICE | {"commission": "1%"},
    "fee of 30 decimals": SERVICE | {"commission": {"fee_amount": "1." + "1" * 30, "percent": "0"}},
    "percent in words": SERVICE | {"commission": {"fee_amount": "1", "percent": "0.5%"}},
}


@pytest.mark.parametrize("odd", ODD_SERVICES.values(), ids=ODD_SERVICES)
def test_g34_an_odd_service_is_named_and_left_out(scripted, odd):
    client, _ = scripted((200, success([SERVICE, odd, SERVICE | {"currency": "USDT"}])))
    named = []

    services = client.list_services(on_odd=named.append)

    assert [service.currency for service in services] == ["TRX", "USDT"]
    (sentence,) = named
    assert sentence.startswith("Heleket's entry 2 ")
    assert sentence.endswith(".")


def test_g34_an_odd_entry_is_named_by_coin_and_member_and_in_the_log(scripted, caplog):
    limit = SERVICE["limit"] | {"max_amount": "a lot"}
    odd = [SERVICE | {"limit": limit}, SERVICE | {"network": "a b", "limit": limit}]
    client, _ = scripted((200, success(odd)))

    assert client.list_services() == []

    assert [record.getMessage() for record in caplog.records] == [
        "Heleket's entry 1 (TRON/TRX) cannot be used: max_amount is not a number.",
        "Heleket's entry 2 (TRX) cannot be used: max_amount is not a number.",
    ]


@pytest.mark.parametrize("result", [None, {}, "TRON", 5])
def test_g34_what_is_no_list_of_services_is_no_answer(scripted, result):
    client, _ = scripted((200, success(result)))

    with pytest.raises(heleket.OutcomeUnknown, match="the list of services is not a list"):
        client.list_services()


@pytest.mark.parametrize(
    "odd",
    [
        *[5, None, [], {}, PAYOUT | {"uuid": 5}, PAYOUT | {"uuid": ""}, PAYOUT | {"status": None}],
        *[PAYOUT | {"is_final": "true"}, PAYOUT | {"amount": "1,234.50"}],
        *[PAYOUT | {"address": {}}, PAYOUT | {"network": []}, PAYOUT | {"order_id": ["a"]}],
    ],
    ids=repr,
)
def test_g34_an_odd_payout_of_the_history_is_named_and_left_out(scripted, odd):
    status, first = page("ab", "x")
    items = [PAYOUT | {"uuid": "a"}, odd, PAYOUT | {"uuid": "b"}]
    first = success(json.loads(first)["result"] | {"items": items})
    client, _ = scripted((status, first), page("c", None))
    named = []

    payouts = client.list_payouts(on_odd=named.append)

    assert [payout.uuid for payout in payouts] == ["a", "b", "c"]
    (sentence,) = named
    assert sentence.startswith("Heleket's entry 2 ")
    if isinstance(odd, dict) and odd.get("uuid") == PAYOUT["uuid"]:
        assert PAYOUT["uuid"] in sentence


COIN = {"uuid": "u", "balance": "0.57000000", "currency_code": "USDT", "balance_usd": {"odd": 1}}


@pytest.mark.parametrize(
    "odd",
    [
        *[5, None, [], {}, COIN | {"balance": None}, COIN | {"balance": {}}],
        *[COIN | {"balance": "1,000.00"}, COIN | {"balance": True}, COIN | {"currency_code": 5}],
    ],
    ids=repr,
)
def test_g34_an_odd_balance_is_named_and_is_not_zero(scripted, odd):
    wallets = {"merchant": [COIN, odd, COIN | {"currency_code": "TRX"}], "user": []}
    client, _ = scripted((200, success([{"balance": wallets}])))
    named = []

    balances = client.get_balance(on_odd=named.append)

    assert [balance.currency for balance in balances] == ["USDT", "TRX"]
    (sentence,) = named
    assert sentence.startswith("Heleket's entry 2 ")


def test_g34_a_sentence_about_an_odd_entry_shows_no_key(scripted):
    client, _ = scripted((200, success([SERVICE | {"currency": PAYOUT_KEY, "limit": None}])))
    named = []

    client.list_services(on_odd=named.append)

    assert named == ["Heleket's entry 1 (TRON/[secret]) cannot be used: limit is not an object."]


def test_asks_for_balances_with_the_payment_key(scripted):
    coin = {"uuid": "u", "balance": "0.57000000", "currency_code": "USDT", "balance_usd": "0.57"}
    balances = [{"balance": {"merchant": [coin], "user": [coin | {"balance": 0}]}}]
    client, script = scripted((200, success(balances)))

    assert client.get_balance() == [
        heleket.Balance("merchant", "USDT", Decimal("0.57")),
        heleket.Balance("user", "USDT", Decimal(0)),
    ]
    assert script.requests[0].headers["sign"] == sign(b"{}", PAYMENT_KEY)


def test_lists_rates_without_any_key(scripted):
    answer = success([{"from": "ETH", "to": "USD", "course": "1228.45000000"}])
    client, script = scripted((200, answer), payout_key="", payment_key="")

    assert client.list_rates("ETH") == [heleket.Rate("ETH", "USD", Decimal("1228.45"))]
    (request,) = script.requests
    assert (request.method, request.body) == ("GET", None)
    assert request.url == "https://api.heleket.com/v1/exchange-rate/ETH/list"


def test_signs_the_question_for_rates_with_the_payment_key_if_there_is_one(scripted):
    client, script = scripted((200, success([])))

    assert client.list_rates("ETH") == []
    (request,) = script.requests
    assert (request.method, request.body) == ("GET", None)
    assert request.headers["sign"] == sign(b"", PAYMENT_KEY)
    assert request.headers["merchant"] == MERCHANT


def test_g34_an_odd_rate_is_named_and_left_out_and_the_others_are_taken(scripted):
    sound = {"from": "ETH", "to": "USD", "course": "1228.45000000"}
    wrong = ["dear", "NaN", "1e400", None, True, [], "0x1", "-", "1e-99"]
    odd = [{**sound, "to": "EUR", "course": course} for course in wrong]
    odd += [{"from": "ETH", "to": "EUR"}, {"to": "EUR", "course": "1"}, "ETH", None]
    client, _ = scripted((200, success([*odd, sound, {**sound, "to": "GBP", "course": 900}])))
    named = []

    found = client.list_rates("ETH", on_odd=named.append)

    assert [(each.target, each.course) for each in found] == [
        ("USD", Decimal("1228.45")),
        ("GBP", Decimal(900)),
    ]
    assert len(named) == len(odd)
    assert named[0] == "Heleket's entry 1 (ETH/EUR) cannot be used: course is not a number."


@pytest.mark.parametrize("currency", ["", "../x", "A?b", "é"])
def test_a_currency_cannot_change_the_path(scripted, currency):
    client, script = scripted()

    with pytest.raises(ValueError, match="currency"):
        client.list_rates(currency)

    assert script.requests == []


@pytest.mark.parametrize("direction", ["personal", "business"])
def test_transfers_between_the_own_wallets(scripted, direction):
    answer = {
        "user_wallet_transaction_uuid": "u",
        "user_wallet_balance": "5",
        "merchant_transaction_uuid": "m",
        "merchant_balance": "7",
    }
    client, script = scripted((200, success(answer)))
    transfer = getattr(client, f"transfer_to_{direction}")

    done = transfer(amount=Decimal("1E+1"), currency="USDT")

    assert done == heleket.Transfer("u", Decimal(5), "m", Decimal(7))
    expected = {"amount": "10", "currency": "USDT"}
    assert sent(script) == (f"/v1/transfer/to-{direction}", {}, expected)


def test_asks_for_a_test_webhook(scripted):
    client, script = scripted((200, success([])))
    fields = {"url_callback": "https://a.example/", "currency": "USDT", "network": "TRON"}

    client.send_test_webhook(**fields, order_id="abc")

    expected = fields | {"status": "paid", "order_id": "abc"}
    assert sent(script) == ("/v1/test-webhook/payout", {}, expected)
    assert script.requests[0].headers["sign"] == sign(script.requests[0].body, PAYOUT_KEY)


# Credentials and secrets


@pytest.mark.parametrize("missing", ["merchant_id", "payout_key"])
def test_without_credentials_nothing_is_sent(scripted, body, missing):
    client, script = scripted(**{missing: ""})

    with pytest.raises(heleket.MissingCredentials) as caught:
        client.create_payout(body)

    assert isinstance(caught.value, heleket.Unavailable)
    assert script.requests == []


def test_without_a_payment_key_the_balance_is_not_asked_for(scripted):
    client, script = scripted(payment_key="")

    with pytest.raises(heleket.MissingCredentials):
        client.get_balance()

    assert script.requests == []


def test_nothing_is_sent_after_the_deadline(scripted, body):
    client, script = scripted()

    with pytest.raises(heleket.Unavailable, match="No time"):
        client.create_payout(body, deadline=0)

    assert script.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://api.heleket.com",
        "http://10.0.0.1:8010",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://0.0.0.0",
        "https://api.heleket.com/v1",
        "https://user:password@api.heleket.com",
        "https://api.heleket.com?x=1",
        "https://api.heleket.com:99999",
        "https://",
        "ftp://api.heleket.com",
        "api.heleket.com",
        "",
    ],
)
def test_a24_only_https_or_this_machine_is_a_gateway(make_client, url):
    with pytest.raises(heleket.InvalidBaseUrl) as caught:
        make_client(base_url=url)

    assert isinstance(caught.value, ValueError)
    assert "password" not in str(caught.value)
    assert PAYOUT_KEY not in error_page_of(caught.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.heleket.com", "api.heleket.com"),
        ("https://API.heleket.com:443/", "api.heleket.com"),
        ("https://gateway.example:8443", "gateway.example:8443"),
        ("http://127.0.0.1:8010", "127.0.0.1:8010"),
        ("http://localhost:80/", "localhost"),
        ("http://[::1]:8010", "[::1]:8010"),
    ],
)
def test_the_host_names_the_gateway(make_client, url, host):
    assert make_client(base_url=url).host == host


def test_a_ca_file_that_is_not_there_is_an_error(make_client):
    with pytest.raises(FileNotFoundError):
        make_client(ca_file=CA_FILE + ".missing")


FAILURES = {
    "refused": (422, refusal("Not enough funds")),
    "not found": NOT_FOUND,
    "unauthorized": (401, b'{"message":"Invalid Sign."}'),
    "slow down": (429, b""),
    "unknown": (500, b""),
    "unreadable": (200, success({})),
    "lost": (0, requests.ConnectionError("reset")),
    "late": (0, requests.ReadTimeout("late")),
    "unreachable": (0, requests.ConnectTimeout("no")),
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_no_traceback_shows_a_key_or_a_signature(scripted, caplog, answer):
    caplog.set_level("DEBUG")
    client, _ = scripted(answer)

    with pytest.raises(heleket.HeleketError) as caught:
        client.get_payout(order_id="abc")

    text = error_page_of(caught.value) + caplog.text + repr(client) + str(vars(client))
    for secret in (PAYOUT_KEY, PAYMENT_KEY, sign(encode({"order_id": "abc"}), PAYOUT_KEY)):
        assert secret not in text
