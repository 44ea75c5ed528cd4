"""What the pages of clients and wallets show, and what their forms ask a phone to leave alone."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payouts.admin.templatetags.destinations import address_buttons, transaction_buttons
from payouts.models import Payout, PayoutStatus
from tests.every_page import unmarked
from tests.factories import (
    ClientFactory,
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    UserFactory,
    WalletFactory,
)
from wallets.coins import NETWORKS as NETWORK_NAMES
from wallets.models import Client, Wallet
from wallets.operations import see

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

EVM = "0x7C883B693d9A8442e29474b72cd07065B0Fa9b4e"
TON = "UQCQu_h-UOpvx2tBEefAlZDpi79d-rUyH_YOr820IS7XtP7k"
ADD = reverse("admin:wallets_wallet_add")
NETWORKS = reverse("admin:wallets_wallet_networks")


@pytest.fixture
def requester(client):
    person = StaffFactory(username="rosa", roles=["Requester"])
    client.force_login(person)
    return person


def page_of(row):
    return reverse(f"admin:wallets_{row._meta.model_name}_change", args=[row.pk])


def paid(wallet, amount, currency="USDT"):
    payout = PayoutFactory(wallet=wallet, amount=Decimal(amount), currency=currency)
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.CONFIRMED, waiting_for="")
    return payout


# What was paid


def test_a_client_s_page_sums_each_coin_and_tells_the_ended_from_the_others(client, requester):
    wallet = WalletFactory()
    ended = [paid(wallet, "0.001"), paid(wallet, "7"), paid(wallet, "3", "TRX")]
    waits = PayoutFactory(wallet=wallet, amount=Decimal("2.5"))
    PayoutFactory()  # of another client

    page = client.get(page_of(wallet.client))

    sums = [
        (each.currency, each.paid, each.paid_count, each.waiting, each.waiting_count)
        for each in page.context["totals"]
    ]
    assert sums == [
        ("TRX", Decimal(3), 1, Decimal(0), 0),
        ("USDT", Decimal("7.001"), 2, Decimal("2.5"), 1),
    ]
    assert list(page.context["waiting"]) == [waits]
    assert list(page.context["ended"]) == ended[::-1]
    assert "7</span></span>.001" in page.content.decode()


def test_what_heleket_says_after_all_counts_and_not_the_status(client, requester):
    wallet = WalletFactory()
    not_paid, elsewhere = paid(wallet, "9"), paid(wallet, "5")
    Payout.objects.filter(pk=not_paid.pk).update(effective="not_paid")

    [sum_of_coin] = client.get(page_of(wallet)).context["totals"]

    assert (sum_of_coin.paid, sum_of_coin.paid_count) == (elsewhere.amount, 1)


def test_the_page_of_a_wallet_shows_its_own_payouts_alone(client, requester):
    wallet = WalletFactory()
    other = WalletFactory(client=wallet.client, network="polygon", address=EVM)
    mine, _theirs = paid(wallet, "1"), paid(other, "2")

    assert list(client.get(page_of(wallet)).context["ended"]) == [mine]


def test_who_sees_no_payouts_sees_no_sums(client):
    wallet = WalletFactory()
    paid(wallet, "7")
    person = UserFactory()
    rights = Permission.objects.filter(codename__in=["view_client", "view_wallet"])
    person.user_permissions.set(rights)
    client.force_login(person)

    for row in (wallet, wallet.client):
        page = client.get(page_of(row))
        assert "totals" not in page.context
        assert "Paid so far" not in page.content.decode()


@pytest.mark.parametrize("kind", [Client, Wallet])
def test_the_pages_take_the_same_few_statements_for_1_and_20_payouts(client, requester, kind):
    wallet = WalletFactory()
    row = wallet.client if kind is Client else wallet

    def statements():
        with CaptureQueriesContext(connection) as captured:
            client.get(page_of(row))
        return len(captured)

    for payouts in (paid, lambda wallet, _amount: PayoutFactory(wallet=wallet)):
        payouts(wallet, "1")
    statements()  # what is read once in a process
    few = statements()
    for _number in range(20):
        paid(wallet, "1")
        PayoutFactory(wallet=wallet)
    assert statements() == few


# What can be done


def test_who_may_request_pays_this_client_from_the_page(client, requester):
    wallet = WalletFactory()
    pay = reverse("admin:payouts_payout_add_for", args=[wallet.client_id])

    assert f'href="{pay}"' in client.get(page_of(wallet.client)).content.decode()
    assert f'href="{pay}?wallet={wallet.pk}"' in client.get(page_of(wallet)).content.decode()

    Client.objects.update(is_active=False)
    for row in (wallet.client, wallet):
        assert pay not in client.get(page_of(row)).content.decode()

    client.force_login(StaffFactory(roles=["Auditor"]))
    Client.objects.update(is_active=True)
    for row in (wallet.client, wallet):
        assert pay not in client.get(page_of(row)).content.decode()


def test_who_added_and_approved_a_wallet_is_on_both_pages(client, requester):
    url = {"client": ClientFactory().pk, "address": EVM, "network": "polygon", "label": "Ledger"}
    client.post(ADD, url | {"memo": "", "preferred_currency": "USDT"})
    wallet, approver = Wallet.objects.get(), StaffFactory(username="arno", roles=["Approver"])
    client.force_login(approver)
    [seen] = see([wallet.pk])
    client.post(reverse("admin:wallets_wallet_act", args=["approve"]), {"seen": seen.token})

    approved, added = client.get(page_of(wallet)).context["history"]

    assert (approved.title, approved.who, approved.text) == ("Approved", "arno", "new → active")
    assert (added.title, added.who) == ("Added", "rosa")
    of_client = unmarked(client.get(page_of(wallet.client)))
    assert "added by rosa" in of_client
    assert "approved by arno" in of_client


def test_a_new_label_is_in_the_history_in_words(client, requester):
    wallet = WalletFactory(label="Old")
    seen = wallet.history.first().pk
    client.post(page_of(wallet), {"label": "New", "preferred_currency": "TRX", "seen": seen})

    changed, _added = client.get(page_of(wallet)).context["history"]

    assert changed.title == "Label: Old → New, preferred coin: — → TRX"


# Explorers


def test_an_address_is_copied_and_looked_up_without_telling_where_from(client, requester):
    wallet = WalletFactory()
    payout = paid(wallet, "1")
    link = f"https://tronscan.org/#/address/{wallet.address}"

    for url in (page_of(wallet), reverse("admin:payouts_payout_change", args=[payout.pk])):
        page = client.get(url).content.decode()
        assert f'data-copy="{wallet.address}"' in page
        assert f'href="{link}" target="_blank" rel="noreferrer noopener"' in page


def test_a_transaction_is_looked_up_and_what_heleket_says_of_it_is_no_markup():
    link = transaction_buttons("btc", 'ab/cd" onclick="x()')

    assert 'href="https://mempool.space/tx/ab%2Fcd%22%20onclick%3D%22x%28%29"' in link
    assert 'rel="noreferrer noopener"' in link
    assert "href" not in transaction_buttons("moon", "ab")
    assert "href" not in address_buttons("xmr", "4A1")
    assert "/address/qqzx" in address_buttons("bch", "bitcoincash:qqzx")


def test_every_network_has_an_explorer(settings):
    assert settings.EXPLORERS.keys() == NETWORK_NAMES.keys()


def test_what_no_explorer_shows_has_no_link(client, requester, settings):
    settings.EXPLORERS = {}

    page = client.get(page_of(WalletFactory())).content.decode()

    assert "Explorer</a>" not in page


# Add


def test_adding_begins_with_the_client(client, requester):
    anna = ClientFactory(name="Anna Kowalska")
    ClientFactory(name="Anna Closed", is_active=False)
    ClientFactory(name="Bernd")

    chosen = client.get(ADD, {"q": "anna"})
    assert list(chosen.context["clients"]) == [anna]
    assert f'href="{ADD}?client={anna.pk}"' in chosen.content.decode()
    assert "Add a wallet of Anna Kowalska" in unmarked(client.get(ADD, {"client": anna.pk}))


@pytest.mark.parametrize("odd", ["x", "0", "9" * 30, "1\0"])
def test_an_odd_client_is_asked_for_again(client, requester, odd):
    assert client.get(ADD, {"client": odd}).status_code in (200, 400)
    response = client.post(ADD, {"client": odd, "address": EVM, "network": "polygon"})
    assert response.status_code in (200, 400)
    assert not Wallet.objects.exists()


def test_no_network_is_chosen_and_those_of_the_address_are_offered(client, requester):
    form = client.get(ADD, {"client": ClientFactory().pk}).context["adminform"].form
    assert not form["network"].value()

    said = client.get(NETWORKS, {"address": EVM}).json()
    names = ["arbitrum", "avalanche", "bsc", "eth", "polygon"]
    assert [each["code"] for each in said["networks"]] == names
    assert "Ask its owner which one" in said["note"]
    assert client.get(NETWORKS, {"address": TON}).json()["note"] == "It is an address of TON."
    assert "no address of any" in client.get(NETWORKS, {"address": "x"}).json()["note"]
    assert client.get(NETWORKS).json() == {"networks": [], "note": ""}


def test_without_a_network_nothing_is_added_and_the_possible_ones_are_named(client, requester):
    fields = {"client": ClientFactory().pk, "address": EVM, "network": "", "memo": ""}

    page = client.post(ADD, fields).content.decode()

    assert "It can be an address of Arbitrum One, Avalanche C-Chain" in page
    assert not Wallet.objects.exists()


def test_who_may_not_add_wallets_gets_no_networks(client):
    client.force_login(StaffFactory(roles=["Approver"]))

    assert client.get(NETWORKS, {"address": EVM}).status_code == 403
    assert client.get(ADD).status_code == 403


def test_g83_a_phone_leaves_address_and_memo_as_they_are_typed(client, requester):
    form = client.get(ADD, {"client": ClientFactory().pk}).context["adminform"].form

    for name in ("address", "memo"):
        attributes = str(form[name])
        for each in ("autocapitalize", "autocorrect", "autocomplete"):
            assert f'{each}="off"' in attributes
        assert 'spellcheck="false"' in attributes


def test_g83_the_memo_is_shown_back_large(client, requester):
    PayoutMethodFactory(network="ton")
    wallet = WalletFactory(network="ton", address=TON, memo="104 882", status="new")
    large = '<span class="memo large" translate="no">104 882</span>'

    assert large in client.get(page_of(wallet)).content.decode()
    client.force_login(StaffFactory(roles=["Approver"]))
    approve = reverse("admin:wallets_wallet_act_on", args=[wallet.pk, "approve"])
    assert large in client.get(approve).content.decode()
    payout = PayoutFactory(wallet=wallet)
    assert large in client.get(page_of_payout(payout)).content.decode()


def page_of_payout(payout):
    return reverse("admin:payouts_payout_change", args=[payout.pk])


# Services


def test_a_service_is_shown_in_plain_digits(client, requester):
    service = PayoutMethodFactory(currency="TRX", min_amount=Decimal("0.001"))

    page = client.get(page_of(service)).content.decode()

    assert "0.001 TRX" in page
    assert "0.00100000" not in page
