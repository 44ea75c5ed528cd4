"""The guard pauses sending by itself, and people read why, look, and resume."""

import pytest
from django.urls import reverse

from payouts.controls.models import Switch
from payouts.models import Payout, PayoutStatus
from tests.browser.test_payouts import page_of
from tests.factories import PayoutFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]

DESK = reverse("admin:payouts_controls_switch_changelist")


def test_the_guard_pauses_after_planted_differences_and_the_reason_is_on_the_page(
    visitor, gateway, worker
):
    """Heleket answers with another amount than it was sent."""
    gateway.set_fate("stuck")
    gateway.faults.add("odd_member", rate=1.0, member="amount", text='"9500"', path="/v1/payout")
    for _ in range(3):
        PayoutFactory(status=PayoutStatus.APPROVED, amount=950)
    omar, amira = visitor("Operator"), visitor("Approver")
    omar.go(DESK)
    omar.reloads_until_it_reads("Sending is paused.")
    assert omar.reads("by the guard")
    assert omar.reads("in 3 payouts within an hour Heleket and the desk differ")
    gateway.faults.clear()

    late = PayoutFactory(status=PayoutStatus.APPROVED)
    amira.go(page_of(late))
    assert amira.reads("The guard paused it: in 3 payouts within an hour")
    assert amira.reads("An operator can resume sending.")
    assert Payout.objects.get(pk=late.pk).status == PayoutStatus.APPROVED
    assert Switch.objects.get(pk=1).changed_by is None

    omar.follow("Resume sending")
    omar.page.fill("[name=reason]", "Their support has mended it")
    omar.press("Resume sending")
    assert omar.reads("Sending goes on.")
    assert not omar.reads("The guard paused it")
    amira.reloads_until_it_reads("Heleket has it and has not said its final word")
    assert omar.complaints + amira.complaints == []


def test_a_coin_is_paused_and_resumed_on_the_desk_page(visitor, gateway, worker):
    omar = visitor("Operator")
    omar.go(DESK)
    omar.follow("Pause a coin or network")
    omar.page.select_option("[name=currency]", "USDT")
    omar.page.fill("[name=reason]", "Strange fees")
    omar.press("Pause it")
    assert omar.reads("Sending of “USDT” is paused: no new call starts.")

    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    omar.go(page_of(payout))
    assert omar.reads("Sending of “USDT” is paused: Strange fees")
    omar.go(DESK)
    omar.page.get_by_role("link", name="Resume", exact=True).click()
    omar.page.fill("[name=reason]", "Explained")
    omar.press("Resume sending")
    omar.go(page_of(payout))
    omar.reloads_until_it_reads("Heleket has it and has not said its final word")
    assert omar.complaints == []
