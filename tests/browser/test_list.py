"""What only a browser does: adding up what is ticked, and renewing what is looked at."""

from decimal import Decimal

import pytest
from django.urls import reverse

from payouts import operations
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.test_admin_exports import do

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]

LIST = reverse("admin:payouts_payout_changelist")
LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


def test_a_list_finds_across_queues_adds_up_what_is_ticked_and_stays_fresh_as_a_page_does(visitor):
    """From inside a queue that has it not, P-340 is found."""
    amounts = [("12345.5", "USDT"), ("0.00000001", "USDT"), ("2", "TRX")]
    payouts = [
        PayoutFactory(number=340 + index, amount=Decimal(amount), currency=coin)
        for index, (amount, coin) in enumerate(amounts)
    ]
    approver = visitor("Approver")
    page = approver.page

    approver.go(f"{LIST}?queue=not_paid")
    page.fill("[name=q]", "P-340")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert approver.reads("1 in other queues")
    approver.follow("P-340")
    assert page.locator(".desk h1").inner_text().startswith("P-340")

    approver.go(LIST)
    for payout in payouts:
        page.locator(f"[value='{payout.pk}']").check()
    assert page.inner_text(".desk-ticked") == "2 TRX · 12,345.50000001 USDT"
    page.locator(f"[value='{payouts[1].pk}']").uncheck()
    assert page.inner_text(".desk-ticked") == "2 TRX · 12,345.5 USDT"

    other = StaffFactory(roles=["Approver"])
    do(operations.HOLD, payouts[1], other, "Wait")
    page.evaluate(LOOK_AGAIN)
    page.wait_for_selector("#desk-tabs .mine .count >> text=2")
    assert approver.reads("Something changed: show it")
    assert page.inner_text(".desk-ticked") == "2 TRX · 12,345.5 USDT"

    approver.go(reverse("admin:payouts_payout_change", args=[payouts[0].pk]))
    assert page.get_by_role("link", name="Approve").count() == 1
    do(operations.APPROVE, payouts[0], other)
    page.evaluate(LOOK_AGAIN)
    page.wait_for_selector("h1 >> text=Approved")
    assert page.get_by_role("link", name="Approve").count() == 0
    assert not approver.reads("Something changed: show it")
    assert approver.complaints == []
