"""Payouts asked for before their wallet is approved: they wait for it, say so, and go on."""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import destinations
from payouts.models import Approval, Payout
from payouts.portal.models import ApiAnswer
from payouts.seen import see
from tests.factories import StaffFactory, WalletFactory
from tests.payouts.rounds import check_due, event_types, submit_due
from wallets import operations as wallet_operations
from wallets import services
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]

OTHER = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"
WAITS = "Your payout of 5 USDT was received and waits until your wallet is approved."


@pytest.fixture
def wallet(owner):
    return WalletFactory(client=owner, status="new", approved_at=None, approved_by=None)


@pytest.fixture
def body(wallet):
    return {"wallet": str(wallet.public_id), "currency": "USDT", "amount": "5", "purpose": "Prize"}


@pytest.fixture
def approver(db):
    return StaffFactory(roles=["Approver"])


def press(person, url, token):
    """Confirm an act in the Admin, and read the page that follows."""
    browser = Browser()
    browser.force_login(person)
    return browser.post(url, {"seen": token}, follow=True).content.decode()


def approve(person, row):
    [seen] = see([row])
    return press(person, reverse("admin:payouts_payout_act", args=["approve"]), seen.token)


def approve_wallet(person, wallet):
    [seen] = wallet_operations.see([wallet.pk])
    return press(person, reverse("admin:wallets_wallet_act", args=["approve"]), seen.token)


def do(operation, wallet, person, **reason):
    actor = Actor.staff(person, Channel.ADMIN)
    [outcome] = perform(operation, wallet_operations.see([wallet.pk]), actor=actor, **reason)
    assert outcome.done, outcome.text


def test_a_payout_to_a_new_wallet_waits_for_it_and_is_paid(
    portal, approver, sandbox, heleket_client, account, clock
):
    asked = {"network": "tron", "address": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"}
    added = portal.post("wallets/", asked, key="wallet").json()
    assert added["status"] == "waits_for_approval"

    body = {"wallet": added["id"], "currency": "USDT", "amount": "5", "purpose": "Prize"}
    first = portal.post("payouts/", body, key="payout")
    assert first.status_code == 201, first.content
    made = first.json()
    assert (made["status"], made["code"], made["detail"]) == (
        "requested",
        "client_wallet_checked",
        WAITS,
    )
    assert (made["payable_from"], made["next"]) == (None, "wallet_approval")
    row = Payout.objects.get()
    assert (row.status, row.waiting_for, row.reason_code) == (
        "pending",
        "wallet",
        "wallet_not_active",
    )

    before = Payout.objects.values().get()
    assert "The wallet is not active yet" in approve(approver, row)
    assert Payout.objects.values().get() == before
    assert not Approval.objects.exists()

    clock.forward(hours=1)
    approve_wallet(approver, Wallet.objects.get())
    assert portal.get(f"wallets/{added['id']}/").json()["status"] == "active"
    shown = portal.get(f"payouts/{row.pk}/").json()
    assert (shown["status"], shown["code"], shown["next"]) == (
        "requested",
        "client_checked",
        "approval",
    )
    assert shown["payable_from"] == "2026-03-02T10:00:00.000Z"
    row = Payout.objects.get()
    assert (row.status, row.waiting_for, row.reason_code) == ("pending", "approvals", "")
    assert event_types(row) == ["request", "go_on"]
    assert row.events.get(event_type="go_on").person == approver

    assert "It will be sent" in approve(approver, row)
    assert submit_due(9, heleket_client, account) == 1
    clock.forward(minutes=5)
    sandbox.run_due()
    assert check_due(9, heleket_client, account) == 1
    paid = portal.get(f"payouts/{row.pk}/").json()
    assert (paid["status"], paid["payable_from"]) == ("paid", None)

    again = portal.post("payouts/", body, key="payout")
    assert (again.status_code, again.json()) == (201, made)
    assert again["Idempotent-Replayed"] == "true"


def test_a_later_date_says_from_when_it_can_be_paid(portal, approver, wallet, body):
    asked = body | {"pay_from": "2026-03-09T09:00:00Z"}
    made = portal.post("payouts/", asked, key="1").json()
    assert (made["pay_from"], made["payable_from"]) == ("2026-03-09T09:00:00.000Z", None)

    do(destinations.APPROVE, wallet, approver)
    shown = portal.get(f"payouts/{made['id']}/").json()
    assert shown["payable_from"] == "2026-03-09T09:00:00.000Z"


@pytest.mark.parametrize("status", ["confirmed", "approved"])
def test_a_wallet_at_any_step_of_its_way_is_waited_for(portal, owner, body, status):
    further = WalletFactory(client=owner, address=OTHER, status=status)
    answer = portal.post("payouts/", body | {"wallet": str(further.public_id)}, key="1")
    assert (answer.status_code, answer.json()["code"]) == (201, "client_wallet_checked")


@pytest.mark.parametrize(
    ("status", "code"), [("frozen", "wallet_not_ready"), ("archived", "archived")]
)
def test_a_wallet_that_was_decided_against_is_refused(portal, owner, body, status, code):
    against = WalletFactory(client=owner, address=OTHER, status=status)
    answer = portal.post("payouts/", body | {"wallet": str(against.public_id)}, key="1")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not Payout.objects.exists()
    assert not ApiAnswer.objects.exists()


def test_a_closed_client_is_refused_whatever_the_wallet(portal, owner, body):
    manager = Actor.staff(StaffFactory(roles=["Requester"], is_superuser=True), Channel.ADMIN)
    services.close_client(owner.pk, reason="Left us", actor=manager)
    answer = portal.post("payouts/", body, key="1")
    assert (answer.status_code, answer.json()["code"]) == (422, "client_closed")
    assert not Payout.objects.exists()
    assert not ApiAnswer.objects.exists()


def test_g69_a_freeze_meanwhile_is_not_shown_and_the_payout_goes_on_after_it(
    portal, approver, wallet, body
):
    made = portal.post("payouts/", body, key="1").json()
    do(wallet_operations.FREEZE, wallet, approver, reason="Stolen by Mallory")

    shown = portal.get(f"payouts/{made['id']}/").json()
    assert shown == made
    row, before = Payout.objects.get(), Payout.objects.values().get()
    assert "The wallet is frozen" in approve(approver, row)
    assert Payout.objects.values().get() == before

    do(wallet_operations.RELEASE, wallet, approver)
    assert portal.get(f"payouts/{made['id']}/").json() == made
    do(destinations.APPROVE, wallet, approver)
    assert portal.get(f"payouts/{made['id']}/").json()["code"] == "client_checked"
    assert event_types(row) == ["request", "go_on"]


def test_what_waits_for_a_wallet_that_its_client_archives_comes_before_people(
    portal, approver, wallet, body
):
    made = portal.post("payouts/", body, key="1").json()
    assert portal.post(f"wallets/{wallet.public_id}/archive/", {}).status_code == 200

    row = Payout.objects.get()
    assert (row.status, row.waiting_for, row.reason_code) == (
        "pending",
        "approvals",
        "wallet_archived",
    )
    assert row.events.get(event_type="go_on").client_id == wallet.client_id
    shown = portal.get(f"payouts/{made['id']}/").json()
    assert (shown["code"], shown["payable_from"]) == ("client_checked", None)
    assert "The wallet is archived" in approve(approver, row)
    assert Payout.objects.get().status == "pending"
    assert portal.post(f"payouts/{made['id']}/cancel/", {}).json()["status"] == "cancelled"


def test_who_issued_the_key_approves_neither_the_wallet_nor_the_payout(portal, approver, body):
    portal.post("payouts/", body, key="1")
    wallet, row = Wallet.objects.get(), Payout.objects.get()
    wallet.added_by.groups.set(approver.groups.all())
    approve_wallet(wallet.added_by, wallet)
    assert Wallet.objects.get().status == "new"
    assert Payout.objects.get().waiting_for == "wallet"

    approve_wallet(approver, wallet)
    assert "you added its wallet" in approve(wallet.added_by, Payout.objects.get())
    assert Payout.objects.get().status == "pending"
    assert "It will be sent" in approve(approver, Payout.objects.get(pk=row.pk))
