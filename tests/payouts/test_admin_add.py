"""A payout by hand: the form refuses what the service would, and two clicks are one payout."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from payouts.gateway import accounts
from payouts.known import Known
from payouts.models import Payout, PayoutStatus
from payouts.notices import NoticeCode, notices_for
from payouts.staff.roles import ROLES
from tests.every_page import unmarked
from tests.factories import (
    ClientFactory,
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
)
from wallets.models import WalletStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

CHOOSE = reverse("admin:payouts_payout_add")
ESTIMATE = reverse("admin:payouts_payout_estimate")


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def requester(client):
    person = StaffFactory(roles=["Requester"])
    client.force_login(person)
    return person


@pytest.fixture
def wallet():
    return WalletFactory()


def add_url(wallet):
    return reverse("admin:payouts_payout_add_for", args=[wallet.client_id])


def client_page(payee):
    return reverse("admin:wallets_client_change", args=[payee.pk])


def data(wallet, **changes):
    return {
        "wallet": wallet.pk,
        "currency": "USDT",
        "amount": "12.5",
        "purpose": "Commission June",
        "reference": "INV-7",
        "nonce": str(uuid4()),
    } | changes


def test_a_manual_payout_is_confirmed_before_it_is_stored(client, requester, wallet):
    form = data(wallet)

    shown = client.post(add_url(wallet), form)
    assert shown.context["estimate"].debit == Decimal(13)
    assert shown.context["calculated"].costs.payout_amount == Decimal("12.5")
    assert not Payout.objects.exists()

    stored = client.post(add_url(wallet), form | {"confirmed": "yes"})
    payout = Payout.objects.get()
    assert stored.url == reverse("admin:payouts_payout_change", args=[payout.pk])
    assert (payout.amount, payout.address) == (Decimal("12.5"), wallet.address)
    assert payout.requested_by == requester
    assert payout.status == PayoutStatus.PENDING


def test_the_confirmation_leads_back_to_the_filled_form(client, requester, wallet):
    response = client.post(add_url(wallet), data(wallet) | {"confirmed": "yes", "back": "yes"})

    assert b"Commission June" in response.content
    assert not Payout.objects.exists()


def test_e3_a_double_click_is_one_payout(client, requester, wallet):
    form = data(wallet, confirmed="yes")

    urls = {client.post(add_url(wallet), form).url for _ in range(2)}

    assert len(urls) == 1
    assert Payout.objects.count() == 1


def test_e3_the_same_form_with_other_content_is_refused(client, requester, wallet):
    form = data(wallet, confirmed="yes")
    client.post(add_url(wallet), form)

    response = client.post(add_url(wallet), form | {"amount": "99"})

    assert "already used" in response.content.decode()
    assert Payout.objects.get().amount == Decimal("12.5")


BAD_AMOUNTS = [
    "NaN", "Infinity", "-Infinity", "-1", "0", "0.00", "-0", "1e3", "1_000", "٣", "1,500.00",
    "1,5", "1 000", "+5", "0x10", "9" * 40, "1.123456789", "1.1234567", ".5", "5.", "", "true",
    "５", "1\n1", "½", "  ",
]  # fmt: skip


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_d1_an_amount_that_is_no_plain_number_is_refused_at_its_field(
    client, requester, wallet, amount
):
    for step in [{}, {"confirmed": "yes"}]:
        response = client.post(add_url(wallet), data(wallet, amount=amount) | step)
        assert response.context["form"].errors.keys() == {"amount"}
    assert not Payout.objects.exists()


@pytest.mark.parametrize("amount", [each for each in BAD_AMOUNTS if each.strip()])
def test_g83_the_live_check_says_what_the_server_says(client, requester, wallet, amount):
    asked = {"wallet": wallet.pk, "currency": "USDT", "amount": amount}

    [said] = (
        client.post(add_url(wallet), data(wallet, amount=amount)).context["form"]["amount"].errors
    )

    assert client.get(ESTIMATE, asked).json()["note"] == said


def test_g83_a_comma_is_named_before_a_coin_is_chosen(client, requester, wallet):
    note = client.get(ESTIMATE, {"wallet": wallet.pk, "amount": "1,5"}).json()["note"]

    assert note == "There is a comma in the amount. Write 1.5 instead."


def test_g83_the_field_of_an_amount_names_the_comma_of_a_keypad(client, requester, wallet):
    page = client.post(add_url(wallet), data(wallet, amount="1,5")).content.decode()

    assert "There is a comma in the amount. Write 1.5 instead." in page
    assert 'inputmode="decimal"' in page


def test_blanks_around_a_pasted_amount_are_dropped(client, requester, wallet):
    client.post(add_url(wallet), data(wallet, amount="\u00a05 \n", confirmed="yes"))

    assert Payout.objects.get().amount == 5


# A form that was used already


def test_g84_a_form_used_already_says_what_became_of_it(client, requester, wallet):
    form = data(wallet)
    client.post(add_url(wallet), form | {"confirmed": "yes"}, follow=True)
    paid = Payout.objects.get()
    Payout.objects.update(status=PayoutStatus.CONFIRMED)
    said = f"Already requested as {paid}, it is “Paid”. Nothing new was requested."

    for step in [{}, {"confirmed": "yes"}]:
        page = client.post(add_url(wallet), form | step, follow=True)
        assert page.request["PATH_INFO"] == reverse("admin:payouts_payout_change", args=[paid.pk])
        text = page.content.decode()
        assert said in text
        assert "It waits for approval" not in text
        assert f'href="{add_url(wallet)}"' in text  # a fresh form
    assert Payout.objects.count() == 1


def test_g84_a_form_used_already_and_changed_is_offered_a_fresh_one(client, requester, wallet):
    form = data(wallet)
    client.post(add_url(wallet), form | {"confirmed": "yes"})
    first = Payout.objects.get()

    for step in [{}, {"confirmed": "yes"}]:
        used = client.post(add_url(wallet), form | {"amount": "99"} | step)
        assert f"already used for {first}" in used.content.decode()
        assert "Waiting for approval" in used.content.decode()
    assert Payout.objects.count() == 1

    fresh = {field.name: field.value() or "" for field in used.context["form"]}
    assert (fresh["amount"], fresh["purpose"]) == ("99", "Commission June")
    back = client.post(add_url(wallet), fresh | {"back": "yes"})
    assert 'value="99"' in back.content.decode()
    client.post(add_url(wallet), fresh | {"confirmed": "yes"})
    assert sorted(Payout.objects.values_list("amount", flat=True)) == [Decimal("12.5"), 99]


def test_g84_what_was_edited_since_is_still_the_same_request(client, requester, wallet):
    form = data(wallet, confirmed="yes")
    client.post(add_url(wallet), form)
    Payout.objects.update(amount=7)

    assert client.post(add_url(wallet), form).status_code == 302
    assert Payout.objects.get().amount == 7


def test_g84_what_is_no_amount_in_a_used_form_is_said_in_the_fresh_one(client, requester, wallet):
    form = data(wallet, confirmed="yes")
    client.post(add_url(wallet), form)

    used = client.post(add_url(wallet), form | {"amount": "1,5"})

    fresh = {field.name: field.value() or "" for field in used.context["form"]}
    back = client.post(add_url(wallet), fresh | {"back": "yes"})
    assert "Write 1.5 instead" in back.content.decode()
    assert Payout.objects.count() == 1


# What is chosen already


def test_a_coin_is_chosen_already_only_where_there_is_no_other(client, requester):
    wallet = WalletFactory(preferred_currency="USDT")
    shown = client.get(add_url(wallet)).context["form"]
    assert (shown["wallet"].value(), shown["currency"].value()) == (wallet.pk, "USDT")

    PayoutMethodFactory(currency="TRX")
    page = client.get(add_url(wallet))
    shown = page.context["form"]
    assert (shown["wallet"].value(), shown["currency"].value()) == (wallet.pk, None)
    assert "prefers USDT" in page.content.decode()


@pytest.mark.parametrize("odd", ["", "x", "0", "9" * 30, "1\0"])
def test_a_link_chooses_the_wallet_and_an_odd_one_none(client, requester, wallet, odd):
    other = WalletFactory(
        client=wallet.client, network="btc", address="3Qusg7RuMDGdnKCKdWcWfshNzeVquLSYNA"
    )
    chosen = client.get(add_url(wallet), {"wallet": other.pk}).context["form"]
    assert chosen["wallet"].value() == other.pk

    assert client.get(add_url(wallet), {"wallet": odd}).status_code in (200, 400)


def another_clients_wallet(_wallet):
    return {"wallet": WalletFactory(client=ClientFactory()).pk}


def frozen(wallet):
    type(wallet).objects.filter(pk=wallet.pk).update(status=WalletStatus.FROZEN)
    return {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (another_clients_wallet, "wallet"),
        (frozen, "wallet"),
        (lambda _wallet: {"wallet": "1 OR 1=1"}, "wallet"),
        (lambda _wallet: {"currency": "DOGE"}, "currency"),
        (lambda _wallet: {"currency": ""}, "currency"),
        (lambda _wallet: {"amount": "0.1"}, "amount"),
        (lambda _wallet: {"amount": "1000001"}, "amount"),
        (lambda _wallet: {"purpose": "  "}, "purpose"),
        (lambda _wallet: {"purpose": "two\nlines"}, "purpose"),
        (lambda _wallet: {"purpose": "pay \u202e200"}, "purpose"),
        (lambda _wallet: {"purpose": "x" * 201}, "purpose"),
        (lambda _wallet: {"reference": "nul\x00"}, "reference"),
        (lambda _wallet: {"nonce": "always the same"}, "nonce"),
    ],
)
def test_what_cannot_be_paid_is_refused_at_its_field(client, requester, wallet, change, field):
    form = data(wallet, confirmed="yes") | change(wallet)

    response = client.post(add_url(wallet), form)

    assert field in response.context["form"].errors
    assert not Payout.objects.exists()


def test_a_currency_of_another_network_is_refused(client, requester, wallet):
    PayoutMethodFactory(network="btc", currency="BTC")
    WalletFactory(client=wallet.client, network="btc", address="3Qusg7RuMDGdnKCKdWcWfshNzeVquLSYNA")

    response = client.post(add_url(wallet), data(wallet, currency="BTC", confirmed="yes"))

    assert response.context["form"].errors.keys() == {"currency"}
    assert not Payout.objects.exists()


def test_nothing_is_paid_to_an_inactive_client(client, requester):
    wallet = WalletFactory(client__is_active=False)

    response = client.post(add_url(wallet), data(wallet, confirmed="yes"))

    page = unmarked(response)
    assert "This client is closed, so nothing can be paid." in page
    assert f'href="{client_page(wallet.client)}">Back to {wallet.client.name}</a>' in page
    assert not Payout.objects.exists()


def test_a_closed_client_is_offered_no_form(client, requester):
    closed = ClientFactory(is_active=False)
    add_wallet = f"{reverse('admin:wallets_wallet_add')}?client={closed.pk}"
    for url, sentence in [
        (reverse("admin:payouts_payout_add_for", args=[closed.pk]), "so nothing can be paid"),
        (add_wallet, "so no wallet can be added"),
    ]:
        page = unmarked(client.get(url))
        assert f"This client is closed, {sentence}." in page
        assert f'href="{client_page(closed)}">Back to {closed.name}</a>' in page
        assert "no active wallet" not in page
        assert 'name="address"' not in page
        assert 'name="amount"' not in page


def test_c11_the_same_amount_again_is_shown_before_it_is_stored(client, requester, wallet, clock):
    same = PayoutFactory(wallet=wallet, amount=Decimal("12.5"))
    PayoutFactory(wallet=wallet, amount=Decimal("12.51"))

    form = data(wallet, reference="")

    shown = client.post(add_url(wallet), form)
    found = {each.code: each for each in shown.context["notices"]}
    assert found[NoticeCode.SAME_AMOUNT].payouts == (same,)
    assert reverse("admin:payouts_payout_change", args=[same.pk]) in shown.content.decode()

    Payout.objects.filter(pk=same.pk).update(status="confirmed", finished_at=clock())
    clock.forward(hours=25)
    notices = client.post(add_url(wallet), form).context["notices"]
    assert NoticeCode.SAME_AMOUNT not in [each.code for each in notices]


def test_c11_a_likely_duplicate_takes_a_reason_before_it_is_stored(client, requester, wallet):
    form = data(wallet)
    other = PayoutFactory(
        wallet=wallet, amount=Decimal(form["amount"]), purpose=form["purpose"], reference="Other"
    )

    shown = client.post(add_url(wallet), form)
    assert "Why it is no duplicate" in unmarked(shown)
    for reason in ["", " ", "x" * 501]:
        refused = client.post(add_url(wallet), form | {"confirmed": "yes", "reason": reason})
        assert refused.context["form"].errors.keys() == {"reason"}, reason
        assert "Why it is no duplicate" in unmarked(refused)
        assert list(Payout.objects.all()) == [other]
    assert f"{other} (Waiting for approval)" in unmarked(
        client.post(add_url(wallet), form | {"confirmed": "yes"})
    )

    given = form | {"confirmed": "yes", "reason": "Two deliveries"}
    assert client.post(add_url(wallet), given).status_code == 302
    payout = Payout.objects.exclude(pk=other.pk).get()
    assert payout.events.get().why.words == "Two deliveries"
    found = {each.code: each.sentence for each in notices_for(Known([payout]))[payout.pk]}
    assert found[NoticeCode.REQUESTED_ANYWAY] == (
        f"{requester} requested it as another one: “Two deliveries”"
    )

    again = client.post(add_url(wallet), given, follow=True)  # a double click
    assert f"Already requested as {payout}" in unmarked(again)
    assert Payout.objects.count() == 2


def test_a_reason_of_what_is_no_duplicate_is_not_kept(client, requester, wallet):
    given = data(wallet) | {"confirmed": "yes", "reason": "Two deliveries"}

    assert "Why it is no duplicate" not in unmarked(client.post(add_url(wallet), data(wallet)))
    client.post(add_url(wallet), given)

    assert Payout.objects.get().events.get().why.words == ""


def test_only_active_clients_are_offered_and_found_by_name_or_id(client, requester):
    anna = ClientFactory(name="Anna Kowalska", external_id="ACME-1")
    ClientFactory(name="Anna Closed", is_active=False)
    ClientFactory(name="Bernd")

    for term in ["anna", "ACME-1"]:
        assert list(client.get(CHOOSE, {"q": term}).context["clients"]) == [anna]
    assert "No active client" in client.get(CHOOSE, {"q": "nobody"}).content.decode()


def test_the_estimate_comes_from_the_stored_price_list(client, requester, wallet):
    asked = {"wallet": wallet.pk, "currency": "USDT", "amount": "12.5"}

    estimate = client.get(ESTIMATE, asked).json()

    assert estimate["currencies"] == ["USDT"]
    assert (estimate["arrives"], estimate["fee"], estimate["debit"]) == (
        "12.5 USDT",
        "0.5 USDT",
        "13 USDT",
    )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"wallet": "x"},
        {"wallet": "9" * 30},
        {"wallet": "٣"},
        {"currency": "<b>"},
        {"currency": "DOGE", "amount": "1"},
        {"amount": "NaN"},
        {"amount": "0.1"},
    ],
)
def test_an_estimate_of_nonsense_is_a_sentence(client, requester, wallet, asked):
    base = {"wallet": wallet.pk, "currency": "USDT"} if asked else {}

    assert client.get(ESTIMATE, base | asked).json()["note"]


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"Requester"}))
def test_c10_only_requesters_request(client, wallet, role):
    client.force_login(StaffFactory(roles=[role]))

    for url in [CHOOSE, add_url(wallet), ESTIMATE]:
        assert client.get(url).status_code == 403
    assert client.post(add_url(wallet), data(wallet, confirmed="yes")).status_code == 403
    assert not Payout.objects.exists()
