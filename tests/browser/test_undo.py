"""Two approvals for a large payout, voided by an edit, given anew, and one of them taken back."""

import pytest

from payouts.models import EventType, Payout, PayoutStatus
from tests import policies
from tests.browser.test_payouts import act, page_of, request_payout
from tests.factories import StaffFactory, WalletFactory
from tests.payouts.rounds import event_types, submit_due

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]


@pytest.fixture
def two_above_1000():
    large = policies.require(
        2, "More than 1,000", group="Approver", amounts={"payout": {"above": "1000"}}
    )
    rules = [policies.require(1, "Every payout", group="Approver"), large]
    document = policies.with_values({**policies.LENIENT, "rules": rules}, delay_seconds=120)
    policies.put_in_force(document, [StaffFactory(), StaffFactory()])


@pytest.mark.usefixtures("two_above_1000")
def test_two_approve_what_is_large_an_edit_voids_the_first_and_one_undoes_it_in_time(
    visitor, account, heleket_client, sandbox, clock
):
    rosa, amira, arno = visitor("Requester"), visitor("Approver"), visitor("Approver")
    payout = request_payout(rosa, WalletFactory(), "1500")

    def send():
        submit_due(1, heleket_client, account)
        return sandbox.order_ids

    def status():
        return Payout.objects.get(pk=payout.pk).status

    amira.go(page_of(payout))
    assert amira.reads("It takes 2 approvals from Approver; none yet.")
    assert amira.reads("More than 1,000 USD: 2 approvals from Approver. Here: 1,500.00 USD.")
    act(amira, payout, "Approve")
    arno.go(page_of(payout))
    assert arno.reads("It takes 2 approvals from Approver; 1 is given.")
    assert arno.reads("1 from Approver could give it:")
    assert (status(), send()) == (PayoutStatus.PENDING, [])

    rosa.go(page_of(payout, "edit"))
    rosa.page.fill("[name=amount]", "1600")
    rosa.page.fill("[name=reason]", "The invoice says 1,600")
    rosa.press("Save the change")
    arno.go(page_of(payout))
    assert arno.reads("It takes 2 approvals from Approver; none yet.")
    assert arno.reads("had approved it. Void: Changed")
    assert arno.reads("1500 USDT → 1600 USDT")

    act(arno, payout, "Approve")
    assert (status(), send()) == (PayoutStatus.PENDING, [])
    act(amira, payout, "Approve")
    arno.go(page_of(payout))
    assert arno.reads("It is approved and goes out at 09:02:00.")
    assert arno.page.get_by_role("link", name="Undo my approval").count() == 1
    clock.forward(seconds=119)
    assert send() == []
    act(arno, payout, "Undo my approval")

    assert status() == PayoutStatus.PENDING
    clock.forward(hours=1)
    assert send() == []
    amira.go(page_of(payout))
    assert amira.reads("An approval of it was undone: “The client asked for it.”")
    assert amira.reads("It takes 2 approvals from Approver; 1 is given.")
    assert event_types(payout)[-1] == EventType.UNDO
    assert Payout.objects.get().attempts.count() == 0
    assert rosa.complaints + amira.complaints + arno.complaints == []
