"""A policy is drafted, replayed, approved by a second person, and in force."""

import pytest
from django.urls import reverse

from payouts.controls import policy
from payouts.models import Payout, PayoutStatus
from tests.browser.test_payouts import page_of
from tests.factories import PayoutFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt", "gateway"),
]

POLICY = reverse("admin:payouts_controls_policyversion_changelist")


def test_c5_a_draft_is_replayed_approved_by_a_second_person_and_in_force(visitor):
    for _ in range(2):
        PayoutFactory(status=PayoutStatus.APPROVED, amount=800)
    large = PayoutFactory(status=PayoutStatus.APPROVED, amount=2000)
    petra, pablo = visitor("Policy manager"), visitor("Policy manager")

    petra.go(POLICY)
    petra.follow("Draft a change")
    petra.press("Add a rule")
    assert petra.page.url.endswith("#rule-1")
    petra.page.fill("[name=rule-1-name]", "More than 1,000")
    petra.page.fill("[name=rule-1-count]", "9")
    petra.page.select_option("[name=rule-1-group]", "Approver")
    petra.page.locator("#rule-1 summary").click()
    petra.page.fill("[name=rule-1-payout_above]", "1000")
    petra.page.fill("[name=reason]", "More eyes for more money")
    petra.press("Save the draft")
    assert petra.reads("asks for 9 approvals from Approver.")
    petra.page.fill("[name=rule-1-count]", "2")
    petra.page.press("[name=rule-1-count]", "Enter")  # checks, and saves nothing
    petra.page.get_by_text("It is not saved yet.").wait_for()
    petra.press("Move rule 2 up")
    petra.press("Save the draft")
    assert petra.reads("More than 1,000 USD: 2 approvals from Approver")
    assert not petra.reads("Approve and put in force")

    pablo.go(POLICY)
    pablo.follow("Look at the draft")
    pablo.follow("Replay")
    assert pablo.reads("This draft would have stopped 0 of the last 90 days’ 3 payouts.")
    assert pablo.reads("For 1 of them it would have asked for more approvals.")
    assert pablo.reads("The policy asks for more approvals: 1 from Approver.")
    pablo.follow(str(large))
    pablo.page.go_back()
    pablo.follow("Back to the draft")
    pablo.press("Approve and put in force")
    assert pablo.reads("Version 2 of the policy is in force.")

    assert [rule.count for rule in policy.in_force().rules] == [2, 1]
    waiting = PayoutFactory(amount=2000)
    amira = visitor("Approver")
    amira.go(page_of(waiting))
    amira.follow("Approve")
    amira.press("Approve")
    assert amira.reads("It needs more approvals: 1 from Approver")
    assert Payout.objects.get(pk=waiting.pk).status == PayoutStatus.PENDING
    assert petra.complaints == pablo.complaints == amira.complaints == []
