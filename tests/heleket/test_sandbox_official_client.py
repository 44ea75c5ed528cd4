"""Heleket's own client (heleket-sdk on PyPI) takes the sandbox for Heleket, over a TLS socket."""

import http.client
import json

import heleket_sdk
import pytest
import requests
from heleket_sdk import types

from heleket.sandbox import Gateway
from heleket.sandbox.server import Server
from heleket.sandbox.switches import switch
from heleket.signing import sign
from tests.heleket.wire import CA_FILE, TLS

ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"
PEM = TLS / "loopback.pem"


@pytest.fixture(scope="module")
def server():
    gateway = Gateway(merchant_id="m", payout_key="k", payment_key="p")
    server = Server(gateway, tls=(PEM, PEM))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def options(sandbox, server):
    server.gateway = sandbox
    with requests.Session() as session:
        session.verify = CA_FILE
        session.trust_env = False
        transport = heleket_sdk.RequestsTransport(session)
        yield heleket_sdk.ClientOptions(base_url=server.url, timeout=10, transport=transport)


@pytest.fixture
def payouts(sandbox, options):
    return heleket_sdk.HeleketPayout(
        merchant_id=sandbox.merchant_id, api_key=sandbox.payout_key, options=options
    )


@pytest.fixture
def payments(sandbox, options):
    return heleket_sdk.HeleketPayment(
        merchant_id=sandbox.merchant_id, api_key=sandbox.payment_key, options=options
    )


def wanted(**changes):
    fields = {
        "amount": "207",
        "currency": "USDT",
        "network": "bsc",
        "order_id": "129359",
        "address": ADDRESS,
        "is_subtract": True,
        "url_callback": "https://desk.example/hook",
    }
    return types.CreatePayoutRequest(**(fields | changes))


def test_it_creates_a_payout_and_follows_it_to_the_end(sandbox, payouts):
    created = payouts.create_payout(wanted())
    while sandbox.advance():
        pass
    by_order_id = payouts.get_info(types.InfoOptions.by_order_id("129359"))
    by_uuid = payouts.get_info(types.InfoOptions.by_uuid(created.uuid))

    assert (created.status, created.is_final, created.amount) == ("process", False, "207.00000000")
    assert (created.commission, created.merchant_amount) == ("0.30000000", "207.30000000")
    assert (by_order_id.uuid, by_order_id.network) == (created.uuid, "BSC")
    assert by_uuid.status == heleket_sdk.PayoutStatus.PAID
    assert by_uuid.is_final
    assert by_uuid.txid == sandbox.find("129359").txid


def test_its_repeat_meets_the_same_payout(sandbox, payouts):
    first = payouts.create_payout(wanted())

    assert payouts.create_payout(wanted(amount="9")) == first
    assert len(sandbox.debits("129359")) == 1


def test_it_reads_the_whole_history(sandbox, payouts):
    for number in range(32):
        payouts.create_payout(wanted(order_id=f"order-{number}"))
    pages, cursor = [], None
    while cursor or not pages:
        pages.append(payouts.list_history(types.HistoryOptions(cursor=cursor)))
        cursor = pages[-1].paginate.next_cursor

    assert [page.paginate.count for page in pages] == [15, 15, 2]
    listed = [item.uuid for page in pages for item in page.items]
    assert listed == [payout.uuid for payout in reversed(sandbox.payouts)]


def test_it_reads_a_period_of_the_history(sandbox, clock, payouts):
    for _ in range(3):
        sandbox.add_foreign_payout()  # at 12:00, 13:00, 14:00 of their zone
        clock.forward(hours=1)

    period = {"date_from": "2026-03-02 13:00:00", "date_to": "2026-03-02 13:59:59"}
    page = payouts.list_history(types.HistoryOptions(**period))

    assert [item.uuid for item in page.items] == [sandbox.payouts[1].uuid]


@pytest.mark.parametrize(
    ("choice", "balance"),
    [
        ("string", "999792.70000000"),
        ("number", 999792.7),
        ("object", {"amount": "999792.70000000", "currency_code": "USDT"}),
        ("null", None),
    ],
)
def test_it_reads_a_balance_in_every_shape(sandbox, payouts, choice, balance):
    switch(sandbox, "balance_shape", choice)

    assert payouts.create_payout(wanted()).balance == balance


def test_it_converts_from_usdt_with_all_that_it_can_ask_for(sandbox, payouts):
    fiat = {"currency": "USD", "amount": "31", "to_currency": "TON", "network": "ton"}
    more = {"from_currency": "USDT", "course_source": "BinanceP2P", "priority": "high"}

    payout = payouts.create_payout(wanted(**fiat, **more, memo="42", is_subtract=False))

    assert (payout.payer_currency, payout.payer_amount) == ("TON", "19.95000000")
    assert sandbox.find("129359").memo == "42"


def test_it_moves_money_but_looks_for_the_outcome_elsewhere(sandbox, payouts):
    """Its types name other members than the documentation, so that it comes to know nothing."""
    out = payouts.transfer_to_personal("400", "USDT")
    back = payouts.transfer_to_business("150", "USDT")

    assert out == back == types.Transfer()
    assert sandbox.balances["USDT"] == 999_750


def test_it_refunds_and_repeats_webhooks_of_invoices_alone(payouts, payments):
    request = types.RefundRequest(address="T", is_subtract=True, order_id="129359")
    with pytest.raises(heleket_sdk.ValidationError) as refund:
        payouts.refund(request)
    with pytest.raises(heleket_sdk.ValidationError) as resent:
        payments.resend_webhook(types.InfoOptions.by_order_id("129359"))

    assert "Payment was not found" in refund.value.raw_body
    assert "Payment not found" in resent.value.raw_body


def test_it_reads_services_calculation_balance_and_rates(payouts, payments):
    services = payouts.list_services()
    terms = {"currency": "USDT", "network": "bsc", "amount": "207"}
    on_top = payouts.calculate_withdrawal(types.CalculateRequest(**terms, is_subtract=True))
    taken_out = payouts.calculate_withdrawal(types.CalculateRequest(**terms))
    balance = payments.get_balance()
    rates = payments.get_exchange_rates("ETH")

    (bsc,) = [s for s in services if (s.network, s.currency) == ("BSC", "USDT")]
    assert (bsc.is_available, bsc.commission.fee_amount) == (True, "0.30000000")
    assert (on_top.commission, on_top.amount) == ("0.30000000", "207.00000000")
    assert on_top.merchant_amount == "207.30000000"
    assert (taken_out.amount, taken_out.merchant_amount) == ("206.70000000", "207.00000000")
    balances = {wallet.currency_code: wallet.balance for wallet in balance.merchant}
    assert balances["USDT"] == "1000000.00000000"
    assert rates[0].from_currency == "ETH"


def test_it_raises_its_own_errors(sandbox, payouts, options):
    stranger = heleket_sdk.HeleketPayout(
        merchant_id=sandbox.merchant_id, api_key="wrong", options=options
    )
    with pytest.raises(heleket_sdk.ApiError, match="Invalid Sign") as unsigned:
        stranger.create_payout(wanted())
    with pytest.raises(heleket_sdk.ValidationError) as malformed:
        payouts.create_payout(wanted(amount="lots", memo="m" * 31))
    with pytest.raises(heleket_sdk.ValidationError) as poor:
        payouts.create_payout(wanted(amount="9999999"))
    sandbox.faults.add("500")
    with pytest.raises(heleket_sdk.ApiError, match="Server error") as broken:
        payouts.create_payout(wanted())
    sandbox.faults.add("commit_then_drop")
    with pytest.raises(heleket_sdk.HttpError):
        payouts.create_payout(wanted(order_id="lost"))

    assert unsigned.value.http_status == http.client.UNAUTHORIZED
    assert malformed.value.fields == {
        "amount": ["validation.regex"],
        "memo": ["validation.max.string"],
    }
    assert "Not enough funds" in poor.value.raw_body
    assert broken.value.http_status == http.client.INTERNAL_SERVER_ERROR
    assert sandbox.order_ids == ["lost"]


def test_it_does_not_find_what_is_not_there(payouts):
    with pytest.raises(heleket_sdk.ValidationError) as missing:
        payouts.get_info(types.InfoOptions.by_order_id("made-up"))

    assert "Payout not found" in missing.value.raw_body


@pytest.mark.parametrize("fate", ["paid", "fail_then_paid", "p2p", "system_fail"])
def test_its_verifier_accepts_every_webhook(sandbox, payouts, fate):
    sandbox.set_fate(fate)
    created = payouts.create_payout(wanted())
    while sandbox.advance():
        pass
    verifier = heleket_sdk.WebhookVerifier(sandbox.payout_key)

    events = [verifier.verify_raw(delivery.body) for delivery in sandbox.take_webhooks()]

    assert {event.uuid for event in events} == {created.uuid}
    assert all(event.is_payout() for event in events)
    assert events[-1].status == sandbox.find("129359").status


def test_its_verifier_of_decoded_webhooks_knows_no_slashes(sandbox, payouts):
    payouts.create_payout(wanted())
    sandbox.advance()
    (delivery,) = sandbox.take_webhooks()
    verifier = heleket_sdk.WebhookVerifier(sandbox.payout_key)

    assert verifier.verify(json.loads(delivery.body)).status == "check"

    members = {"type": "payout", "txid": "a/b", "status": "paid"}
    body = json.dumps(members, separators=(",", ":")).replace("/", "\\/")
    signed = members | {"sign": sign(body.encode(), sandbox.payout_key)}
    with pytest.raises(heleket_sdk.SignatureError):
        verifier.verify(signed)


def test_its_verifier_refuses_a_webhook_under_another_key(sandbox, payouts):
    sandbox.faults.add("webhook_wrong_key")
    payouts.create_payout(wanted())
    sandbox.advance()
    (delivery,) = sandbox.take_webhooks()

    with pytest.raises(heleket_sdk.SignatureError):
        heleket_sdk.WebhookVerifier(sandbox.payout_key).verify_raw(delivery.body)
