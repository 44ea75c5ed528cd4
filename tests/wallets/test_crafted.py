"""Ids and filters that nobody's browser sends: a sentence or "not found", never a fault of ours."""

from urllib.parse import quote

import pytest
from django.urls import reverse

from payouts.admin.wallets import ACTIONS
from tests.factories import PayoutMethodFactory, UserFactory, WalletFactory
from wallets.codes import WalletCode
from wallets.models import Client, PayoutMethod, Wallet

pytestmark = pytest.mark.django_db

CRAFTED = [
    "abc",
    "",
    "-1",
    "9" * 19,
    "9" * 30,
    "-" + "9" * 30,
    "9" * 5000,
    "1\x00",
    "\x00",
    "٣",
    "1e3",
    "1 OR 1=1",
    "a/b",
    "🌷",
]
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FEW = ["abc", "-1", "9" * 30, "9" * 5000, "1\x00"]  # for pages that take long
FINE = {200, 302, 400, 404}
MODELS = ["client", "wallet", "payoutmethod"]


@pytest.fixture(autouse=True)
def boss(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    client.force_login(UserFactory(is_superuser=True))


@pytest.fixture(autouse=True)
def stays_as_it_is(boss):
    WalletFactory(status="new")
    PayoutMethodFactory()
    before = rows()
    yield
    assert rows() == before


def rows():
    tables = [Client, Wallet, PayoutMethod, Client.history, Wallet.history]
    return [list(getattr(table, "objects", table).order_by("pk").values()) for table in tables]


@pytest.mark.parametrize("name", ACTIONS)
def test_g36_crafted_ids_of_an_act(client, name):
    url = reverse("admin:wallets_wallet_act", args=[name])
    tokens = [text.replace(" ", "+") for text in CRAFTED]  # a blank sets tokens apart
    for text in tokens:
        assert client.get(url, {"seen": text}).status_code in FINE
        assert (
            client.post(url, {"seen": text, "certain": [text], "reason": "x"}).status_code in FINE
        )
    tokens = [text for text in tokens if "\0" not in text] + ["9" * 18]
    fields = {"seen": " ".join(tokens), "certain": tokens, "reason": "x"}
    response = client.post(url, fields, follow=True)
    texts = [outcome.text for outcome, _wallet in response.context["results"]]
    assert texts == [WalletCode.UNKNOWN_WALLET.sentence()]


def test_g36_an_id_in_other_digits_names_no_wallet(client):
    wallet = Wallet.objects.get()
    fields = {"seen": str(wallet.pk).translate(ARABIC), "reason": "x"}
    for name in ACTIONS:
        client.post(reverse("admin:wallets_wallet_act", args=[name]), fields)


@pytest.mark.parametrize("model", MODELS)
def test_g36_crafted_choices_of_a_list_action(client, model):
    url = reverse(f"admin:wallets_{model}_changelist")
    for name in [*ACTIONS, "delete_selected", "x\x00"]:
        for text in CRAFTED:
            fields = {"action": name, "_selected_action": [text], "select_across": "0"}
            assert client.post(url, fields).status_code in FINE


@pytest.mark.parametrize("model", MODELS)
def test_g36_crafted_ids_in_addresses(client, model):
    root = reverse(f"admin:wallets_{model}_changelist")
    for text in FEW:
        for tail in ("change/", "history/", "delete/", ""):
            paths = (quoted(text), f"act/{quoted(text)}", f"{quoted(text)}/act/approve")
            for url in (f"{root}{path}/{tail}" for path in paths):
                assert client.get(url).status_code in {*FINE, 301, 403}
                assert client.post(url, {"seen": text}).status_code in {*FINE, 301, 403}


@pytest.mark.parametrize("turn", ["close", "reopen"])
def test_g36_crafted_ids_of_closing(client, turn):
    root = reverse("admin:wallets_client_changelist")
    for text in CRAFTED:
        url = f"{root}{quoted(text)}/{turn}/"
        assert client.get(url).status_code in FINE
        assert client.post(url, {"reason": "x"}).status_code in FINE


def test_g36_crafted_client_of_a_new_wallet(client):
    url = reverse("admin:wallets_wallet_add")
    address = {"network": "tron", "address": "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"}
    for text in CRAFTED:
        response = client.post(url, address | {"client": text, "memo": "", "is_certain": text})
        assert response.context["adminform"].form.errors["client"]
        assert client.get(url, {"client": text}).status_code in FINE


@pytest.mark.parametrize("model", MODELS)
def test_g36_crafted_filters_and_searches(client, model):
    url = reverse(f"admin:wallets_{model}_changelist")
    names = ["q", "p", "o", "all", "needs", "status__exact", "network__exact", "is_active__exact"]
    names += ["client__id__exact", "client__id__in", "is_available__exact", "id__exact", "x__y"]
    for name in names:
        for text in FEW:
            assert client.get(url, {name: text}).status_code in FINE, (name, text)


def test_g36_crafted_searches_for_a_client(client):
    url = reverse("admin:autocomplete")
    field = {"app_label": "wallets", "model_name": "wallet", "field_name": "client"}
    for text in CRAFTED:
        for name in ("term", "page", "field_name", "model_name"):
            assert client.get(url, field | {name: text}).status_code in {*FINE, 403}


def quoted(text):
    return quote(text, safe="")
