"""The sandbox keeps Heleket's rules: what is refused, what is created, where the money is."""

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heleket.sandbox import Gateway
from heleket.sandbox.endpoints import ENDPOINTS
from heleket.sandbox.switches import SWITCHES, chosen, switch
from heleket.signing import sign
from tests.heleket.sandbox_calls import WANTED, Caller


@pytest.fixture
def call(sandbox):
    return Caller(sandbox)


def without(*names):
    return {name: value for name, value in WANTED.items() if name not in names}


def test_a_payout_is_created_as_documented(call, sandbox):
    answer = call.create()

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    payout = sandbox.find("order-1")
    assert answer.json() == {
        "state": 0,
        "result": {
            "uuid": payout.uuid,
            "amount": "10.00000000",
            "currency": "USDT",
            "network": "TRON",
            "address": WANTED["address"],
            "txid": None,
            "status": "process",
            "is_final": False,
            "balance": "999989.00000000",
            "payer_currency": "USDT",
            "payer_amount": "10.00000000",
            "merchant_amount": "11.00000000",
            "commission": "1.00000000",
        },
    }


def test_newer_members_can_be_left_out(call, sandbox):
    sandbox.newer_members = False

    result = call.create().json()["result"]

    assert len(result) == 11
    assert "commission" not in result


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("commission", {"commission"}),
        ("commissions", {"commissions"}),
        ("both", {"commission", "commissions"}),
    ],
)
def test_the_commission_has_the_name_that_is_chosen(call, sandbox, choice, names):
    switch(sandbox, "commission_name", choice)

    result = call.create().json()["result"]

    assert {name for name in result if name.startswith("commission")} == names
    assert {result[name] for name in names} == {"1.00000000"}


@pytest.mark.parametrize(
    ("choice", "balance", "payer_amount"),
    [
        ("string", '"999989.00000000"', '"10.00000000"'),
        ("number", "999989", "10"),
        ("null", "null", "null"),
        (
            "object",
            '{"amount":"999989.00000000","currency_code":"USDT"}',
            '{"amount":"10.00000000","currency_code":"USDT"}',
        ),
    ],
)
def test_amounts_that_come_in_different_shapes(call, sandbox, choice, balance, payer_amount):
    switch(sandbox, "balance_shape", choice)

    for answer in (call.create(), call("info", {"order_id": "order-1"})):
        assert f'"balance":{balance},' in answer.text
        assert f'"payer_amount":{payer_amount},' in answer.text
    assert f'"balance":{balance},' in call("list").text
    sandbox.faults.add("numbers_as_json")
    assert call("list").status_code == 200


def test_the_list_names_the_merchant_or_not(call, sandbox):
    named = call("list").json()["result"]
    switch(sandbox, "merchant_in_list", "no")

    assert named["merchant_uuid"] == sandbox.merchant_id
    assert call("list").json()["result"].keys() == {"items", "paginate"}


@pytest.mark.parametrize("longest", [32, 100, 128])
def test_info_takes_order_ids_up_to_the_length_that_is_chosen(call, sandbox, longest):
    switch(sandbox, "longest_order_id", str(longest))

    fitting = call("info", {"order_id": "x" * longest}).json()
    longer = call("info", {"order_id": "x" * (longest + 1)}).json()

    assert fitting == {"state": 1, "message": "Payout not found"}
    assert longer["errors"] == {"order_id": ["validation.max.string"]}


@pytest.mark.parametrize("amount", [10, 10.5])
def test_an_amount_may_be_a_number_if_that_is_chosen(call, sandbox, amount):
    refused = call.create(amount=amount)
    switch(sandbox, "number_amounts", "yes")

    assert refused.json()["errors"] == {"amount": ["validation.string"]}
    result = call.create(amount=amount).json()["result"]
    assert Decimal(result["amount"]) == Decimal(str(amount))
    calculated = call("/v1/payout/calc", WANTED | {"amount": amount}).json()["result"]
    assert calculated["payout_amount"] == result["amount"]


@pytest.mark.parametrize("amount", [True, [10], {"a": 1}, 1e-7, -1, None])
def test_no_number_that_is_no_plain_amount_is_ever_taken(call, sandbox, amount):
    switch(sandbox, "number_amounts", "yes")

    assert call.create(amount=amount).status_code == 422
    assert sandbox.payouts == []


def test_every_switch_starts_at_its_first_choice(sandbox):
    assert chosen(sandbox) == {name: next(iter(each.choices)) for name, each in SWITCHES.items()}


@pytest.mark.parametrize(("name", "choice"), [("balance_shape", "round"), ("mood", "good")])
def test_a_switch_has_only_its_choices(sandbox, name, choice):
    before = chosen(sandbox)

    with pytest.raises(ValueError, match=f"{name} cannot be {choice}"):
        switch(sandbox, name, choice)

    assert chosen(sandbox) == before


@pytest.mark.parametrize(
    "changes",
    [{}, {"amount": "99"}, {"address": "TElse"}, {"currency": "NOPE"}, {"is_subtract": False}],
)
def test_a_known_order_id_answers_with_the_old_payout_whatever_the_rest_says(
    call, sandbox, changes
):
    first = call.create().json()

    again = call.create(**changes)

    assert (again.status_code, again.json()) == (200, first)
    assert len(sandbox.debits("order-1")) == 1
    assert sandbox.outbox == []


def test_a_known_order_id_answers_with_the_present_state(call, sandbox):
    call.create()
    sandbox.set_fate("final_fail", order_id="order-1")
    sandbox.advance()
    sandbox.advance()

    result = call.create().json()["result"]

    assert (result["status"], result["is_final"]) == ("fail", True)
    assert sandbox.order_ids == ["order-1"]


@pytest.mark.parametrize(
    ("key", "merchant"), [("wrong", None), ("payment", None), (None, "stranger")]
)
def test_a_bad_signature_is_refused_before_anything_is_read(call, sandbox, key, merchant):
    key = sandbox.payment_key if key == "payment" else key
    answer = call("create", WANTED, key=key, merchant=merchant)

    assert (answer.status_code, answer.json()) == (401, {"message": "Invalid Sign."})
    assert sandbox.payouts == []


def test_the_signature_covers_the_bytes_and_not_their_meaning(call, sandbox):
    for number, body in enumerate([b'{ "order_id" : "x\\/y" }', b'{"order_id":"x/y"}', b""]):
        assert call("info", body=body).status_code == 422, number


def test_all_missing_fields_are_named_at_once(call, sandbox):
    answer = call("create", {"amount": "", "address": None, "memo": 5})

    names = ["amount", "currency", "order_id", "address", "is_subtract"]
    errors = {name: ["validation.required"] for name in names}
    assert (answer.status_code, answer.json()) == (422, {"state": 1, "errors": errors})


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{broken", b'"text"'])
def test_a_body_that_is_no_object_has_no_fields(call, sandbox, body):
    assert "amount" in call("create", body=body).json()["errors"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 10}, "validation.string"),
        ({"amount": "1e3"}, "validation.regex"),
        ({"amount": "-1"}, "validation.regex"),
        ({"amount": "1,5"}, "validation.regex"),
        ({"amount": "٣"}, "validation.regex"),
        ({"amount": "1\n"}, "validation.regex"),
        ({"order_id": "a b"}, "validation.alpha_dash"),
        ({"order_id": "a\n"}, "validation.alpha_dash"),
        ({"order_id": "a" * 101}, "validation.max.string"),
        ({"order_id": 7}, "validation.string"),
        ({"is_subtract": "yes"}, "validation.boolean"),
        ({"is_subtract": 2}, "validation.boolean"),
        ({"url_callback": "nowhere"}, "validation.url"),
        ({"url_callback": "http:"}, "validation.min.string"),
        ({"url_callback": "https://desk.example/" + "a" * 250}, "validation.max.string"),
        ({"memo": "m" * 31}, "validation.max.string"),
        ({"priority": "fast"}, "validation.in"),
        ({"priority": ["high"]}, "validation.in"),
        ({"from_currency": "BTC"}, "validation.in"),
        ({"course_source": "Elsewhere"}, "validation.in"),
    ],
)
def test_malformed_fields_are_refused(call, sandbox, changes, code):
    answer = call.create(**changes)

    assert answer.status_code == 422
    assert answer.json()["errors"] == {next(iter(changes)): [code]}
    assert sandbox.payouts == []


@pytest.mark.parametrize("order_id", ["a" * 33, "a" * 100, "Заказ_1", "A-b_9"])
def test_creating_takes_longer_order_ids_than_asking(call, sandbox, order_id):
    assert call.create(order_id=order_id).status_code == 200

    answer = call("info", {"order_id": order_id})

    too_long = {"order_id": ["validation.max.string"]}
    assert answer.json().get("errors") == (too_long if len(order_id) > 32 else None)


def test_the_network_may_be_left_out_if_the_coin_has_one(call, sandbox):
    sandbox.top_up("BTC", "1")

    named = call("create", without("network"))
    single = call("create", without("network") | {"currency": "BTC", "amount": "0.01"})

    assert named.json()["errors"] == {"network": ["validation.required"]}
    assert single.json()["result"]["network"] == "BTC"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"currency": "NOPE"}, "The currency was not found"),
        ({"network": "btc"}, "The service was not found"),
        ({"amount": "0.4"}, "Minimum amount 0.5 USDT"),
        ({"amount": "0"}, "Minimum amount 0.5 USDT"),
        ({"amount": "10000000.1"}, "Maximum amount 10000000 USDT"),
        ({"amount": "1", "is_subtract": False}, "The withdrawal amount is too small"),
        ({"amount": "999999.5"}, "Not enough funds"),
        ({"network": "bch", "currency": "BCH"}, "Not enough funds"),
        ({"currency": "EUR", "to_currency": "NOPE"}, "Not found service to_currency"),
        (
            {"currency": "BTC", "network": "btc", "from_currency": "USDT", "amount": "50"},
            "Not enough balance for convert USDT to BTC",
        ),
    ],
)
def test_business_refusals_have_heleket_s_words_and_change_nothing(call, sandbox, changes, message):
    answer = call.create(**changes)

    assert (answer.status_code, answer.json()) == (422, {"state": 1, "message": message})
    assert sandbox.payouts == []
    assert sandbox.balances["USDT"] == 1_000_000


def test_a_coin_without_a_wallet_or_a_price_is_refused(call, sandbox):
    del sandbox.balances["TRX"], sandbox.prices["BTC"]

    assert call.create(currency="TRX").json()["message"] == "Wallet not found"
    answer = call.create(currency="USD", to_currency="BTC", network="btc")
    assert answer.json()["message"] == "Error convert to_currency"
    assert sandbox.payouts == []


def test_a_withdrawn_or_renamed_service_is_refused(call, sandbox):
    sandbox.withdraw_service("tron", "USDT")
    sandbox.rename_currency("ton", "TON", "GRAM")
    sandbox.top_up("GRAM", "10")

    assert call.create().json()["message"] == "The service was not found"
    assert call.create(network="ton", currency="TON").json()["message"] == (
        "The currency was not found"
    )
    assert call.create(network="ton", currency="GRAM", amount="1").status_code == 200


@pytest.mark.parametrize(
    ("is_subtract", "sent", "debited"),
    [
        (True, "10.00000000", 11),
        ("1", "10.00000000", 11),
        (1, "10.00000000", 11),
        (False, "9.00000000", 10),
        ("0", "9.00000000", 10),
        (0, "9.00000000", 10),
    ],
)
def test_d10_the_fee_is_on_top_only_if_is_subtract_is_true(
    call, sandbox, is_subtract, sent, debited
):
    result = call.create(is_subtract=is_subtract).json()["result"]

    assert result["payer_amount"] == sent
    assert sandbox.balances["USDT"] == 1_000_000 - debited


def test_a_percentage_is_added_to_the_fixed_fee_and_rounded_half_up(call, sandbox):
    sandbox.top_up("XMR", "10")

    result = call.create(currency="XMR", network="xmr", amount="0.012345670").json()["result"]

    # 0.0002 + 0.01234567 * 0.5 % = 0.00026172835
    assert result["commission"] == "0.00026173"
    assert sandbox.balances["XMR"] == Decimal("10") - Decimal("0.01234567") - Decimal("0.00026173")


def test_a_conversion_is_paid_from_usdt(call, sandbox):
    answer = call.create(currency="LTC", network="ltc", amount="2", from_currency="USDT")

    assert answer.json()["result"]["convert"] == {
        "to_currency": "LTC",
        "from_currency": "USDT",
        "from_amount": "170.00000000",
        "commission": "0.00000000",
        "rate": "85.00000000",
    }
    assert sandbox.balances["USDT"] == 1_000_000 - 170
    assert sandbox.balances["LTC"] == 0


def test_a_fiat_amount_needs_the_coin_to_pay_in(call, sandbox):
    sandbox.top_up("LTC", "10")

    refused = call.create(currency="USD", amount="42.5", network="ltc")
    paid = call.create(currency="USD", amount="42.5", network="ltc", to_currency="LTC")

    assert refused.json()["errors"] == {"to_currency": ["validation.required"]}
    result = paid.json()["result"]
    assert (result["amount"], result["payer_amount"]) == ("42.50000000", "0.50000000")
    assert sandbox.balances["LTC"] == Decimal("9.5")


def test_info_finds_by_either_name_and_the_order_id_decides(call, sandbox):
    first = call.create().json()["result"]
    second = call.create(order_id="order-2").json()["result"]

    assert call("info", {"uuid": first["uuid"]}).json()["result"]["uuid"] == first["uuid"]
    both = call("info", {"uuid": first["uuid"], "order_id": "order-2"})
    assert both.json()["result"]["uuid"] == second["uuid"]


def test_info_says_what_it_lacks(call):
    code = ["validation.required_without"]
    neither = call("info", {})
    unknown = call("info", {"order_id": "made-up"})

    assert neither.json() == {"state": 1, "errors": {"uuid": code, "order_id": code}}
    assert (unknown.status_code, unknown.json()) == (
        422,
        {"state": 1, "message": "Payout not found"},
    )
    assert call("info", {"uuid": "no"}).json()["errors"] == {"uuid": ["validation.uuid"]}


def page(call, cursor="", **window):
    answer = call(f"/v1/payout/list?cursor={cursor}", window)
    return answer.json()["result"]


def test_the_list_runs_from_newest_to_oldest_and_back(call, sandbox):
    for number in range(35):
        call.create(order_id=f"order-{number}")
    newest_first = [payout.uuid for payout in reversed(sandbox.payouts)]

    first = page(call)
    second = page(call, first["paginate"]["nextCursor"])
    third = page(call, second["paginate"]["nextCursor"])
    back = page(call, third["paginate"]["previousCursor"])

    listed = [item["uuid"] for got in (first, second, third) for item in got["items"]]
    assert listed == newest_first
    assert back["items"] == second["items"]
    assert first["paginate"]["previousCursor"] is None
    assert third["paginate"] | {"previousCursor": ""} == {
        "count": 5,
        "hasPages": True,
        "nextCursor": None,
        "previousCursor": "",
        "perPage": 15,
    }


def test_a_list_that_grows_while_it_is_read_repeats_and_skips_nothing_old(call, sandbox):
    for number in range(20):
        call.create(order_id=f"order-{number}")
    first = page(call)
    call.create(order_id="newcomer")

    second = page(call, first["paginate"]["nextCursor"])

    assert [item["uuid"] for item in first["items"] + second["items"]] == [
        payout.uuid for payout in reversed(sandbox.payouts[:20])
    ]


def test_the_list_takes_a_period_in_their_time_both_ends_included(call, sandbox, clock):
    for number in range(3):
        call.create(order_id=f"order-{number}")  # at 12:00, 13:00, 14:00 of UTC+3
        clock.forward(hours=1)

    found = page(call, date_from="2026-03-02 13:00:00", date_to="2026-03-02 14:00:00")
    wrong = call("list", {"date_from": "yesterday"})

    assert [item["created_at"] for item in found["items"]] == [
        "2026-03-02T14:00:00+03:00",
        "2026-03-02T13:00:00+03:00",
    ]
    assert wrong.json()["errors"] == {"date_from": ["validation.regex"]}


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA", "eyJpZCI6IngifQ", "é"])
def test_a_cursor_that_cannot_be_read_starts_at_the_newest(call, cursor):
    call.create()

    assert page(call, cursor)["paginate"]["count"] == 1


def test_both_calculations_agree_with_what_is_debited(call, sandbox):
    terms = without("order_id")
    documented = call("/v1/payout/calc", terms).json()["result"]
    short = {"amount": "10", "currency": "USDT", "network": "tron", "is_subtract": True}
    official = call("/v1/payout/calculate", short).json()["result"]

    assert documented == {
        "commission": "1.00000000",
        "merchant_amount": "11.00000000",
        "payout_amount": "10.00000000",
    }
    assert official == documented | {"amount": "10.00000000"}
    assert call("/v1/payout/calc", {"amount": "10", "currency": "USDT"}).json()[
        "errors"
    ].keys() == {
        "address",
        "is_subtract",
        "network",
    }
    assert sandbox.payouts == []


@pytest.mark.parametrize(
    ("is_subtract", "recipient_gets"),
    [
        ({}, "9.00000000"),
        ({"is_subtract": None}, "9.00000000"),
        ({"is_subtract": ""}, "9.00000000"),
        ({"is_subtract": False}, "9.00000000"),
        ({"is_subtract": True}, "10.00000000"),
        ({"is_subtract": "1"}, "10.00000000"),
    ],
)
def test_a_calculation_takes_the_fee_out_of_the_amount_unless_told(
    call, is_subtract, recipient_gets
):
    terms = {"amount": "10", "currency": "USDT", "network": "tron"}

    result = call("/v1/payout/calculate", terms | is_subtract).json()["result"]

    assert result["payout_amount"] == result["amount"] == recipient_gets


def test_services_cover_all_fourteen_networks(call):
    services = call("/v1/payout/services").json()["result"]

    assert len({service["network"] for service in services}) == 14
    assert {
        "network": "TRON",
        "currency": "TRX",
        "contract_address": None,
        "is_available": True,
        "limit": {"min_amount": "1.00000000", "max_amount": "1000000.00000000"},
        "commission": {"fee_amount": "1.00000000", "percent": "0.00"},
    } in services


def test_tokens_have_a_contract_and_the_coins_of_a_network_have_none(call):
    services = call("/v1/payout/services").json()["result"]

    contracts = {(row["network"], row["currency"]): row["contract_address"] for row in services}
    assert [pair for pair, contract in contracts.items() if contract is None] == [
        *[("ARBITRUM", "ETH"), ("AVALANCHE", "AVAX"), ("BCH", "BCH"), ("BSC", "BNB")],
        *[("BTC", "BTC"), ("DASH", "DASH"), ("DOGE", "DOGE"), ("ETH", "ETH"), ("LTC", "LTC")],
        *[("POLYGON", "POL"), ("SOL", "SOL"), ("TON", "TON"), ("TRON", "TRX"), ("XMR", "XMR")],
    ]
    tokens = [contract for contract in contracts.values() if contract]
    assert len(set(tokens)) == len(tokens)


def test_balances_are_told_in_dollars_too(call, sandbox):
    sandbox.top_up("ETH", "2")

    result = call("/v1/balance", key=sandbox.payment_key).json()["result"]

    dollars = {row["currency_code"]: row["balance_usd"] for row in result[0]["balance"]["merchant"]}
    assert (dollars["USDT"], dollars["ETH"]) == ("1000000.00000000", "5600.00000000")


def test_balances_need_the_payment_key(call, sandbox):
    assert call("/v1/balance").status_code == 401

    result = call("/v1/balance", key=sandbox.payment_key).json()["result"]

    balances = {row["currency_code"]: row["balance"] for row in result[0]["balance"]["merchant"]}
    assert balances["USDT"] == "1000000.00000000"
    assert balances["XMR"] == "0.00000000"


def test_rates_need_no_signature(call):
    answer = call.session.get("http://gateway.test/v1/exchange-rate/ETH/list")

    assert {"from": "ETH", "to": "USD", "course": "2800.00000000"} in answer.json()["result"]


@pytest.mark.parametrize(("name", "status"), [("payment_key", 200), ("payout_key", 401)])
def test_a_signature_under_rates_is_that_of_the_payment_key(call, sandbox, name, status):
    headers = {"merchant": sandbox.merchant_id, "sign": sign(b"", getattr(sandbox, name))}
    url = "http://gateway.test/v1/exchange-rate/ETH/list"

    assert call.session.get(url, headers=headers).status_code == status


def test_the_sandbox_has_a_rate_of_every_coin_that_it_pays(heleket_client, sandbox):
    sandbox.prices["SHIB"] = Decimal("0.00000123")
    for _network, coin in sandbox.services:
        dollars = {each.target: each.course for each in heleket_client.list_rates(coin)}["USD"]
        assert dollars == sandbox.prices[coin]


def test_transfers_move_money_out_of_reach_and_back(call, sandbox):
    out = call("/v1/transfer/to-personal", {"amount": "400", "currency": "USDT"}).json()["result"]
    call("/v1/transfer/to-business", {"amount": "150", "currency": "USDT"})
    too_much = call("/v1/transfer/to-business", {"amount": "251", "currency": "USDT"})

    assert (out["user_wallet_balance"], out["merchant_balance"]) == (
        "400.00000000",
        "999600.00000000",
    )
    assert too_much.json()["message"] == "Not enough funds"
    assert sandbox.balances["USDT"] == 999_750


def test_a_refund_and_a_resent_webhook_are_for_invoices(call, sandbox):
    fields = {"address": "T", "is_subtract": True}

    assert call("/v1/payment/refund", fields).json()["errors"].keys() == {"uuid", "order_id"}
    known = call("/v1/payment/refund", fields | {"order_id": "order-1"})
    assert known.json()["message"] == "Payment was not found"
    resent = call("/v1/payment/resend", {}, key=sandbox.payment_key)
    assert resent.json()["message"] == "Payment not found"


@pytest.mark.parametrize("path", ["/v1/payout/cancel", "/v1/payout/resend", "/", "/v1/payout/"])
def test_there_is_no_cancel_and_no_resend(call, path):
    call.create()

    assert call(path, {"order_id": "order-1"}).status_code == 404


LIVES = {
    "paid": ["process", "check", "paid!"],
    "final_fail": ["process", "check", "fail!"],
    "fail_then_paid": ["process", "check", "fail", "process", "paid!"],
    "fail_process_fail": ["process", "fail", "process", "fail!"],
    "system_fail": ["process", "system_fail!"],
    "cancel": ["process", "cancel!"],
    "stuck": ["process"],
    "p2p": ["process", "paid!"],
    "paid_not_final_then_final": ["process", "check", "paid", "paid!"],
    "process frozen paid!": ["process", "frozen", "paid!"],
    "unknown_final": ["process", "settled!"],
    "capitals": ["process", "CHECK", "PAID!"],
}


def told(result):
    return result["status"] + ("!" if result["is_final"] else "")


@pytest.mark.parametrize(("fate", "life"), LIVES.items())
def test_a_fate_is_a_life(call, sandbox, fate, life):
    sandbox.set_fate(fate)
    seen = [told(call.create().json()["result"])]

    while sandbox.advance():
        seen.append(told(call("info", {"order_id": "order-1"}).json()["result"]))

    assert seen == life


def test_money_comes_back_only_with_a_final_failure(call, sandbox):
    sandbox.set_fate("fail_process_fail")
    call.create()
    balances = [sandbox.balances["USDT"]]
    while sandbox.advance():
        balances.append(sandbox.balances["USDT"])

    assert balances == [999_989, 999_989, 999_989, 1_000_000]
    assert [(entry.delta, entry.why) for entry in sandbox.ledger][1:] == [
        (Decimal("-11"), "payout"),
        (Decimal("11"), "returned"),
    ]


@pytest.mark.parametrize(
    ("fate", "has_txid"), [("paid", True), ("capitals", True), ("p2p", False), ("stuck", False)]
)
def test_only_a_payment_on_a_blockchain_has_a_txid(call, sandbox, fate, has_txid):
    sandbox.set_fate(fate)
    call.create()
    while sandbox.advance():
        pass

    assert (sandbox.find("order-1").txid is not None) is has_txid


def test_fates_are_chosen_by_what_a_payout_has(call, sandbox):
    sandbox.set_fate("cancel")
    sandbox.set_fate("stuck", address="TStuck")
    sandbox.set_fate("p2p", order_id="order-3")
    call.create(order_id="order-1")
    call.create(order_id="order-2", address="TStuck")
    call.create(order_id="order-3", address="TStuck")
    while sandbox.advance():
        pass

    assert [payout.status for payout in sandbox.payouts] == ["cancel", "process", "paid"]


def test_a_fate_can_change_in_the_middle_of_a_life(call, sandbox):
    sandbox.set_fate("fail_not_final")
    call.create()
    while sandbox.advance():
        pass
    sandbox.set_fate("paid", order_id="order-1")
    while sandbox.advance(order_id="order-1"):
        pass

    assert (sandbox.find("order-1").status, sandbox.find("order-1").is_final) == ("paid", True)
    with pytest.raises(ValueError, match="final"):
        sandbox.set_fate("stuck", order_id="order-1")
    with pytest.raises(ValueError, match="neither"):
        sandbox.set_fate("resurrection")


def test_b12_a_final_word_can_be_contradicted_and_the_money_follows(call, sandbox):
    call.create()
    sandbox.force_status("fail", is_final=True, order_id="order-1")
    after_failure = sandbox.balances["USDT"]
    sandbox.force_status("paid", is_final=True, order_id="order-1")

    assert (after_failure, sandbox.balances["USDT"]) == (1_000_000, 999_989)
    assert len(sandbox.debits("order-1")) == 2


def test_steps_are_due_by_the_clock(call, sandbox, clock):
    sandbox.pace_seconds = 30
    call.create()

    states = []
    for seconds in (29, 1, 29, 1):
        clock.forward(seconds=seconds)
        sandbox.run_due()
        states.append(sandbox.find("order-1").status)

    assert states == ["process", "check", "check", "paid"]


def test_a15_a_payout_made_elsewhere_answers_for_our_order_id(call, sandbox):
    sandbox.add_foreign_payout(order_id="order-1", amount="7", fate="stuck")

    result = call.create().json()["result"]

    assert result["amount"] == "7.00000000"
    assert len(sandbox.debits("order-1")) == 1


def test_an_order_id_is_taken_once(call, sandbox):
    call.create()

    with pytest.raises(ValueError, match="order id"):
        sandbox.add_foreign_payout(order_id="order-1")

    assert len(sandbox.debits("order-1")) == 1


def test_a_payout_made_by_hand_has_no_order_id(call, sandbox):
    payout = sandbox.add_foreign_payout(amount="7")

    assert sandbox.order_ids == []
    assert call("info", {"uuid": payout.uuid}).json()["result"]["amount"] == "7.00000000"


def test_a_gateway_comes_back_from_a_file_as_it_was(call, sandbox, clock, tmp_path):
    sandbox.set_fate("stuck", address="TStuck")
    call.create(url_callback="https://desk.example/hook")
    call.create(order_id="order-2", address="TStuck")
    sandbox.handle("POST", "/v1/payout", "", {}, b"\xff")
    sandbox.advance()
    sandbox.save(tmp_path / "state.json")

    keys = {"merchant_id": "m", "payout_key": "k", "payment_key": "p", "now": clock}
    loaded = Gateway.load(tmp_path / "state.json", **keys)

    assert loaded.payouts == sandbox.payouts
    assert loaded.creates == sandbox.creates
    assert len(loaded.creates) == 3
    assert list(loaded.ledger) == list(sandbox.ledger)
    assert loaded.balances == sandbox.balances
    assert loaded.outbox == sandbox.outbox
    clock.forward(hours=1)
    loaded.run_due()
    assert [payout.status for payout in loaded.payouts] == ["paid", "process"]
    assert sandbox.payout_key not in (tmp_path / "state.json").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity"])
def test_a_top_up_adds_something(sandbox, amount):
    with pytest.raises(ValueError, match="above zero"):
        sandbox.top_up("USDT", amount)

    assert sandbox.balances["USDT"] == 1_000_000


def test_the_same_seed_gives_the_same_ids():
    def first_uuid(seed):
        keys = {"merchant_id": "m", "payout_key": "k", "payment_key": "p"}
        return Gateway(**keys, seed=seed).add_foreign_payout().uuid

    assert first_uuid(1) == first_uuid(1) != first_uuid(2)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = [*WANTED, "uuid", "memo", "url_callback", "to_currency", "from_currency", "status"]


@given(
    path=st.sampled_from(sorted(ENDPOINTS)),
    changes=st.dictionaries(st.sampled_from([*NAMES, "date_from", "priority"]), anything),
    cursor=anything,
)
def test_no_request_breaks_the_gateway(path, changes, cursor):
    gateway = Gateway(merchant_id="m", payout_key="same", payment_key="same")
    gateway.add_foreign_payout()
    call = Caller(gateway)
    encoded = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    position = base64.urlsafe_b64encode(json.dumps({"id": cursor}).encode()).decode()

    for text in (encoded, position):
        answer = call(f"{path}?cursor={text}", WANTED | changes)
        assert answer.status_code in (200, 404, 422)
        assert isinstance(answer.json(), dict)
    assert all(balance <= 0 for balance in gateway.balances.values())
