"""The payouts proof: ours = journal = Heleket's list, by Heleket's day, to the last unit."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from payouts.books import overview, payout_proof
from payouts.days import begins_at
from payouts.gateway.models import Binding
from payouts.models import Attempt, Discrepancy
from payouts.reconciliation.models import DaySum, ListedDay
from payouts.reconciliation.runs import reconcile
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory
from tests.reconciliation.conftest import WORKER

pytestmark = pytest.mark.django_db

FRIDAY, SATURDAY = date(2026, 10, 30), date(2026, 10, 31)


def coin(day=FRIDAY, currency="USDT"):
    [found] = [each for each in of_day(day).coins if each.currency == currency]
    return found


def of_day(day=FRIDAY):
    return payout_proof.of_span(day, day)[day]


def codes(day=FRIDAY):
    [found] = overview.days_of(day, day)
    return [str(each.code) for each in found.why]


@pytest.fixture
def friday(books):
    """Three payouts: paid, failed, and paid."""
    books.read()
    for amount, fate in [("5.00000001", "paid"), ("7", "final_fail"), ("11.00000002", "paid")]:
        books.pay(amount, fate=fate)
        books.settle()
    books.at("2026-10-31 00:00:30")
    books.read()
    books.at("2026-10-31 04:00:00")
    return books


def test_a_day_agrees_to_the_last_unit_on_all_sides(friday):
    friday.list_days(FRIDAY)
    found = coin()

    assert (found.ours.paid.count, found.ours.paid.total) == (2, Decimal("16.00000003"))
    assert (found.ours.failed.count, found.ours.failed.total) == (1, 7)
    assert found.journal == Decimal("16.00000003")
    assert found.journal_fees == found.ours.fees == 2
    assert not found.differs
    assert of_day().agrees
    assert codes() == []


def test_a_day_is_not_proven_before_its_list_was_read_whole_after_its_end(friday):
    assert codes() == ["list_not_read"]
    friday.list_days(FRIDAY)
    ListedDay.objects.update(read_at=begins_at(SATURDAY) - timedelta(seconds=1))
    assert codes() == ["list_not_read"]
    ListedDay.objects.update(read_at=begins_at(SATURDAY), is_whole=False)
    assert codes() == ["list_not_read"]
    ListedDay.objects.update(is_whole=True)

    assert codes() == []


@pytest.mark.parametrize("column", ["paid_sum", "failed_sum"])
def test_one_unit_more_in_heleket_s_list_is_a_difference(friday, column):
    friday.list_days(FRIDAY)
    row = DaySum.objects.get()
    setattr(row, column, getattr(row, column) + Decimal("0.00000001"))
    row.save()

    assert coin().rest.total == Decimal("0.00000001")
    assert codes() == ["payouts_differ"]


def test_a_payout_that_the_list_calls_paid_and_we_failed_differs_though_the_sums_agree(friday):
    friday.list_days(FRIDAY)
    row = DaySum.objects.get()
    row.paid_count, row.failed_count = 3, 0
    row.paid_sum, row.failed_sum = row.paid_sum + 7, 0
    row.save()

    assert not coin().rest
    assert coin().rests["paid"].count == 1
    assert codes() == ["payouts_differ"]


def test_what_the_journal_lacks_is_a_difference(friday):
    friday.list_days(FRIDAY)
    found = coin()
    found.journal -= Decimal("0.00000001")

    assert found.differs
    assert found.journal_rest == Decimal("-0.00000001")


def test_a_payout_without_a_final_word_keeps_its_day_open(books):
    books.read()
    books.pay("5")
    books.at("2026-10-31 00:00:30")
    books.read()
    books.list_days(FRIDAY)
    assert codes() == ["payouts_under_way"]
    books.settle()
    books.list_days(FRIDAY)

    assert codes() == []


def test_a_payout_of_nobody_here_is_a_line_of_its_own_with_its_discrepancy(friday, client):
    friday.list_days(FRIDAY)
    row = DaySum.objects.get()
    row.paid_count, row.paid_sum = row.paid_count + 1, row.paid_sum + 40
    row.save()
    assert codes() == ["payouts_differ"]
    found = Discrepancy.objects.create(
        kind=Discrepancy.Kind.FOREIGN,
        key="uuid-of-it",
        theirs={
            "uuid": "uuid-of-it",
            "amount": "40",
            "currency": "USDT",
            "status": "paid",
            "is_final": True,
            "created_at": "2026-10-30T15:00:00+03:00",
        },
        first_seen_at=friday.clock(),
        opened_at=friday.clock(),
    )
    assert codes() == ["differences_stand"]
    assert coin().foreign.paid.total == 40
    otto = friday.person("otto", "Auditor")
    Discrepancy.objects.update(owner=otto)
    client.force_login(otto)
    page = unmarked(client.get(reverse("admin:payouts_books_movement_day", args=["2026-10-30"])))
    assert "None of ours" in page
    assert reverse("admin:payouts_discrepancy_change", args=[found.pk]) in page
    assert ">otto<" in page
    Discrepancy.objects.update(
        closed_at=friday.clock(), closed_by=otto, outcome="explained", close_reason="A test"
    )

    assert codes() == []
    Discrepancy.objects.update(key=Attempt.objects.order_by("pk").first().uuid)
    assert not coin().foreign.everything


def test_a_discrepancy_of_a_payout_keeps_its_day_open_until_it_is_ended(friday):
    friday.list_days(FRIDAY)
    attempt = Attempt.objects.order_by("pk").first()
    DiscrepancyFactory(payout=attempt.payout, attempt=attempt, opened_at=friday.clock())

    assert codes() == ["differences_stand"]
    assert [each.attempt for each in payout_proof.discrepancies_of(FRIDAY)] == [attempt]
    assert payout_proof.discrepancies_of(SATURDAY) == []


def test_the_day_is_heleket_s_once_its_list_has_said_it(friday):
    """A call of the last second of a day may make a payout of the next."""
    first = Attempt.objects.order_by("pk").first()
    Attempt.objects.filter(pk=first.pk).update(created_there_at=begins_at(SATURDAY))

    assert coin(FRIDAY).ours.paid.total == Decimal("11.00000002")
    assert coin(SATURDAY).ours.paid.total == Decimal("5.00000001")


def test_an_earlier_try_counts_with_what_was_sent_then(friday):
    failed = Attempt.objects.get(remote_status="fail")
    payout = failed.payout
    payout.__class__.objects.filter(pk=payout.pk).update(generation=2, amount=Decimal(99))

    assert coin().ours.failed.total == 7
    assert coin().ours.failed.count == 1


def test_the_page_of_a_day_shows_both_proofs_side_by_side(friday, client):
    friday.list_days(FRIDAY)
    friday.sandbox.top_up("BTC", "0.5")
    client.force_login(friday.person())
    page = client.get(reverse("admin:payouts_books_movement_day", args=["2026-10-30"]))
    page = re.sub("<[^>]+>", "", page.content.decode())

    assert "the journal and Heleket's list agree to the last unit." in page
    assert "It adds up to the last unit." in page
    assert "16.00000003" in page
    assert "999981.99999997" in page


def test_a_list_as_it_is_really_read_proves_a_day_but_for_what_is_foreign(books):
    books.read()
    for amount in ("5.00000001", "7"):
        books.pay(amount)
        books.settle()
    books.sandbox.add_foreign_payout(amount="40")
    books.at("2026-10-31 00:00:30")
    books.read()
    books.at("2026-10-31 02:00:00")
    Binding.objects.update(history_before=None)
    office = books.office
    reconcile(FRIDAY, FRIDAY, office.client, office.account, actor=WORKER)

    assert coin().theirs.everything.count == 3
    assert coin().foreign.everything.total == 40
    assert coin().rest.total == 0
    assert coin().ours.paid.total == coin().journal == Decimal("12.00000001")
    assert codes() == ["differences_stand", "payouts_under_way", "to_be_explained"]
