"""Balances: fetched in turns, kept with their moment, never zero for unknown, not for everybody."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import heleket
from audit import jobs
from heleket.types import Balance as Remote
from payouts.engine.models import ScheduledJob
from payouts.engine.worker import Worker
from payouts.gateway import balance
from payouts.gateway.balance import Balance
from payouts.gateway.models import Pause
from payouts.staff.roles import ROLES
from tests.every_page import unmarked
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, WalletFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:payouts_payout_changelist")
DESK = reverse("admin:payouts_controls_switch_changelist")
PATH = "/v1/balance"


@pytest.fixture
def run(heleket_client, account):
    """A run of the worker on a desk on which no job has had its turn yet."""
    ScheduledJob.objects.all().delete()
    return lambda client=heleket_client: Worker(jobs.make_all(client, account, 2)).run(once=True)


@pytest.fixture
def read(client):
    """Read a page as somebody of this role does."""

    def read(url, role, **query):
        client.force_login(StaffFactory(roles=[role]))
        return client.get(url, query).content.decode()

    return read


def amounts():
    return {each.currency: each.amount for each in Balance.objects.all()}


def remote(currency, amount, owner="merchant"):
    return Remote(owner, currency, Decimal(amount))


def test_the_worker_fetches_balances_every_minute_with_the_payment_key(run, sandbox, clock):
    assert run()["fetch_balances"] == 1
    assert balance.known()["USDT"].amount == 1_000_000
    assert balance.known()["USDT"].fetched_at == clock()
    assert balance.known()["BTC"].amount == 0

    sandbox.top_up("BTC", "0.5")
    clock.forward(seconds=59)
    assert run()["fetch_balances"] == 0
    clock.forward(seconds=1)
    assert run()["fetch_balances"] == 1
    assert balance.known()["BTC"].amount == Decimal("0.5")
    assert [call.path for call in sandbox.calls].count(PATH) == 2


@pytest.mark.parametrize("fault", ["500", "garbage", "refuse_connection", "unauthorized"])
def test_balances_that_cannot_be_fetched_stay_as_they_were_and_pause_nothing(
    run, sandbox, clock, caplog, fault
):
    run()
    fetched_at = clock()
    sandbox.top_up("USDT", "5")
    clock.forward(minutes=1)
    sandbox.faults.add(fault, path=PATH, times=1)
    run()

    assert balance.known()["USDT"].amount == 1_000_000
    assert balance.known()["USDT"].fetched_at == fetched_at
    assert "Heleket's balances stay as they were" in caplog.text
    assert not Pause.counted.exists()


def test_without_a_payment_key_no_balance_is_known(run, sandbox, settings, read):
    run()
    ScheduledJob.objects.all().delete()
    no_key = heleket.HeleketClient(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        base_url=settings.HELEKET_PROJECT_URL,
        adapter=sandbox.adapter(),
    )
    with no_key:
        run(no_key)

    assert balance.known() == {}
    settings.HELEKET_PAYMENT_API_KEY = ""
    for page in (read(LIST, "Operator"), read(DESK, "Operator")):
        assert "not known: HELEKET_PAYMENT_API_KEY is not set" in page


def test_what_heleket_does_not_name_is_not_known_any_more(clock):
    balance.store([remote("USDT", 5), remote("BTC", 1)], asked_at=clock())
    clock.forward(minutes=1)
    balance.store([remote("BTC", 0), remote("USDT", 7, owner="user")], asked_at=clock())

    assert amounts() == {"BTC": 0}


def test_a_balance_that_cannot_be_ours_is_named_and_left_out(clock):
    said = [remote("USDT", -1), remote("BTC", "0.123456789"), remote("X" * 13, 1)]

    assert balance.store(said, asked_at=clock()) == ["USDT", "X" * 13]
    assert amounts() == {"BTC": Decimal("0.12345678")}


def test_an_answer_that_comes_late_changes_nothing(clock):
    asked_at = clock()
    clock.forward(minutes=1)
    balance.store([remote("USDT", 5)], asked_at=clock())
    balance.store([remote("USDT", 9), remote("BTC", 9)], asked_at=asked_at)

    assert amounts() == {"USDT": 5}


@pytest.mark.parametrize("role", sorted({*ROLES} - {"User manager"}))
def test_those_who_decide_see_the_balance_of_each_coin_with_its_moment(read, clock, role):
    PayoutFactory()
    said = [remote("USDT", "160333.5"), remote("BTC", 2), remote("DOGE", 0)]
    balance.store(said, asked_at=clock())
    clock.forward(minutes=2)

    page = read(LIST, role)
    if "payouts_gateway.view_balance" in ROLES[role]:
        assert 'class="digits"><span>160</span><span>333</span></span>.5' in page
        assert "1 other coin<" in page
        assert 'class="digits"><span>2</span></span>' in page
        assert ">DOGE<" not in page
        assert "as of 09:00:00" in page
    else:
        assert "Balance at Heleket" not in page


def test_an_old_balance_says_how_old_it_is(read, clock):
    balance.store([remote("USDT", 5)], asked_at=clock())
    clock.forward(hours=3)

    assert "as of 09:00:00, 3\xa0hours ago" in read(LIST, "Approver")


def test_the_form_says_what_is_there_of_the_coin(client, clock, usdt):
    wallet = WalletFactory()
    query = {"wallet": wallet.pk, "currency": "USDT", "amount": "5"}
    client.force_login(StaffFactory(roles=["Requester"]))
    estimate = reverse("admin:payouts_payout_estimate")
    assert client.get(estimate, query).json()["balance"] == "not known"

    balance.store([remote("USDT", "160333.5")], asked_at=clock())
    assert client.get(estimate, query).json()["balance"] == "160,333.5 USDT as of 09:00:00"
    assert "balance" not in client.get(estimate, query | {"currency": "BTC"}).json()


def needs_on(client):
    return {each.currency: each for each in client.get(DESK).context["needs"]}


def test_the_desk_page_compares_the_balance_with_what_is_approved_and_its_fees(client, clock, usdt):
    PayoutMethodFactory(currency="TRX")
    PayoutMethodFactory(network="bsc", fee_amount=2, percent=1)
    for amount in (900_000, 40):
        PayoutFactory(status="approved", amount=amount)
    PayoutFactory(status="approved", amount=100, network="bsc")
    PayoutFactory(status="approved", currency="TRX")
    balance.store([remote("USDT", 160_333), remote("DOGE", 7)], asked_at=clock())
    client.force_login(StaffFactory(roles=["Operator"]))

    page, needs = client.get(DESK).content.decode(), needs_on(client)

    assert (needs["USDT"].balance.amount, needs["TRX"].balance) == (160_333, None)
    assert (needs["USDT"].count, needs["USDT"].debit) == (3, 900_140 + 1 + 3)
    assert needs["USDT"].lacks == 900_144 - 160_333
    assert needs["TRX"].stays is None
    assert "stored price list" not in page


def test_the_desk_page_names_coins_whose_fees_it_does_not_know(client, clock, usdt):
    PayoutFactory(status="approved")
    PayoutFactory(status="approved", network="bsc")
    PayoutFactory(status="approved", currency="TRX")
    PayoutFactory(status="approved", currency="BTC", network="btc")
    PayoutMethodFactory(currency="BTC", network="btc")
    client.force_login(StaffFactory(roles=["Operator"]))

    page = unmarked(client.get(DESK))

    assert needs_on(client)["USDT"].debit == Decimal("10.5")
    sentence = "Fees that are not in the stored price list come on top: of TRX, USDT."
    assert sentence in page


def test_the_desk_page_costs_the_same_number_of_queries_for_any_number_of_coins(client, usdt):
    client.force_login(StaffFactory(roles=["Operator"]))

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(DESK)
        return len(captured)

    PayoutFactory(status="approved")
    queries()  # content types and the like are read once
    few = queries()
    for currency in ("TRX", "BTC", "DOGE"):
        PayoutMethodFactory(currency=currency)
        for _ in range(3):
            PayoutFactory(status="approved", currency=currency)

    assert queries() == few
