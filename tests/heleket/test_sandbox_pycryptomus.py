"""The client pyCryptomusAPI, whole on the payout side, takes the sandbox for Heleket.

It signs JSON with spaces, reads amounts as floats, and gives an error of its own number (-5) for
every refusal: a response of `requests` that is no success counts as false.
"""

import json
from datetime import datetime

import pytest
from pyCryptomusAPI import WebhookVerificationError, pyCryptomusAPIException, pyHeleketAPI

from heleket.sandbox import Gateway
from heleket.sandbox.server import Server
from heleket.sandbox.switches import switch

URL = "https://desk.example/hook"


@pytest.fixture(scope="module")
def server():
    server = Server(Gateway(merchant_id="m", payout_key="k", payment_key="p"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make(sandbox, server):
    server.gateway = sandbox

    def make(**changes):
        keys = {"payment_api_key": sandbox.payment_key, "payout_api_key": sandbox.payout_key}
        given = {"merchant_uuid": sandbox.merchant_id, **keys, "timeout": 10}
        return pyHeleketAPI(**given | changes, api_url=server.url)

    return make


@pytest.fixture
def client(make):
    return make()


WANTED = {
    "amount": 207,
    "currency": "USDT",
    "network": "bsc",
    "order_id": 129359,
    "address": "0x00000000000000000000000000000000000000aa",
    "is_subtract": True,
    "url_callback": URL,
}


def test_it_creates_a_payout_and_follows_it_to_the_end(sandbox, client):
    created = client.create_payout(**WANTED)
    while sandbox.advance():
        pass
    by_order_id = client.payout_information(order_id="129359")
    by_uuid = client.payout_information(payout_uuid=created.uuid)

    assert (created.status, created.is_final, created.amount) == ("process", False, 207)
    assert (created.commission, created.merchant_amount) == ("0.30000000", "207.30000000")
    assert (created.balance, created.payer_amount) == (999792.7, 207)
    assert vars(by_order_id) == vars(by_uuid)
    assert (by_uuid.status, by_uuid.is_final, by_uuid.network) == ("paid", True, "BSC")
    assert by_uuid.txid == sandbox.find("129359").txid


def test_it_converts_from_usdt_with_all_that_it_can_ask_for(sandbox, client):
    payout = client.create_payout(
        amount="31",
        currency="USD",
        order_id="fiat",
        address="UQ",
        is_subtract=False,
        network="ton",
        to_currency="TON",
        from_currency="USDT",
        course_source="Kucoin",
        priority="high",
        memo="42",
    )

    assert (payout.amount, payout.payer_amount, payout.payer_currency) == (31, 19.95, "TON")
    assert payout.convert["from_amount"] == "31.00000000"
    assert sandbox.find("fiat").memo == "42"


def test_its_repeat_meets_the_same_payout(sandbox, client):
    first = client.create_payout(**WANTED)
    second = client.create_payout(**WANTED | {"amount": 9})

    assert vars(first) == vars(second)
    assert len(sandbox.debits("129359")) == 1


@pytest.mark.parametrize(
    ("choice", "balance"), [("string", 999792.7), ("number", 999792.7), ("null", None)]
)
def test_it_reads_a_balance_in_three_shapes(sandbox, client, choice, balance):
    switch(sandbox, "balance_shape", choice)

    assert client.create_payout(**WANTED).balance == balance


def test_a_balance_that_is_an_object_is_too_much_for_it(sandbox, client):
    switch(sandbox, "balance_shape", "object")

    with pytest.raises(TypeError):
        client.create_payout(**WANTED)

    assert len(sandbox.debits("129359")) == 1  # it was paid all the same


def test_it_asks_for_order_ids_as_long_as_its_documentation_allows(sandbox, client):
    long = "x" * 100
    client.create_payout(**WANTED | {"order_id": long})
    with pytest.raises(pyCryptomusAPIException) as refused:
        client.payout_information(order_id=long)
    switch(sandbox, "longest_order_id", "128")

    assert refused.value.message == {"order_id": ["validation.max.string"]}
    assert client.payout_information(order_id=long).uuid == sandbox.find(long).uuid


def test_it_reads_the_whole_history(sandbox, client):
    for _ in range(32):
        sandbox.add_foreign_payout()
    pages, cursor = [], None
    while cursor or not pages:
        pages.append(client.payout_history(cursor=cursor))
        cursor = pages[-1].paginate.nextCursor

    assert [page.paginate.count for page in pages] == [15, 15, 2]
    listed = [item.uuid for page in pages for item in page.items]
    assert listed == [payout.uuid for payout in reversed(sandbox.payouts)]


def test_it_reads_a_period_of_the_history(sandbox, clock, client):
    for _ in range(3):
        sandbox.add_foreign_payout()  # at 12:00, 13:00, 14:00 of their zone
        clock.forward(hours=1)

    page = client.payout_history(datetime(2026, 3, 2, 13), "2026-03-02 13:59:59")

    assert [item.uuid for item in page.items] == [sandbox.payouts[1].uuid]
    assert page.merchant_uuid == sandbox.merchant_id


def test_it_reads_services_and_balance(client):
    services = client.payout_services()
    balance = client.balance()

    (bsc,) = [each for each in services if (each.network, each.currency) == ("BSC", "USDT")]
    assert (bsc.is_available, bsc.limit.min_amount, bsc.commission.fee_amount) == (True, 0.5, 0.3)
    assert bsc.contract_address.startswith("0x")
    usdt = {wallet.currency_code: wallet for wallet in balance.merchant}["USDT"]
    assert usdt.balance == usdt.balance_usd == 1_000_000
    assert balance.user == []


def test_it_moves_money_out_of_reach_and_back(sandbox, client):
    out = client.transfer_to_personal(400, "USDT")
    back = client.transfer_to_business("150", "USDT")

    assert (out["user_wallet_balance"], out["merchant_balance"]) == (
        "400.00000000",
        "999600.00000000",
    )
    assert back["user_wallet_balance"] == "250.00000000"
    assert sandbox.balances["USDT"] == 999_750


@pytest.mark.parametrize("fate", ["paid", "fail_then_paid", "p2p", "system_fail"])
def test_it_accepts_every_webhook(sandbox, client, fate):
    sandbox.set_fate(fate)
    created = client.create_payout(**WANTED)
    while sandbox.advance():
        pass

    bodies = [delivery.body for delivery in sandbox.take_webhooks()]
    events = [client.process_payout_webhook(body) for body in bodies]

    payout = sandbox.find("129359")
    assert {event.uuid for event in events} == {created.uuid}
    assert (events[-1].status, events[-1].is_final) == (payout.status, True)
    assert (events[-1].txid, events[-1].merchant_amount) == (payout.txid, 207.3)
    assert vars(client.process_payout_webhook(json.loads(bodies[-1]))) == vars(events[-1])


def test_it_refuses_a_webhook_under_another_key(sandbox, client):
    sandbox.faults.add("webhook_wrong_key")
    client.create_payout(**WANTED)
    sandbox.advance()
    (delivery,) = sandbox.take_webhooks()

    with pytest.raises(WebhookVerificationError, match="signature"):
        client.process_payout_webhook(delivery.body)


@pytest.mark.parametrize(
    ("status", "txid"), [("paid", str), ("fail", None), ("process", None), ("cancel", None)]
)
@pytest.mark.parametrize("about", ["nothing", "uuid", "order_id"])
def test_it_asks_for_test_webhooks_and_accepts_them(sandbox, client, status, txid, about):
    payout = client.create_payout(**WANTED)
    which = {"uuid": {"payout_uuid": payout.uuid}, "order_id": {"order_id": "129359"}}

    answer = client.test_payout_webhook(URL, "USDT", "bsc", status, **which.get(about, {}))

    (delivery,) = sandbox.take_webhooks()
    event = client.process_payout_webhook(delivery.body)
    assert answer == []
    assert (event.status, event.uuid == payout.uuid) == (status, about != "nothing")
    assert isinstance(event.txid, str) if txid else event.txid is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amount": "lots"}, {"amount": ["validation.regex"]}),
        ({"amount": 9999999}, "Not enough funds"),
        ({"network": "moon"}, "The service was not found"),
    ],
)
def test_it_raises_its_own_error_for_refusals(sandbox, client, changes, message):
    with pytest.raises(pyCryptomusAPIException) as refused:
        client.create_payout(**WANTED | changes)

    assert (refused.value.code, refused.value.message) == (-5, message)
    assert sandbox.payouts == []


def test_it_does_not_find_what_is_not_there(client):
    with pytest.raises(pyCryptomusAPIException, match="Payout not found"):
        client.payout_information(order_id="made-up")


@pytest.mark.parametrize("wrong", [{"payout_api_key": "wrong"}, {"merchant_uuid": "stranger"}])
def test_it_is_told_that_its_keys_are_wrong(sandbox, make, wrong):
    with pytest.raises(pyCryptomusAPIException, match="Invalid Sign"):
        make(**wrong).create_payout(**WANTED)

    assert sandbox.payouts == []


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("500", -5, "Server error"),
        ("html_502", -2, "Response decode failed"),
        ("empty_200", 200, "Response decode failed"),
        ("commit_then_drop", -3, "Request unknown exception"),
    ],
)
def test_it_raises_its_own_error_for_trouble(sandbox, client, fault, code, words):
    sandbox.faults.add(fault)

    with pytest.raises(pyCryptomusAPIException, match=words) as trouble:
        client.create_payout(**WANTED)

    assert trouble.value.code == code


def test_it_takes_a_missing_state_for_success(sandbox, client):
    sandbox.faults.add("no_state")

    assert client.create_payout(**WANTED).uuid == sandbox.find("129359").uuid


def test_its_refunds_of_invoices_need_the_payout_key(sandbox, client, make):
    with pytest.raises(pyCryptomusAPIException, match="Invalid Sign"):
        client.refund("T", True, order_id="129359")  # under the payment key, which was right once
    with pytest.raises(pyCryptomusAPIException, match="Payment was not found"):
        make(payment_api_key=sandbox.payout_key).refund("T", True, order_id="129359")
