"""The journal and its accounts in the Admin, as files, and on a payout's page."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from audit import chain
from audit.models import DeskEvent
from payouts.models import AccountRule, ClosedMonth, Entry, Posting
from tests.every_page import unmarked
from tests.factories import (
    AttemptFactory,
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    open_journal,
)

pytestmark = pytest.mark.django_db

JOURNAL, TAKE = (reverse(f"admin:payouts_entry_{name}") for name in ("changelist", "take"))
ACCOUNTS, ADD = (reverse(f"admin:payouts_accountrule_{name}") for name in ("changelist", "add"))


@pytest.fixture
def booked(clock):
    """Two payouts in the journal: one paid in February, which is closed, and one approved now."""
    ClosedMonth.objects.create(month=date(2026, 2, 1), closed_at=clock())
    for coin in ("USDT", "TRX"):
        PayoutMethodFactory(currency=coin)
    paid = PayoutFactory(status="confirmed", finished_at=clock(), reference_rate=1)
    at = clock().replace(month=2, day=27)
    AttemptFactory(payout=paid, created_there_at=at, commission=Decimal("0.5"))
    approved = PayoutFactory(status="approved", currency="TRX")
    open_journal(paid, approved)
    return paid, approved


@pytest.fixture
def log_in(client):
    def log_in(*roles):
        person = StaffFactory(roles=roles)
        client.force_login(person)
        return person

    return log_in


@pytest.mark.parametrize("role", ["Accountant", "Auditor"])
def test_the_journal_shows_what_was_posted_and_where_it_counts(client, log_in, booked, role):
    log_in(role)
    paid, approved = booked
    page = unmarked(client.get(JOURNAL))
    assert f"{paid}</a>" in page
    assert "March 2026, as February 2026 is closed" in page
    assert "assets:heleket" in page

    only = unmarked(client.get(JOURNAL, {"coin": "TRX"}))
    assert f"{approved}</a>" in only
    assert f"{paid}</a>" not in only
    for search in (str(paid), "assets:heleket"):
        found = unmarked(client.get(JOURNAL, {"q": search}))
        assert f"{paid}</a>" in found
        assert f"{approved}</a>" not in found
    assert f"{paid}</a>" in unmarked(client.get(JOURNAL, {"month": "2026-03"}))
    assert "Nothing fits" in unmarked(client.get(JOURNAL, {"month": "2026-04"}))
    detail = reverse("admin:payouts_entry_change", args=[Entry.objects.get(payout=paid).pk])
    assert "expenses:heleket fees" in unmarked(client.get(detail))


def test_an_empty_journal_says_what_begins_it(client, log_in):
    log_in("Accountant")
    assert "the first approval of a payout begins it" in unmarked(client.get(JOURNAL))
    assert "postings get the usual ones" in unmarked(client.get(ACCOUNTS))


@pytest.mark.parametrize("role", ["Requester", "Approver", "Operator", "Support", "User manager"])
def test_others_see_no_books_and_take_none(client, log_in, booked, role):
    log_in(role)
    for url in (JOURNAL, TAKE, ACCOUNTS, ADD):
        assert client.get(url).status_code == 403, url
    assert client.post(TAKE, {"month": "2026-03", "file_format": "csv"}).status_code == 403
    assert not DeskEvent.objects.filter(event_type="export").exists()


def test_a_month_is_taken_home_as_csv(client, log_in, booked):
    person = log_in("Accountant")
    answer = client.post(TAKE, {"month": "2026-03", "file_format": "csv"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == Posting.objects.count() == 5
    assert {row["Closed month of its day"] for row in rows} == {"2026-02", ""}
    for coin in ("USDT", "TRX"):
        sides = [
            sum(Decimal(row[side] or 0) for row in rows if row["Currency"] == coin)
            for side in ("Debit", "Credit")
        ]
        assert sides[0] == sides[1] > 0
    event = DeskEvent.objects.get(event_type="export")
    assert (event.person, event.facts["what"], event.facts["month"]) == (
        person,
        "journal",
        "2026-03",
    )


def test_some_days_are_taken_home_by_their_own_day(client, log_in, booked):
    log_in("Auditor")
    days = {"from_day": "2026-02-01", "to_day": "2026-02-28", "file_format": "hledger"}
    text = b"".join(client.post(TAKE, days).streaming_content).decode()
    assert "2026-03-01 (" in text
    assert "day:2026-02-27" in text
    assert "TRX" not in text
    page = unmarked(client.post(TAKE, {"from_day": "2026-02-01", "file_format": "csv"}))
    assert "Choose a month, or say the first and the last day." in page


def test_an_account_is_added_and_changed_with_an_event_of_each(client, log_in):
    person = log_in("Accountant")
    asked = {"kind": "owed", "currency": "", "group": "", "category": "", "is_active": "on"}
    client.post(ADD, {**asked, "account": "2000", "cost_centre": "North"})
    rule = AccountRule.objects.get()
    change = reverse("admin:payouts_accountrule_change", args=[rule.pk])
    client.post(change, {**asked, "account": "2100", "cost_centre": "North"})

    assert AccountRule.objects.get().account == "2100"
    events = DeskEvent.objects.order_by("number")
    assert [each.event_type for each in events] == ["add_account", "change_account"]
    assert events[1].facts.items() >= {"account": "2100", "old_account": "2000"}.items()
    assert events[1].person == person
    assert chain.first_broken(events) is None
    log_in("Auditor")
    assert "2100" in unmarked(client.get(ACCOUNTS))
    assert client.post(change, {**asked, "account": "9"}).status_code == 403
    assert AccountRule.objects.get().account == "2100"


def test_a_second_account_for_the_same_case_and_an_unfit_code_are_refused(client, log_in):
    log_in("Accountant")
    AccountRule.objects.create(kind="owed", account="2000")
    asked = {"kind": "owed", "currency": "", "group": "", "category": "", "is_active": "on"}
    page = unmarked(client.post(ADD, {**asked, "account": "2100"}))
    assert "There is an account for this case already." in page
    page = unmarked(client.post(ADD, {**asked, "kind": "cost", "account": "a  b"}))
    assert "Letters, digits and single blanks" in page
    assert AccountRule.objects.count() == 1
    assert not DeskEvent.objects.filter(event_type="add_account").exists()


@pytest.mark.parametrize(("role", "sees"), [("Accountant", True), ("Approver", False)])
def test_a_payouts_page_shows_its_postings_to_who_sees_the_books(
    client, log_in, booked, role, sees
):
    log_in(role)
    paid, _approved = booked
    page = unmarked(client.get(reverse("admin:payouts_payout_change", args=[paid.pk])))
    assert ("assets:heleket" in page) == sees
