"""Amounts, names and ids, from the request to the bytes on the wire and the recipient."""

import json
import re
from decimal import Decimal

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import heleket
from audit.actor import Actor, Channel
from audit.refusals import Refused
from payouts.explain import explain
from payouts.gateway import accounts
from payouts.gateway.accounts import WrongAccount
from payouts.models import Attempt, Origin, Payout, PayoutEvent, PayoutStatus
from payouts.requests import request_payout
from tests.factories import (
    ClientFactory,
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
)
from wallets.amounts import parse_amount
from wallets.models import PayoutMethod
from wallets.services import sync_services

pytestmark = pytest.mark.django_db

RELAXED = hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def wallet(usdt, clock):
    return WalletFactory()


@pytest.fixture
def request_one(wallet):
    def make(**changes):
        known = {
            "client": wallet.client,
            "wallet": wallet,
            "currency": "USDT",
            "amount": Decimal(5),
            "purpose": "Prize",
            "idempotency_key": "manual:one",
            "origin": Origin.MANUAL,
            "actor": Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN),
            "installation": "test",
        }
        return request_payout(**known | changes)

    return make


def assert_refused(make, match=None, **changes):
    with pytest.raises(Refused, match=match) as refusal:
        make(**changes)
    assert str(refusal.value)
    assert not Payout.objects.exists()
    assert not PayoutEvent.objects.exists()


# Amounts


@pytest.mark.parametrize(
    "amount",
    [
        *(Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-1", "0", "-0", "1E-7", "5E+40")),
        *(Decimal("5.1234567"), Decimal(10) ** 30),
    ],
)
def test_d1_an_amount_that_cannot_be_paid_is_refused_in_words(request_one, amount):
    assert_refused(request_one, amount=amount)


@given(units=st.integers(min_value=0, max_value=10**10))
@RELAXED
def test_d2_d10_the_same_number_is_stored_sent_and_received(office, units):
    amount = 5 + units * Decimal("0.000001")
    payout = PayoutFactory(status=PayoutStatus.APPROVED, amount=amount)

    office.submit()

    attempt = payout.attempts.get()
    sent = json.loads(attempt.body)
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", sent["amount"])
    assert parse_amount(sent["amount"]) == payout.amount == amount
    assert sent["is_subtract"] is True
    remote = office.sandbox.find(attempt.order_id)
    assert remote.payer_amount == amount
    assert remote.merchant_amount == amount + remote.commission


def test_d10_the_recipient_gets_the_amount_and_the_fee_comes_on_top(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED, amount=Decimal("12.345678"))
    before = office.sandbox.balances["USDT"]

    office.submit()
    office.work(minutes=2)

    remote, attempt = office.sandbox.payouts[0], Attempt.objects.get()
    assert remote.payer_amount == Decimal("12.345678")
    assert attempt.commission == remote.commission > 0
    assert attempt.merchant_amount == Decimal("12.345678") + remote.commission
    assert before - office.sandbox.balances["USDT"] == attempt.merchant_amount
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.CONFIRMED


@pytest.mark.parametrize(("amount", "word"), [("0.4", "at least"), ("1000001", "at most")])
def test_an_amount_outside_the_service_s_limits_is_refused(request_one, amount, word):
    assert_refused(request_one, amount=Decimal(amount), match=word)


# Clients, wallets, services


def test_what_cannot_be_paid_as_it_stands_is_refused(request_one, wallet):
    assert_refused(request_one, client=ClientFactory(), match="another client")
    for status in ("frozen", "archived"):
        another = WalletFactory(client=wallet.client, network="tron", status=status, memo=status)
        assert_refused(request_one, wallet=another, match=f"is {status}")
    assert_refused(request_one, currency="DOGE")
    PayoutMethod.objects.update(is_available=False)
    assert_refused(request_one, match="at the moment")
    PayoutMethod.objects.all().delete()
    assert_refused(request_one, match="does not pay")
    PayoutMethodFactory()
    wallet.client.is_active = False
    wallet.client.save()
    assert_refused(request_one, match="The client is not active")


def test_d9_a_service_that_is_gone_at_the_claim_makes_the_payout_wait(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    PayoutMethod.objects.all().delete()

    office.work(minutes=20)

    waiting = Payout.objects.get(pk=payout.pk)
    assert (waiting.status, waiting.waiting_for) == (PayoutStatus.APPROVED, "service")
    assert not office.sandbox.calls
    PayoutMethodFactory()
    office.work(minutes=20)
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.CONFIRMED


@pytest.mark.parametrize("change", ["renamed", "withdrawn"])
def test_d9_a_coin_that_heleket_renames_or_withdraws_before_the_call_waits_and_says_why(
    office, change
):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("process paid!")
    fetch_services(office)
    if change == "renamed":
        office.sandbox.rename_currency("tron", "USDT", "USDT0")
    else:
        office.sandbox.withdraw_service("tron", "USDT")
    fetch_services(office)

    office.work(minutes=20)

    waiting = Payout.objects.get(pk=payout.pk)
    assert (waiting.status, waiting.waiting_for) == (PayoutStatus.APPROVED, "service")
    assert waiting.currency == "USDT"
    assert "Heleket does not pay USDT on TRON" in explain(waiting).sentence
    assert office.creates() == []
    with pytest.raises(Refused, match="does not pay"):
        refusal_now(payout.wallet)


def fetch_services(office):
    sync_services(office.client.list_services(), now=office.clock())


def refusal_now(wallet):
    """Ask for another one, as people do meanwhile."""
    request_payout(
        client=wallet.client,
        wallet=wallet,
        currency="USDT",
        amount=Decimal(5),
        purpose="Prize",
        idempotency_key="manual:another",
        origin=Origin.MANUAL,
        actor=Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN),
        installation="test",
    )


@pytest.mark.parametrize("trouble", ["frozen wallet", "inactive client"])
def test_d4_a_wallet_that_may_no_longer_be_paid_sends_the_payout_back(office, trouble):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    if trouble == "frozen wallet":
        type(payout.wallet).objects.filter(pk=payout.wallet_id).update(status="frozen")
    else:
        type(payout.client).objects.filter(pk=payout.client_id).update(is_active=False)

    office.submit()

    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert not office.sandbox.calls


# Texts


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\x00b", "a\u202eb", "x" * 201, "", "   ", "\x1b[31m"],
)
def test_d5_a_purpose_that_cannot_be_shown_cleanly_is_refused(request_one, text):
    assert_refused(request_one, purpose=text)


@pytest.mark.parametrize(
    "text", ["🎉 prize", "<script>", "{{7*7}}", "%s %d", "../x", "=1+1", "שלום"]
)
def test_d5_other_texts_are_stored_as_they_are(request_one, text):
    assert request_one(purpose=text).purpose == text
    assert Payout.objects.get().purpose == text


# Ids


@given(
    key=st.text(min_size=1, max_size=200),
    installation=st.from_regex("[a-z0-9]{1,4}", fullmatch=True),
)
@RELAXED
def test_d8_an_order_id_is_a_pure_function_that_heleket_accepts(wallet, key, installation):
    payout = Payout(id=Payout.id_for(installation, wallet.client, key), amount=1)
    again = Payout(id=Payout.id_for(installation, wallet.client, key), amount=1)

    order_ids = {payout.order_id(installation, generation) for generation in range(1, 100)}

    assert len(order_ids) == 99
    assert all(re.fullmatch(r"[a-z0-9]{1,32}", order_id) for order_id in order_ids)
    assert {order_id[: len(installation)] for order_id in order_ids} == {installation}
    assert payout.order_id(installation, 7) == again.order_id(installation, 7)


def test_d8_other_installations_clients_and_keys_have_other_ids(wallet):
    other = ClientFactory()
    ids = {
        Payout.id_for(installation, client, key)
        for installation in ("test", "live")
        for client in (wallet.client, other)
        for key in ("a", "b", "a ", "A")
    }
    assert len(ids) == 16


def test_i13_the_same_request_is_the_same_payout_and_another_one_is_refused(request_one):
    actor = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
    first = request_one(actor=actor)

    assert request_one(actor=actor).pk == first.pk
    with pytest.raises(Refused, match="already used"):
        request_one(amount=Decimal(6))
    assert Payout.objects.count() == PayoutEvent.objects.count() == 1
    assert Payout.objects.get().amount == 5


# The desk itself


@pytest.mark.parametrize("name", ["host", "merchant", "installation"])
def test_g1_a_database_of_another_account_sends_and_asks_nothing(office, sandbox, settings, name):
    url, merchant = settings.HELEKET_PROJECT_URL, settings.HELEKET_MERCHANT_ID
    if name == "installation":
        settings.INSTALLATION = "live"
    other = heleket.HeleketClient(
        base_url="https://api.heleket.com" if name == "host" else url,
        merchant_id="another" if name == "merchant" else merchant,
        payout_key=settings.HELEKET_API_KEY,
        adapter=sandbox.adapter(),
    )
    with other, pytest.raises(WrongAccount, match="Nothing is sent"):
        accounts.open_account(other)
    assert not sandbox.calls


def test_a24_the_environment_does_not_reach_the_client(office, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.invalid:1")
        monkeypatch.setenv(name.lower(), "http://proxy.invalid:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    payout = PayoutFactory(status=PayoutStatus.APPROVED)

    office.submit()

    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.BROADCAST


def test_a24_signed_requests_go_by_https_or_stay_on_this_machine():
    for url in ("http://api.heleket.com", "http://10.0.0.1", "ftp://127.0.0.1", "https://x/y"):
        with pytest.raises(heleket.InvalidBaseUrl):
            heleket.HeleketClient(
                base_url=url, merchant_id="m", payout_key=settings.HELEKET_API_KEY
            )
