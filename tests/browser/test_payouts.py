"""A payout from request to final word, as people see it."""

import pytest
from django.urls import reverse

from payouts.models import Payout, PayoutStatus
from tests.factories import PayoutFactory, WalletFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]

PAYOUTS = reverse("admin:payouts_payout_changelist")


def page_of(payout, name="change"):
    if name == "change":
        return reverse("admin:payouts_payout_change", args=[payout.pk])
    return reverse("admin:payouts_payout_act_on", args=[payout.pk, name])


def request_payout(visitor, wallet, amount, *, pay_from=""):
    visitor.go(PAYOUTS + "add/")
    visitor.follow(wallet.client.name)
    visitor.page.locator("[name=wallet]").check()
    visitor.page.select_option("[name=currency]", "USDT")
    visitor.page.fill("[name=amount]", amount)
    visitor.page.fill("[name=purpose]", "Prize of the autumn draw")
    visitor.page.fill("[name=pay_from]", pay_from)
    visitor.press("Continue")
    visitor.press("Request the payout")
    assert visitor.reads("It waits for approval.")
    return Payout.objects.latest("number")


def act(visitor, payout, name):
    visitor.go(page_of(payout))
    visitor.follow(name)
    if visitor.page.locator("[name=reason]").count():
        visitor.page.fill("[name=reason]", "The client asked for it.")
    visitor.press(name)
    assert visitor.reads("1 done")


def test_a_payout_is_requested_approved_by_another_person_and_paid(visitor, gateway, worker):
    wallet = WalletFactory()
    requester, approver = visitor("Requester", "Approver"), visitor("Approver")

    payout = request_payout(requester, wallet, "12.5")
    requester.go(page_of(payout, "approve"))
    assert requester.reads("you had a hand in it")
    assert Payout.objects.get().status == PayoutStatus.PENDING

    act(approver, payout, "Approve")
    approver.go(page_of(payout))
    approver.reloads_until_it_reads("Heleket has it and has not said its final word")

    requester.go(page_of(payout, "cancel"))
    assert requester.reads("Heleket has it and cannot call it back")
    assert Payout.objects.get().status == PayoutStatus.BROADCAST

    [order_id] = gateway.order_ids
    gateway.advance(order_id)
    gateway.advance(order_id)
    approver.reloads_until_it_reads("It was paid: Heleket's final word.")
    assert approver.reads(gateway.find(order_id).txid)
    assert requester.complaints + approver.complaints == []


def test_a_payout_is_cancelled_before_it_is_sent(visitor, gateway, worker):
    requester = visitor("Requester")
    payout = request_payout(requester, WalletFactory(), "7")

    act(requester, payout, "Cancel")
    requester.go(page_of(payout))

    assert requester.reads("It was cancelled and never sent. The client asked for it.")
    assert gateway.order_ids == []


def test_a_reading_auditor_is_offered_no_act(visitor):
    payout, auditor = PayoutFactory(), visitor("Auditor")

    auditor.go(page_of(payout))

    assert auditor.reads(payout.purpose)
    assert auditor.page.locator(".desk-buttons a").count() == 0
