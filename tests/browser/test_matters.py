"""Where Heleket and the desk differ, as two operators see it and end it."""

import pytest
from django.urls import reverse

from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from tests.browser.test_payouts import page_of
from tests.factories import PayoutFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]


def page(found):
    return reverse("admin:payouts_discrepancy_change", args=[found.pk])


def propose(visitor, found, outcome):
    visitor.go(page(found))
    visitor.follow("End it")
    visitor.page.get_by_text(outcome, exact=True).click()
    visitor.page.fill("[name=reason]", "Asked their support.")
    visitor.press("End it like this")


def test_g28_g51_two_operators_end_what_differs_and_it_stays_ended(visitor, gateway, worker):
    payout = PayoutFactory(status=PayoutStatus.APPROVED, amount=950)
    gateway.set_fate("stuck")
    gateway.add_foreign_payout(
        order_id=payout.order_id("test"), amount="9500", address=payout.address
    )
    omar, olga = visitor("Operator"), visitor("Operator")
    omar.go(page_of(payout))
    omar.reloads_until_it_reads("Heleket has another payout under our order id")
    found = Discrepancy.objects.get()

    for outcome, refusal in [
        ("Explained", "no harmless difference"),
        ("As Heleket has it", "not said its final word"),
        ("Left stopped", "a time to come"),
    ]:
        propose(omar, found, outcome)
        assert omar.reads(refusal)
    assert Discrepancy.objects.get().closed_at is None

    propose(omar, found, "Not paid")
    assert omar.reads("Another person has to confirm it.")
    assert omar.page.get_by_role("button", name="Confirm: Not paid").count() == 0
    olga.go(page(found))
    assert olga.reads("950\t9500")
    olga.press("Confirm: Not paid")
    assert olga.reads("Ended: Not paid")

    olga.go(page_of(payout))
    assert olga.reads("It was not paid. People found that it was not paid.")
    Attempt.objects.update(watch_at=payout.requested_at)
    olga.reloads_until(lambda: Attempt.objects.get().watch_at != payout.requested_at)
    assert not Discrepancy.objects.open().exists()
    assert omar.complaints + olga.complaints == []


def test_b12_g51_a_paid_payout_that_heleket_fails_later(visitor, gateway, worker):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    omar, olga = visitor("Operator"), visitor("Operator")
    omar.go(page_of(payout))
    omar.reloads_until(lambda: payout.order_id("test") in gateway.order_ids)
    order_id = payout.order_id("test")
    gateway.force_status("paid", is_final=True, order_id=order_id)
    omar.reloads_until_it_reads("It was paid: Heleket's final word.")

    gateway.force_status("fail", is_final=True, order_id=order_id)
    omar.reloads_until_it_reads("Paid, but Heleket now says fail: open discrepancy.")

    found = Discrepancy.objects.get()
    propose(omar, found, "As Heleket has it")
    olga.go(page(found))
    olga.press("Confirm: As Heleket has it")
    olga.go(page_of(payout))
    assert olga.reads("It does not count as paid: Heleket said later that it was not.")
    ended = Payout.objects.get()
    assert (ended.status, ended.effective) == (PayoutStatus.CONFIRMED, "not_paid")
