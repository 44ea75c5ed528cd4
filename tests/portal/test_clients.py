"""Clients and their wallets through the API."""

from urllib.parse import quote

import pytest

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts.portal.models import ApiKey
from tests.factories import ClientFactory, StaffFactory, WalletFactory
from tests.portal.conftest import Developer, issue
from wallets import operations, services
from wallets.models import Client, Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]

ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


def test_a_client_is_put_twice_and_is_one(portal):
    asked = {"name": "Anna Nguyen", "email": "anna@example.com", "language": "en"}
    first, again = portal.put("clients/K-7/", asked), portal.put("clients/K-7/", asked)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Client.objects.get(external_id="K-7").history.count() == 1
    changed = portal.put("clients/K-7/", {"name": "Anna N."})
    assert changed.json() == first.json() | {"name": "Anna N."}
    assert Client.objects.called("anna n.").get().external_id == "K-7"
    assert portal.get("clients/K-7/").json() == changed.json()


def test_two_clients_may_have_one_name(portal):
    ClientFactory(name="John Smith")
    assert portal.put("clients/K-7/", {"name": "John Smith"}).status_code == 201


@pytest.mark.parametrize(
    "asked",
    [
        *[{}, {"name": ""}, {"name": 5}, {"name": "A\u202eB"}, {"name": "A", "email": "x"}],
        *[{"name": "A", "language": "xx-nothing"}, {"name": "A\n"}, {"name": "\u0085A"}],
        *[{"name": "A", "active": said} for said in ("maybe", "yes", "true", 1, None)],
    ],
)
def test_a_client_that_cannot_be_is_not_added(portal, asked):
    answer = portal.put("clients/K-7/", asked)
    assert answer.status_code in (400, 422), answer.content
    assert not Client.objects.filter(external_id="K-7").exists()


ODD = [
    "K/7",
    "K/",
    "/K",
    "K?7",
    "K%2F7",
    "K#7",
    "Müller-7",
    "Анна 7",
    "客户-7",
    "UTF-8''7",
    "a;b=c",
]


@pytest.mark.parametrize("name", ODD)
def test_a_client_is_reached_by_any_external_id(portal, name):
    path = f"clients/{quote(name, safe='')}/"
    added = portal.put(path, {"name": "Anna Nguyen"})
    assert (added.status_code, added.json()["id"]) == (201, name)
    assert portal.get(path).json() == added.json()
    assert portal.put(path, {"name": "Anna N."}).status_code == 200

    portal.acts_for = f"UTF-8''{quote(name, safe='')}"
    answer = portal.post("wallets/", {"network": "tron", "address": ADDRESS}, key="1")
    assert answer.status_code == 201, answer.content
    assert Wallet.objects.get().client.external_id == name
    if name.isascii() and not name.startswith("UTF-8''"):
        portal.acts_for = name
        assert len(portal.get("wallets/").json()["results"]) == 1


def test_what_is_left_out_of_a_client_stays_as_it_is(portal, owner):
    answer = portal.put("clients/K-1/", {"email": "anna@example.com"})
    assert (answer.status_code, answer.json()["name"]) == (200, owner.name)
    owner.refresh_from_db()
    assert owner.email == "anna@example.com"
    assert portal.put("clients/K-1/", {}).json() == answer.json()


def test_a_new_client_needs_a_name(portal, owner):
    answer = portal.put("clients/K-7/", {"email": "anna@example.com"})
    found = answer.json()
    assert (answer.status_code, found["code"], found["field"]) == (422, "name_missing", "name")
    assert list(Client.objects.all()) == [owner]


UNCLEAR = ["Müller-7", "UTF-8''%FF", "utf-8''%C3", "UTF-8''Müller", "utf-8''%00"]


@pytest.mark.parametrize("named", UNCLEAR)
def test_a_client_that_is_named_in_an_unclear_way_is_refused(portal, named):
    ClientFactory(external_id="Müller-7")
    portal.acts_for = named
    answer = portal.get("wallets/")
    assert (answer.status_code, answer.json()["code"]) == (400, "client_unreadable")


def test_the_portal_opens_what_it_closed_and_not_what_the_desk_closed(portal, owner):
    closed = portal.put("clients/K-1/", {"name": owner.name, "active": False})
    assert closed.json()["active"] is False
    opened = portal.put("clients/K-1/", {"name": owner.name, "active": True})
    assert opened.json()["active"] is True
    requester = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
    services.close_client(owner.pk, reason="Asked by the police", actor=requester)

    answer = portal.put("clients/K-1/", {"name": "Another", "active": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "closed_by_desk")
    owner.refresh_from_db()
    assert not owner.is_active
    assert owner.name != "Another"


def test_a_client_s_own_key_sees_and_changes_no_clients(client, owner):
    ApiKey.objects.all().delete()
    developer = Developer(client, issue(client=owner)[1])
    for answer in (
        developer.get("clients/"),
        developer.get("clients/K-1/"),
        developer.put("clients/K-1/", {"name": "Mallory"}),
    ):
        assert answer.status_code == 403
    owner.refresh_from_db()
    assert owner.name != "Mallory"


def test_a_wallet_is_added_once_and_waits_for_approval(portal, owner):
    asked = {"network": "tron", "address": ADDRESS, "label": "Main"}
    answer = portal.post("wallets/", asked, key="1")
    assert answer.status_code == 201, answer.content
    assert answer.json()["status"] == "waits_for_approval"
    assert portal.post("wallets/", asked, key="1").json() == answer.json()
    again = portal.post("wallets/", asked, key="2")
    assert again.status_code in (409, 422)
    assert Wallet.objects.get().label == "Main"
    [listed] = portal.get("wallets/", status="waits_for_approval").json()["results"]
    assert listed == answer.json()


def test_who_issued_the_key_does_not_approve_its_wallets(client, owner):
    issuer = StaffFactory(roles=["User manager"], is_superuser=True)
    developer = Developer(client, issue(client=owner, issuer=issuer)[1])
    developer.post("wallets/", {"network": "tron", "address": ADDRESS}, key="1")
    row = Wallet.objects.get()
    for person, done in [(issuer, False), (StaffFactory(roles=["Approver"]), True)]:
        seen = operations.see([row.pk])
        actor = Actor.staff(person, Channel.ADMIN)
        [outcome] = perform(operations.APPROVE, seen, actor=actor)
        assert outcome.done == done, outcome.text


def test_an_address_that_cannot_be_is_refused_with_the_reason(portal):
    asked = {"network": "tron", "address": ADDRESS[:-1] + "D"}
    answer = portal.post("wallets/", asked, key="1")
    assert (answer.status_code, answer.json()["code"]) == (422, "address")
    assert answer.json()["detail"]
    assert answer.json()["field"] == "address"
    assert not Wallet.objects.exists()


def test_an_address_that_needs_a_memo_is_refused_by_that_member(portal):
    WalletFactory(address=ADDRESS, memo="12")
    answer = portal.post("wallets/", {"network": "tron", "address": ADDRESS}, key="1")
    found = answer.json()
    assert (answer.status_code, found["code"], found["field"]) == (
        422,
        "address_needs_memo",
        "memo",
    )
    assert Wallet.objects.count() == 1


def test_g69_a_frozen_wallet_reads_in_review(portal, wallet):
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    seen = operations.see([wallet.pk])
    perform(operations.FREEZE, seen, actor=approver, reason="Mallory's")
    answer = portal.get(f"wallets/{wallet.public_id}/")
    assert answer.json()["status"] == "in_review"
    assert "rozen" not in answer.content.decode()


def test_a_wallet_is_archived_for_good(portal, wallet):
    first = portal.post(f"wallets/{wallet.public_id}/archive/", {})
    again = portal.post(f"wallets/{wallet.public_id}/archive/", {})
    assert first.json()["status"] == "archived"
    assert (again.status_code, again.json()) == (200, first.json())


def test_why_a_wallet_is_archived_is_not_asked_and_so_not_taken(portal, wallet):
    answer = portal.post(f"wallets/{wallet.public_id}/archive/", {"reason": "Lost"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unknown_member")
    wallet = Wallet.objects.get()
    assert wallet.status == "active"


def test_g69_that_another_client_has_an_address_is_not_shown(portal):
    other = WalletFactory(address=ADDRESS, client__external_id="K-2")
    answer = portal.post("wallets/", {"network": "tron", "address": ADDRESS}, key="1")
    assert answer.status_code == 201
    assert other.client.name not in answer.content.decode()


def test_what_can_be_paid_is_listed(portal):
    [service] = portal.get("services/").json()["results"]
    assert service["currency"] == "USDT"
    asked = {"network": "tron", "currency": "usdt", "amount": "100"}
    assert portal.post("payouts/estimate/", asked).json()["receives"] == "100"


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"amount": "0.001"}, "below_minimum", "amount"),
        ({"amount": "99999999"}, "above_maximum", "amount"),
        ({"currency": "PEPE"}, "method_unknown", "currency"),
    ],
)
def test_an_estimate_is_refused_with_the_member_that_is_wrong(portal, wrong, code, field):
    asked = {"network": "tron", "currency": "usdt", "amount": "100"}
    answer = portal.post("payouts/estimate/", asked | wrong)
    found = answer.json()
    assert (answer.status_code, found["code"], found["field"]) == (422, code, field)
