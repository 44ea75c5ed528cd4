"""Where Heleket and the desk differ, as two operators see it and end it."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from audit import clock
from payouts import endings
from payouts.gateway import continuity
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from tests.browser.test_payouts import page_of
from tests.factories import PayoutFactory
from tests.payouts.processes.harness import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]


def page(found):
    return reverse("admin:payouts_discrepancy_change", args=[found.pk])


def propose(visitor, found, outcome, *, again_on=""):
    visitor.go(page(found))
    visitor.follow("End it")
    visitor.page.get_by_text(outcome, exact=True).click()
    visitor.page.fill("[name=again_on]", again_on)
    visitor.page.fill("[name=reason]", "Asked their support.")
    visitor.press("End it like this")


def confirm(visitor, found, outcome):
    visitor.go(page(found))
    visitor.press(f"Confirm: {outcome}")
    assert visitor.reads(f"Ended: {outcome}")


@pytest.fixture
def matter(visitor, gateway, worker):
    """The demo's: 950 was sent, and Heleket has 9,500 under the order id. Two operators see it."""
    until(lambda: continuity.state().is_checked)  # what is made during a start stops sending
    gateway.set_fate("stuck")
    with transaction.atomic():  # the worker sees it when Heleket has the other one
        payout = PayoutFactory(status=PayoutStatus.APPROVED, amount=950)
        gateway.add_foreign_payout(
            order_id=payout.order_id("test"), amount="9500", address=payout.address
        )
    omar, olga = visitor("Operator"), visitor("Operator")
    omar.go(page_of(payout))
    omar.reloads_until_it_reads("Heleket has another payout under our order id")
    return payout, Discrepancy.objects.get(), omar, olga


def test_g28_g51_two_operators_end_what_differs_and_it_stays_ended(matter):
    payout, found, omar, olga = matter
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
    confirm(olga, found, "Not paid")

    olga.go(page_of(payout))
    assert olga.reads("It was not paid. People found that it was not paid.")
    Attempt.objects.update(watch_at=payout.requested_at)
    olga.reloads_until(lambda: Attempt.objects.get().watch_at != payout.requested_at)
    assert not Discrepancy.objects.open().exists()
    assert omar.complaints + olga.complaints == []


def test_g28_g51_two_operators_leave_it_stopped_and_end_it_by_the_final_word(matter, gateway):
    payout, found, omar, olga = matter
    later = clock.now() + timedelta(days=2)
    propose(omar, found, "Left stopped", again_on=f"{later:%Y-%m-%d}")
    confirm(olga, found, "Left stopped")
    omar.go(page_of(payout))
    assert omar.reads("It was left stopped until")

    endings.reopen_due(clock.now() + timedelta(days=3))
    found = Discrepancy.objects.open().get()
    gateway.force_status("paid", is_final=True, order_id=payout.order_id("test"))
    propose(omar, found, "As Heleket has it")
    assert omar.reads("The facts have changed since you looked.")
    propose(omar, found, "Explained")
    assert omar.reads("no harmless difference")
    propose(omar, found, "As Heleket has it")
    confirm(olga, found, "As Heleket has it")

    olga.go(page_of(payout))
    assert olga.reads("Heleket paid 9,500 USDT")
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
    confirm(olga, found, "As Heleket has it")
    olga.go(page_of(payout))
    assert olga.reads("It does not count as paid: Heleket said later that it was not.")
    ended = Payout.objects.get()
    assert (ended.status, ended.effective) == (PayoutStatus.CONFIRMED, "not_paid")
