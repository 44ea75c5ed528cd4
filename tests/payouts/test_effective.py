"""Whether a payout counts as paid where Heleket goes back on its word, try by try."""

import random
from decimal import Decimal

import pytest
from django.db import connection

from audit.actor import Actor, Channel
from payouts import operations
from payouts.admin.export_cells import PAYOUT_HEAD, payouts_in_cells
from payouts.client_sentences import sentence_for_client
from payouts.known import Known
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from payouts.notices import NoticeCode, notices_for
from payouts.seen import see
from payouts.webhooks import request_check
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import now
from tests.payouts.test_outcomes import OTHER_ADDRESS, Outcome, look_again

pytestmark = pytest.mark.django_db


@pytest.fixture
def payout(unchecked_office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


@pytest.fixture
def office(unchecked_office, payout):
    """One whose invariants do not hold, as here Heleket pays what it said it had not."""
    return unchecked_office


def send(office, fate="paid"):
    office.sandbox.set_fate(fate)
    office.work(minutes=20)


def retry(office, payout, **edit):
    assert office.act("RETRY", payout, role="Third Operator", reason="Once more").done
    if edit:
        asked = {"wallet": payout.wallet, "currency": "USDT", "amount": Decimal(5)}
        [seen] = see([now(payout)])
        requester = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
        wish = operations.Edit(**asked | edit, purpose="Prize")
        operations.edit_payout(seen, wish, reason="Better so", actor=requester)
    for role in ("Approver", "Second Approver"):
        office.act("APPROVE", payout, role=role)


def heleket_says(office, payout, status, *, of_try=1):
    """Heleket goes back on its final word, and a webhook has it asked."""
    order_id = payout.order_id("test", of_try)
    office.sandbox.force_status(status, is_final=True, order_id=order_id)
    look_at(office, of_try)


def look_at(office, of_try):
    Attempt.objects.filter(generation=of_try).update(watch_at=office.clock())
    office.work(minutes=1)


def people_agree(office, outcome=Outcome.AS_HELEKET):
    found = Discrepancy.objects.open().get()
    look_again(office, found)
    office.end(found, outcome)


def effective(payout):
    stored = now(payout)
    return stored.effective, stored.effective_amount


def test_b12_each_time_that_heleket_goes_back_on_its_word_is_shown(office, payout):
    send(office)
    for status, expected in [
        ("fail", ("not_paid", None)),
        ("paid", ("", None)),
        ("fail", ("not_paid", None)),
    ]:
        heleket_says(office, payout, status)
        people_agree(office)
        assert effective(payout) == expected
        look_at(office, 1)
        assert not Discrepancy.objects.open().exists()
    assert now(payout).status == PayoutStatus.CONFIRMED


def test_g51_what_was_taken_back_and_retried_counts_once_it_is_paid(office, payout):
    send(office, "final_fail")
    for status in ("paid", "fail"):
        heleket_says(office, payout, status)
        people_agree(office)
    assert (now(payout).status, *effective(payout)) == (PayoutStatus.FAILED, "", None)

    retry(office, payout)
    send(office)

    assert (now(payout).status, *effective(payout)) == (PayoutStatus.CONFIRMED, "", None)
    twin = PayoutFactory(wallet=payout.wallet)
    codes = {notice.code for notice in notices_for(Known([twin]))[twin.pk]}
    assert NoticeCode.LIKELY_DUPLICATE in codes
    assert now(payout).counts_as_paid


@pytest.fixture
def paid_by_its_first_try(office, payout):
    """Two tries failed, and then Heleket paid the first one."""
    send(office, "final_fail")
    retry(office, payout)
    send(office, "final_fail")
    heleket_says(office, payout, "paid")
    people_agree(office)
    assert effective(payout) == ("paid", 5)
    return payout


@pytest.mark.parametrize("word", ["the same again", "a late one"])
def test_g51_what_is_said_of_one_try_says_nothing_of_another(office, paid_by_its_first_try, word):
    if word == "a late one":
        second = Attempt.objects.get(generation=2)
        with connection.cursor() as cursor:
            at = connection.ops.adapt_datetimefield_value(office.clock())
            request_check(second, "process", cursor, at)
        office.work(minutes=1)
    else:
        look_at(office, 2)

    assert not Discrepancy.objects.open().exists()
    assert effective(paid_by_its_first_try) == ("paid", 5)


def test_clients_and_files_name_the_transaction_of_the_try_that_was_paid(paid_by_its_first_try):
    payout = now(paid_by_its_first_try)
    txid = Attempt.objects.get(generation=1).txid
    Attempt.objects.filter(generation=2).update(txid="another")

    assert txid in sentence_for_client(payout)
    [cells] = payouts_in_cells([payout])
    assert dict(zip(PAYOUT_HEAD, cells, strict=True))["Transaction"] == txid


def test_b12_what_an_earlier_try_was_paid_and_is_taken_back_is_shown(office, paid_by_its_first_try):
    payout = paid_by_its_first_try

    heleket_says(office, payout, "fail")

    assert Discrepancy.objects.open().get().kind == Discrepancy.Kind.CONTRADICTION
    people_agree(office)
    assert effective(payout) == ("", None)


def test_g51_each_try_that_was_paid_counts(office, payout):
    send(office, "final_fail")
    retry(office, payout)
    send(office, "final_fail")
    retry(office, payout)
    send(office)
    for number, sum_in_all in [(1, 10), (2, 15)]:
        heleket_says(office, payout, "paid", of_try=number)
        people_agree(office)
        assert effective(payout) == ("paid", sum_in_all)

    heleket_says(office, payout, "fail")
    people_agree(office)
    assert effective(payout) == ("paid", 10)


def test_g51_what_an_earlier_try_paid_elsewhere_hides_no_proper_payment(office, payout):
    other = WalletFactory(client=payout.client, address=OTHER_ADDRESS)
    send(office, "final_fail")
    retry(office, payout, wallet=other, amount=Decimal(3))
    send(office)

    heleket_says(office, payout, "paid")
    people_agree(office)

    assert (now(payout).status, *effective(payout)) == (PayoutStatus.CONFIRMED, "", None)


@pytest.mark.parametrize("outcome", [Outcome.AS_HELEKET, Outcome.NOT_PAID])
def test_g51_what_was_paid_elsewhere_and_taken_back_may_be_retried(office, payout, outcome):
    order_id = payout.order_id("test")
    office.sandbox.add_foreign_payout(order_id=order_id, amount="5", address=OTHER_ADDRESS)
    office.submit()
    office.sandbox.force_status("paid", is_final=True, order_id=order_id)
    people_agree(office)
    assert effective(payout) == ("elsewhere", 5)

    heleket_says(office, payout, "fail")
    people_agree(office, outcome)

    assert effective(payout) == ("", None)
    assert office.act("RETRY", payout, role="Third Operator", reason="Once more").done
    assert Payout.objects.get().status == PayoutStatus.PENDING


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_g51_in_whatever_order_heleket_changes_its_mind_the_desk_has_its_sum(office, payout, seed):
    chance = random.Random(seed)
    for number in range(3):
        if number:
            retry(office, payout)
        send(office, "final_fail" if number < 2 else chance.choice(["final_fail", "paid"]))

    for _ in range(8):
        of_try, status = chance.randint(1, 3), chance.choice(["paid", "fail"])
        heleket_says(office, payout, status, of_try=of_try)
        if Discrepancy.objects.open().exists():
            people_agree(office)
        paid = sum(remote.amount for remote in office.sandbox.payouts if remote.status == "paid")
        stored = now(payout)
        assert stored.counts_as_paid == bool(paid)
        if paid:
            assert (stored.effective_amount or stored.amount) == paid
        look_at(office, chance.randint(1, 3))
        assert not Discrepancy.objects.open().exists()
