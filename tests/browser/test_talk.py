"""A payout that an approver asks about, as people see it."""

import pytest
from django.urls import reverse

from payouts.models import Note, Payout, PayoutStatus
from tests.browser.test_payouts import act, page_of
from tests.factories import PayoutFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]


def test_a_payout_is_sent_back_answered_with_a_document_and_approved(
    visitor, gateway, settings, tmp_path
):
    settings.DOCUMENTS_FOLDER = tmp_path / "documents"
    contract = tmp_path / "contract of May.pdf"
    contract.write_bytes(b"%PDF contract")
    approver, requester = visitor("Approver"), visitor("Requester")
    payout = PayoutFactory()

    act(approver, payout, "Send back")
    approver.go(page_of(payout))
    assert approver.page.get_by_role("link", name="Approve").count() == 0

    requester.go(page_of(payout))
    requester.follow("Answer")
    requester.page.get_by_label("Answer").fill("See the contract.")
    requester.page.get_by_label("File").set_input_files(contract)
    requester.press("Answer")
    assert requester.reads("Answered. It waits for approval.")

    approver.go(page_of(payout))
    assert approver.reads("See the contract.")
    with approver.page.expect_download() as download:
        approver.page.get_by_role("link", name=contract.name).click()
    assert download.value.suggested_filename == contract.name
    assert download.value.path().read_bytes() == contract.read_bytes()

    approver.page.get_by_text("Add a note or a document").click()
    approver.page.get_by_label("Note").fill("Compared with the invoice.")
    approver.press("Add")
    assert approver.reads("Compared with the invoice.")
    assert Note.objects.count() == 2
    act(approver, payout, "Approve")
    assert Payout.objects.get().status == PayoutStatus.APPROVED
    assert approver.complaints + requester.complaints == []
    assert reverse("admin:payouts_payout_act", args=["approve"]) in approver.page.url


def test_nothing_empty_stands_below_the_way_to_a_note(visitor):
    person = visitor("Approver")
    person.go(page_of(PayoutFactory()))

    def bottom_of(place):
        box = person.page.locator(place).bounding_box()
        return box["y"] + box["height"]

    assert bottom_of("#notes") - bottom_of("#notes summary") < 24
