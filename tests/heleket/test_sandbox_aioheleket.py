"""The client aioheleket, whole on the payout side, takes the sandbox for Heleket.

Its answers are read strictly: a commission has to be called `commissions`, and a list must not name
the merchant. It has no webhook verifier and no way to another host but its private address.
"""

import asyncio
from datetime import datetime
from decimal import Decimal

import aioheleket
import pytest
from aioheleket import exceptions
from pydantic import ValidationError

from heleket import webhooks
from heleket.sandbox import Gateway
from heleket.sandbox.server import Server
from heleket.sandbox.switches import switch

pytestmark = pytest.mark.filterwarnings("ignore:enable_cleanup_closed:DeprecationWarning")

URL = "https://desk.example/hook"
NO_WAIT = aioheleket.RequestConfig(retry_backoff_s=0)


@pytest.fixture(scope="module")
def server():
    server = Server(Gateway(merchant_id="m", payout_key="k", payment_key="p"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox(sandbox, server):
    switch(sandbox, "commission_name", "commissions")
    switch(sandbox, "merchant_in_list", "no")
    server.gateway = sandbox
    return sandbox


@pytest.fixture
def run(sandbox, server):
    """Run `act(payouts, finance)` with the two services of a client that has these keys."""

    def run(act, **keys):
        async def use():
            given = {
                "merchant_id": sandbox.merchant_id,
                "payout_api_key": sandbox.payout_key,
                "payment_api_key": sandbox.payment_key,
            }
            async with aioheleket.HeleketClient(**given | keys, config=NO_WAIT) as client:
                services = await client.payout_service(), await client.finance_service()
                for service in services:
                    service._request_builder._api_url = f"{server.url}/v1/"
                return await act(*services)

        return asyncio.run(use())

    return run


WANTED = {
    "amount": "207",
    "currency": aioheleket.CryptoCurrency.USDT,
    "network": aioheleket.Network.BSC,
    "order_id": "129359",
    "address": "0x00000000000000000000000000000000000000aa",
    "is_subtract": True,
}


def test_it_creates_a_payout_and_follows_it_to_the_end(sandbox, run):
    async def live(payouts, _finance):
        created = await payouts.create_invoice(**WANTED)
        while sandbox.advance():
            pass
        by_order_id = await payouts.payout_info(order_id="129359")
        return created, by_order_id, await payouts.payout_info(uuid=created.uuid)

    created, by_order_id, by_uuid = run(live)

    assert (created.status, created.is_final, created.amount) == ("process", False, 207)
    assert (created.commissions, created.merchant_amount) == (Decimal("0.3"), Decimal("207.3"))
    assert created.balance == Decimal("999792.7")
    assert (created.network, created.txid, created.convert) == ("BSC", None, None)
    assert by_order_id == by_uuid
    assert (by_uuid.status, by_uuid.is_final) == ("paid", True)
    assert by_uuid.txid == sandbox.find("129359").txid


def test_it_converts_from_usdt_with_all_that_it_can_ask_for(run):
    async def convert(payouts, _finance):
        return await payouts.create_invoice(
            amount="31",
            currency=aioheleket.FiatCurrency.USD,
            order_id="fiat",
            address="UQ",
            is_subtract=False,
            network=aioheleket.Network.TON,
            to_currency=aioheleket.CryptoCurrency.TON,
            from_currency="USDT",
            course_source=aioheleket.CourseSource.BINANCEP2P,
            priority=aioheleket.Priority.HIGHEST,
            memo="42",
        )

    payout = run(convert)

    assert (payout.amount, payout.payer_amount) == (31, Decimal("19.95"))
    assert (payout.convert.from_currency, payout.convert.from_amount) == ("USDT", 31)


def test_its_repeat_meets_the_same_payout(sandbox, run):
    async def twice(payouts, _finance):
        again = WANTED | {"amount": "9"}
        return await payouts.create_invoice(**WANTED), await payouts.create_invoice(**again)

    first, second = run(twice)

    assert first == second
    assert len(sandbox.debits("129359")) == 1


def test_its_own_retries_pay_once(sandbox, run):
    for fault in ("commit_then_drop", "html_502"):
        sandbox.faults.add(fault)

    payout = run(lambda payouts, _finance: payouts.create_invoice(**WANTED))

    assert payout.uuid == sandbox.find("129359").uuid
    assert len(sandbox.creates) == 3
    assert len(sandbox.debits("129359")) == 1


def test_it_reads_the_first_page_of_the_history_and_no_other(sandbox, clock, run):
    for number in range(17):
        sandbox.add_foreign_payout(order_id=f"order-{number}")
        clock.forward(hours=1)

    async def read(payouts, _finance):
        late = datetime(2026, 3, 2, 14)  # of their zone: the first three were made until then
        return await payouts.payout_history(), await payouts.payout_history(date_to=late)

    page, early = run(read)

    newest_first = [payout.uuid for payout in reversed(sandbox.payouts)]
    assert [item.uuid for item in page.items] == newest_first[:15]
    assert page.paginate.nextCursor
    assert [item.uuid for item in early.items] == newest_first[-3:]


def test_it_misspells_the_beginning_of_a_period(sandbox, run):
    sandbox.add_foreign_payout()

    page = run(lambda payouts, _finance: payouts.payout_history(datetime(2030, 1, 1)))

    assert len(page.items) == 1  # it sends data_from, which nobody knows


def test_it_reads_services_balance_and_rates(sandbox, run):
    async def read(payouts, finance):
        rates = await finance.exchange_rate("ETH"), await finance.exchange_rate("ETH", ["USD"])
        return await payouts.services_info(), await finance.balance(), rates

    services, balance, (all_rates, dollars) = run(read)

    (bsc,) = [each for each in services if (each.network, each.currency) == ("BSC", "USDT")]
    assert (bsc.is_available, bsc.commission.fee_amount) == (True, Decimal("0.3"))
    assert bsc.contract_address.startswith("0x")
    usdt = {wallet.currency_code: wallet for wallet in balance.merchant}["USDT"]
    assert usdt.crypto_balance == usdt.usd_balance == 1_000_000
    assert len(all_rates) > 1
    assert [(rate.from_, rate.to, rate.course) for rate in dollars] == [("ETH", "USD", 2800)]


@pytest.mark.parametrize(("is_subtract", "sent", "debited"), [(True, 10, 11), (False, 9, 10)])
def test_it_calculates(run, is_subtract, sent, debited):
    terms = {"amount": "10", "address": "T", "currency": "USDT", "network": "TRON"}

    async def calculate(payouts, _finance):
        with pytest.raises(TypeError, match="not JSON serializable"):  # an enum, its own default
            await payouts.calc(**terms, is_subtract=is_subtract)
        return await payouts.calc(**terms, is_subtract=is_subtract, priority="recommended")

    result = run(calculate)

    assert (result.commission, result.payout_amount, result.merchant_amount) == (1, sent, debited)


def test_it_moves_money_out_of_reach_and_back(sandbox, run):
    async def move(payouts, _finance):
        out = await payouts.transfer_to_personal_wallet("400", "USDT")
        return out, await payouts.transfer_to_business_wallet("150", "USDT")

    out, back = run(move)

    assert (out.user_wallet_balance, out.merchant_balance) == (400, 999_600)
    assert (back.user_wallet_balance, back.merchant_balance) == (250, 999_750)
    assert sandbox.balances["USDT"] == 999_750


def test_it_cannot_write_the_urls_that_it_checks(sandbox, run):
    """It hands objects of pydantic to `json`. What it means to send is taken all the same."""
    asked = {"url_callback": URL, "currency": "USDT", "network": "TRON", "status": "paid"}

    async def ask(payouts, _finance):
        with pytest.raises(TypeError, match="not JSON serializable"):
            await payouts.test_webhook(URL, "USDT", "TRON")
        with pytest.raises(TypeError, match="not JSON serializable"):
            await payouts.create_invoice(**WANTED, url_callback=URL)
        nothing = {"order_id": None, "uuid": None}
        return await payouts._request_builder.post("/test-webhook/payout", asked | nothing)

    response = run(ask)

    assert response.json == {"state": 0, "result": []}
    (delivery,) = sandbox.take_webhooks()
    assert webhooks.verify(delivery.body, sandbox.payout_key)["status"] == "paid"
    assert sandbox.payouts == []


def refused(act, error):
    """Return an act of a client that has to fail in this way, and what it raised."""

    async def try_it(*services):
        with pytest.raises(error) as caught:
            await act(*services)
        return caught.value

    return try_it


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"amount": "lots"}, exceptions.HeleketValidationError, "validation.regex"),
        ({"amount": "9999999"}, exceptions.AioheleketError, "Not enough funds"),
        ({"network": "moon"}, exceptions.AioheleketError, "The service was not found"),
    ],
)
def test_it_raises_its_own_errors_for_refusals(sandbox, run, changes, error, words):
    exc = run(refused(lambda payouts, _: payouts.create_invoice(**WANTED | changes), error))

    assert (exc.status_code, words in str(exc)) == (422, True)
    assert sandbox.payouts == []


def test_it_does_not_find_what_is_not_there(run):
    error = exceptions.AioheleketError

    exc = run(refused(lambda payouts, _: payouts.payout_info(order_id="made-up"), error))

    assert exc.message == "Payout not found"


@pytest.mark.parametrize("wrong", [{"payout_api_key": "wrong"}, {"merchant_id": "stranger"}])
def test_it_is_told_that_its_keys_are_wrong(sandbox, run, wrong):
    error = exceptions.InvalidCredentialsError

    run(refused(lambda payouts, _: payouts.create_invoice(**WANTED), error), **wrong)

    assert sandbox.payouts == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", exceptions.HeleketServerError),
        ("empty_200", exceptions.AioheleketError),
        ("no_result", exceptions.HeleketError),
        ("html_502", exceptions.NetworkError),
        ("drop", exceptions.NetworkError),
    ],
)
def test_it_raises_its_own_errors_for_trouble(sandbox, run, fault, error):
    sandbox.faults.add(fault, rate=1)

    run(refused(lambda payouts, _: payouts.create_invoice(**WANTED), error))


@pytest.mark.parametrize(
    ("name", "choice", "extra"),
    [("commission_name", "commission", "commissions"), ("balance_shape", "null", "balance")],
)
def test_without_the_switches_it_reads_no_payout(sandbox, run, name, choice, extra):
    switch(sandbox, name, choice)

    exc = run(refused(lambda payouts, _: payouts.create_invoice(**WANTED), ValidationError))

    assert (extra,) in [each["loc"] for each in exc.errors()]
    assert len(sandbox.debits("129359")) == 1  # it was paid all the same


def test_without_the_switch_it_reads_no_list(sandbox, run):
    switch(sandbox, "merchant_in_list", "yes")

    exc = run(refused(lambda payouts, _: payouts.payout_history(), ValidationError))

    assert [each["loc"] for each in exc.errors()] == [("merchant_uuid",)]
