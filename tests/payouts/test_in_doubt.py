"""One like a payout that people took for not paid takes two approvals, while that is watched."""

from datetime import timedelta
from decimal import Decimal

import pytest

from audit.actor import Actor, Channel
from payouts import explain, operations
from payouts.known import Known
from payouts.models import Approval, Attempt, Discrepancy, PayoutStatus
from payouts.notices import notices_for
from payouts.seen import see
from tests.factories import PayoutFactory, WalletFactory
from tests.payouts.rounds import now

pytestmark = pytest.mark.django_db

OTHER_ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


@pytest.fixture
def unpaid(office):
    """A payout that two people have taken for not paid."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.add_foreign_payout(
        order_id=payout.order_id("test"), amount="50", address=payout.address
    )
    office.submit()
    office.end(Discrepancy.objects.get(), Discrepancy.Outcome.NOT_PAID)
    return now(payout)


def test_g51_it_takes_two_approvers_and_is_paid_once_both_have_approved(office, unpaid):
    payout = PayoutFactory(wallet=unpaid.wallet)

    first = office.act("APPROVE", payout, role="Approver")

    assert first.done
    assert first.text.startswith("Approved by you. It needs more approvals: 1 from ")
    waiting = now(payout)
    assert waiting.status == PayoutStatus.PENDING
    explained = explain.explain(waiting)
    assert "It needs more approvals: 1 from anyone" in explained.sentence
    amira = office.person("Approver")
    assert explained.who == f"Another approver who had no hand in it: {amira} has approved it."
    assert office.submit() == 0
    again = office.act("APPROVE", payout, role="Approver")
    assert (again.done, again.code) == (False, "approved_by_you")
    assert Approval.objects.filter(payout=payout).count() == 1

    assert office.act("APPROVE", payout, role="Second Approver").done
    office.work(minutes=5)
    assert now(payout).status == PayoutStatus.CONFIRMED


@pytest.mark.parametrize("alike", ["amount", "address"])
def test_g51_the_same_sum_or_the_same_address_is_alike(office, unpaid, alike):
    wallet, amount = unpaid.wallet, 7
    if alike == "amount":
        wallet = WalletFactory(client=unpaid.client, address=OTHER_ADDRESS)
        amount = unpaid.amount
    payout = PayoutFactory(wallet=wallet, amount=amount)

    office.act("APPROVE", payout, role="Approver")

    assert now(payout).status == PayoutStatus.PENDING


def test_g51_others_take_one_approval(office, unpaid):
    of_another_client = PayoutFactory()
    wallet = WalletFactory(client=unpaid.client, address=OTHER_ADDRESS)
    of_another_sum = PayoutFactory(wallet=wallet, amount=7)

    for payout in (of_another_client, of_another_sum):
        office.approve(payout)
        assert now(payout).status == PayoutStatus.APPROVED
    office.clock.time += timedelta(days=31)
    late = PayoutFactory(wallet=unpaid.wallet)
    office.approve(late)
    assert now(late).status == PayoutStatus.APPROVED


def test_g51_what_one_person_approved_before_goes_back_to_the_approvers(office):
    taken, waits = (PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(2))
    waits = PayoutFactory(wallet=taken.wallet, status=PayoutStatus.APPROVED)
    office.sandbox.add_foreign_payout(
        order_id=taken.order_id("test"), amount="50", address=taken.address
    )
    office.submit(limit=1)
    office.end(Discrepancy.objects.get(), Discrepancy.Outcome.NOT_PAID)

    office.submit()

    assert now(waits).status == PayoutStatus.PENDING
    assert waits.order_id("test") not in office.sandbox.order_ids


def test_g51_who_approved_first_may_reject_it_then(office, unpaid):
    payout = PayoutFactory(wallet=unpaid.wallet)
    office.act("APPROVE", payout, role="Approver")

    assert office.act("REJECT", payout, role="Approver", reason="Wrong").done

    assert now(payout).status == PayoutStatus.REJECTED
    given, rejected = Approval.objects.filter(payout=payout).order_by("pk")
    assert given.voided_at
    assert (rejected.decision, rejected.voided_at) == ("rejected", None)


# What Heleket and the desk differ about, or it paid after all


def contradicted(office):
    """A payout that failed, and that Heleket then says it has paid."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=5)
    office.sandbox.force_status("paid", is_final=True, order_id=payout.order_id("test"))
    Attempt.objects.update(watch_at=office.clock())
    office.work(minutes=1)
    office.sandbox.set_fate("paid")
    return payout, Discrepancy.objects.open().get()


@pytest.mark.parametrize("outcome", ["", "left", "as_heleket"])
def test_g51_a_second_one_like_what_heleket_paid_after_all_is_shown_and_takes_two(office, outcome):
    payout, found = contradicted(office)
    if outcome:
        office.end(found, outcome, reopens_at=office.clock() + timedelta(days=30))
    again = PayoutFactory(wallet=payout.wallet, requested_at=office.clock())

    code = "paid_after_all_before" if outcome == "as_heleket" else "differed"
    assert (code, (payout,)) in shown(again)
    office.act("APPROVE", again, role="Approver")
    office.work(minutes=10)

    assert now(again).status == PayoutStatus.PENDING
    assert office.sandbox.order_ids == [payout.order_id("test")]


def shown(payout):
    notices = notices_for(Known([now(payout)]))[payout.pk]
    return [(str(each.code), each.payouts) for each in notices]


def test_another_payout_of_a_client_names_what_heleket_and_the_desk_differ_about(office):
    payout, found = contradicted(office)
    other, foreign = (
        PayoutFactory(wallet=payout.wallet, amount=Decimal(77)),
        PayoutFactory(amount=77),
    )
    assert foreign.client != payout.client

    assert ("client_differs", (payout,)) in shown(other)
    assert "client_differs" not in dict(shown(foreign)) | dict(shown(payout))
    assert Known([other]).in_doubt == set()
    office.end(found, "as_heleket")
    assert "client_differs" not in dict(shown(other))


def test_g51_what_people_found_not_paid_names_itself_in_its_own_words(office, unpaid):
    other = PayoutFactory(wallet=unpaid.wallet)
    assert office.act("RETRY", unpaid, role="Third Operator", reason="Again").done

    assert ("taken_for_unpaid", (unpaid,)) in shown(other)
    assert ("own_try_unpaid", ()) in shown(unpaid)


def test_g51_an_edit_of_what_was_taken_for_not_paid_lifts_no_doubt(office, unpaid):
    other = PayoutFactory(wallet=unpaid.wallet)
    assert Known([other]).in_doubt == {other.pk}
    assert office.act("RETRY", unpaid, role="Third Operator", reason="Again").done
    [seen] = see([now(unpaid)])
    elsewhere = WalletFactory(client=unpaid.client, address=OTHER_ADDRESS)
    edit = operations.Edit(wallet=elsewhere, currency="USDT", amount=Decimal(7), purpose="Prize")
    by = Actor.staff(office.person("Requester"), Channel.ADMIN)
    operations.edit_payout(seen, edit, reason="Other", actor=by)

    assert Known([other]).in_doubt == {other.pk}


@pytest.mark.parametrize("outcome", ["", "left"])
def test_g51_nothing_is_tried_again_about_which_heleket_and_the_desk_differ(office, outcome):
    payout, found = contradicted(office)
    if outcome:
        office.end(found, outcome, reopens_at=office.clock() + timedelta(days=30))

    refused = office.act("RETRY", payout, role="Third Operator", reason="Again")

    assert (refused.done, refused.code) == (False, "open_discrepancy")
    assert now(payout).status == PayoutStatus.FAILED
