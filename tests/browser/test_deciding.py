"""Deciding as people do it: many on a phone, and one after another without a mouse."""

from decimal import Decimal

import pytest
from django.urls import reverse

from payouts.models import Payout, PayoutStatus
from tests.factories import PayoutFactory, PayoutMethodFactory, WalletFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt", "gateway"),
]

MINE = reverse("admin:payouts_payout_changelist") + "?queue=mine"
PHONE = {"width": 390, "height": 844}
SHARED = "The same address belongs to another client too: Mallory"
OTHERS = [
    *("TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi", "TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8"),
    *("TRetSF3Mkp9vPvGG19ctV4SUTFZ4wXmbPp", "TVFjZdNiz4L2rFdkudDfKNn9cxygAxzqoQ"),
]


def statuses():
    found = Payout.objects.values_list("status", flat=True)
    return {status: list(found).count(status) for status in found}


def payouts(count):
    """So many payouts at a few addresses, the newest at one that another client has as well."""
    wallets = [WalletFactory(address=address) for address in OTHERS]
    for number in range(count - 1):
        PayoutFactory(wallet=wallets[number % 4], amount=Decimal(10 + number))
    WalletFactory(client__name="Mallory", address="TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm")
    return PayoutFactory()


def test_thirty_payouts_are_approved_by_keyboard_alone(visitor):
    """Two keys each. Keys do nothing in a field, "?" shows them, and each person can do without."""
    shared = payouts(30)
    approver = visitor("Approver")
    page = approver.page

    def press(key):
        with page.expect_navigation():
            page.keyboard.press(key)

    approver.go(MINE)
    press("n")
    assert page.locator(".desk h1").inner_text().startswith(str(shared))
    assert page.get_by_text(SHARED).is_visible()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    assert statuses() == {"pending": 30}

    press("h")
    page.keyboard.type("A question")
    assert page.input_value("[name=reason]") == "A question"
    assert page.get_by_text(SHARED).is_visible()
    press("Enter")
    assert approver.reads(f"{shared}: On hold.")
    for _ in range(29):
        press("a")
        press("Enter")
    assert approver.reads("That was the last one here.")
    assert statuses() == {"approved": 29, "held": 1}

    approver.go(reverse("admin:payouts_payout_change", args=[shared.pk]))
    press("r")
    page.keyboard.type("No")
    press("Enter")
    assert statuses() == {"approved": 29, "rejected": 1}
    assert approver.complaints == []


def test_thirty_six_mixed_payouts_are_approved_on_a_phone(visitor):
    shared = payouts(36)
    PayoutMethodFactory(network="ton")
    with_memo = WalletFactory(
        network="ton", address="UQA9H_c221kUl-jdkHcfki-Vq8iZKdqVCdGTrYo3rdPC6yuy", memo="104882317"
    )
    PayoutFactory(wallet=with_memo, purpose="Freight, autumn")
    PayoutFactory(wallet=with_memo, status=PayoutStatus.HELD)
    approver = visitor("Approver", viewport=PHONE)
    page = approver.page

    approver.go(MINE.replace("mine", "waiting"))
    page.eval_on_selector_all("[name=_selected_action]", "boxes => boxes.forEach(b => b.click())")
    page.select_option("[name=action]", "approve")
    with page.expect_navigation():
        page.locator("[name=index]").first.click()

    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    button = page.get_by_role("button", name="Approve 37 payouts")
    for text in [
        SHARED,
        "Freight, autumn",
        "104882317",
        "1 is left as it is",
        "Leaves our balance",
    ]:
        place = page.get_by_text(text).first
        assert place.is_visible()
        box = place.bounding_box()
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["y"] < button.bounding_box()["y"]
    assert statuses() == {"pending": 37, "held": 1}

    with page.expect_navigation():
        button.click()
    assert approver.reads("37 done")
    page.reload()
    assert approver.reads("37 done")
    assert statuses() == {"approved": 37, "held": 1}
    assert Payout.objects.get(pk=shared.pk).events.count() == 2
    approver.follow("Back to: Waits for somebody")
    assert approver.complaints == []
