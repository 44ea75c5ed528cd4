"""Closing a month: once, in order, by two people on the same sums, and only with nothing open."""

import hashlib
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import heleket
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts.books import closing, month_file, movements, ours
from payouts.books.models import Closing
from payouts.days import begins_at, ends_at, span
from payouts.models.journal import ClosedMonth
from payouts.staff.models import JointAct
from tests.audit.tampering import findings
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory

pytestmark = pytest.mark.django_db

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
FRIDAY, SATURDAY = date(2026, 10, 30), date(2026, 10, 31)
BOOKS = reverse("admin:payouts_books_movement_books")


def url(page, *args):
    return reverse(f"admin:payouts_books_movement_{page}", args=args)


@pytest.fixture
def october(books):
    """The books begin on the 30th; two days with a payout each, both proven."""
    books.read()
    for text in ("2026-10-30 12:00:00", "2026-10-31 12:00:00"):
        books.at(text)
        books.pay("5.12345678")
        books.settle()
        books.read()
        books.at(text.replace("12:00:00", "23:00:00"))
    books.at("2026-10-31 00:00:30")
    books.read()
    books.at("2026-11-01 00:00:30")
    books.read()
    books.at("2026-11-01 04:00:00")
    books.list_days(FRIDAY, SATURDAY)
    return books


def as_person(client, books, name):
    client.force_login(books.person(name))


def post(client, page, **data):
    return client.post(url(page, "2026-10"), data, follow=True)


def propose(client, **more):
    seen = closing.state_of(OCTOBER).digest
    return post(client, "propose", **({"seen": seen, "reason": "Looked at all days"} | more))


def confirm(client, **more):
    data = {"proposal": JointAct.objects.latest("pk").pk, "seen": closing.state_of(OCTOBER).digest}
    return post(client, "confirm", **(data | more))


def close(books):
    return closing.close(OCTOBER, client=books.office.client, account=books.office.account)


def agree(client, books):
    as_person(client, books, "anna")
    propose(client)
    as_person(client, books, "boris")
    confirm(client)


def test_two_accountants_close_a_month_and_the_worker_writes_it(october, client):
    as_person(client, october, "anna")
    page = client.get(url("month", "2026-10")).content.decode()
    assert "Nothing is open" in page
    assert "Close month" in page
    assert "Proposed. Another person has to confirm it." in propose(client).content.decode()
    assert "another person has to confirm it" in confirm(client).content.decode()
    assert not Closing.objects.exists()

    as_person(client, october, "boris")
    assert "Looked at all days" in client.get(url("month", "2026-10")).content.decode()
    assert "Agreed. The month is being closed." in confirm(client).content.decode()
    assert list(closing.due()) == [OCTOBER]
    assert not ClosedMonth.objects.exists()
    close(october)

    [closed] = ClosedMonth.objects.all()
    assert (closed.proposed_by.username, closed.closed_by.username) == ("anna", "boris")
    assert closed.facts["payouts"]["USDT"] == {"paid": "10.24691356", "count": 2, "fees": "2"}
    assert closed.facts["coins"]["USDT"]["closing"] == "999987.75308644"
    assert list(closing.due()) == []
    event = DeskEvent.objects.get(event_type="close_month")
    assert event.facts["root"] == closed.root
    page = unmarked(client.get(url("month", "2026-10")))
    assert "Proposed by anna, confirmed by boris." in page
    file = client.get(url("month_document", "2026-10"))
    content = b"".join(file.streaming_content)
    assert hashlib.sha256(content).hexdigest() == closed.sha256
    with pytest.raises(Refused, match="closed already"):
        close(october)
    assert ClosedMonth.objects.count() == 1
    assert findings("--only", "months") == []


def test_a_month_with_something_open_is_not_closed_and_says_what(october, client):
    october.sandbox.top_up("USDT", "3")
    october.at("2026-11-01 05:00:00")
    october.read()
    attempt = ours.made_between(begins_at(FRIDAY), ends_at(FRIDAY)).get()
    found = DiscrepancyFactory(payout=attempt.payout, attempt=attempt)
    as_person(client, october, "anna")

    page = client.get(url("month", "2026-10")).content.decode()
    assert "What is open" in page
    assert "Discrepancies that nobody has ended: 1" in page
    assert "Propose to close" not in page
    answer = propose(client).content.decode()

    assert "2026-10 cannot be closed yet" in answer
    assert "2026-10-30: Discrepancies that nobody has ended: 1." in answer
    assert not JointAct.objects.filter(act="close_month").exists()
    assert found.closed_at is None


def test_g64_what_nobody_entered_keeps_the_month_open_until_it_is_entered(books, client):
    books.read()
    books.sandbox.top_up("USDT", "250.5")
    books.at("2026-10-31 00:00:30")
    books.read()
    books.at("2026-11-01 00:00:30")
    books.read()
    books.list_days(FRIDAY, SATURDAY)
    as_person(client, books, "anna")

    page = unmarked(client.get(url("month", "2026-10")))
    assert "To be explained: +250.5 USDT." in page
    assert "To be explained: +250.5 USDT." in unmarked(propose(client))
    assert not JointAct.objects.filter(act="close_month").exists()
    books.enter(FRIDAY, "250.5", "customer")

    assert closing.state_of(OCTOBER).may_close


def test_sums_that_changed_between_two_people_refuse_the_second(october, client):
    as_person(client, october, "anna")
    propose(client)
    as_person(client, october, "boris")
    seen = closing.state_of(OCTOBER).digest
    october.enter(FRIDAY, "1")
    october.enter(FRIDAY, "-1", "transfer_out")

    assert "changed" in confirm(client, seen=seen).content.decode()
    assert not Closing.objects.exists()
    page = client.get(url("month", "2026-10")).content.decode()
    assert "The sums have changed since" in page


def test_a_closing_killed_in_the_middle_is_done_again_and_never_half(october, client, monkeypatch):
    agree(client, october)

    def die(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(month_file, "write", die)
        with pytest.raises(KeyboardInterrupt):
            close(october)
    assert not ClosedMonth.objects.exists()
    assert list(closing.due()) == []  # its lease still runs
    with pytest.raises(Refused, match="being closed already"):
        close(october)
    october.clock.forward(minutes=11)
    assert list(closing.due()) == [OCTOBER]
    close(october)

    assert ClosedMonth.objects.count() == 1


def test_a_closing_that_fails_says_why_on_its_page_and_is_tried_again(october, client, monkeypatch):
    agree(client, october)

    def fail(*_args, **_options):
        raise heleket.OutcomeUnknown("no answer from the gateway")

    with monkeypatch.context() as patch:
        patch.setattr(month_file, "write", fail)
        closing.try_to_close(OCTOBER, client=october.office.client, account=october.office.account)
    assert not ClosedMonth.objects.exists()
    assert "no answer from the gateway" in client.get(url("month", "2026-10")).content.decode()
    assert list(closing.due()) == []
    october.clock.forward(minutes=16)

    assert list(closing.due()) == [OCTOBER]
    assert closing.try_to_close(
        OCTOBER, client=october.office.client, account=october.office.account
    )


def test_what_changed_after_two_agreed_keeps_the_month_open(october, client):
    agree(client, october)
    october.enter(FRIDAY, "7")

    with pytest.raises(Refused, match="To be explained"):
        close(october)
    assert not ClosedMonth.objects.exists()


def test_what_changes_while_the_file_is_written_keeps_the_month_open(october, client, monkeypatch):
    agree(client, october)
    write = month_file.write

    def write_meanwhile(*args, **options):
        october.enter(FRIDAY, "7")
        return write(*args, **options)

    monkeypatch.setattr(month_file, "write", write_meanwhile)
    with pytest.raises(Refused, match="To be explained"):
        close(october)
    assert not ClosedMonth.objects.exists()


def test_months_close_in_order_and_only_when_they_are_over(october, client):
    as_person(client, october, "anna")
    assert "2026-10 has to be closed first." in client.get(url("month", "2026-11")).content.decode()
    assert "is not over" in client.get(url("month", "2026-11")).content.decode()
    assert "Nothing of 2026-09" in client.get(url("month", "2026-09")).content.decode()


def test_the_next_month_begins_where_the_last_ended(october, client):
    agree(client, october)
    close(october)
    closed = ClosedMonth.objects.get()
    october.read()

    days = closing.state_of(NOVEMBER).days
    [opening] = [each.opening for each in days[0].periods if each.currency == "USDT"]
    assert opening.pk == closed.facts["closing"]["USDT"]


def test_a_correction_of_a_closed_month_goes_into_the_next(october, client):
    entered = october.enter(FRIDAY, "1")
    october.enter(FRIDAY, "-1", "transfer_out")
    agree(client, october)
    close(october)
    with pytest.raises(Refused, match="2026-10 is closed"):
        october.enter(FRIDAY, "2")
    counter = movements.take_back(entered.pk, "It was none", actor=october.actor())

    assert (counter.day, counter.happened_on) == (NOVEMBER, FRIDAY)
    assert october.enter(NOVEMBER, "2", happened_on=FRIDAY).happened_on == FRIDAY
    assert (
        closing.state_of(OCTOBER).digest
        == DeskEvent.objects.get(event_type="close_month").facts["facts"]
    )


@pytest.mark.parametrize("role", ["Operator", "Auditor", "Support"])
def test_only_accountants_close(october, client, role):
    client.force_login(october.person("otto", role))

    for page in ("propose", "confirm", "withdraw"):
        assert client.post(url(page, "2026-10"), {"proposal": "1"}).status_code == 403
    assert client.get(BOOKS).status_code == (200 if role == "Auditor" else 403)
    assert not JointAct.objects.filter(act="close_month").exists()


@pytest.mark.parametrize("month", ["2026-13", "26-10", "x", "2026-10-01"])
def test_a_made_up_month_or_day_is_not_found(books, client, month):
    as_person(client, books, "anna")

    assert client.get(url("month", month)).status_code == 404
    assert (
        client.get(url("day", month if month.count("-") < 2 else "2026-02-30")).status_code == 404
    )


def test_the_pages_cost_the_same_however_many_days_and_coins(october, client):
    as_person(client, october, "anna")

    def cost(page):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        return len(queries)

    pages = [f"{BOOKS}?month=2026-10", url("month", "2026-10"), url("day", "2026-10-31")]
    cost(pages[0])
    before = [cost(page) for page in pages]
    for coin in ("BTC", "ETH", "TRX"):
        october.sandbox.top_up(coin, "5")
    for day in span(date(2026, 11, 1), date(2026, 11, 20)):
        october.at(f"{day} 00:00:40")
        october.read()
    october.list_days(*span(date(2026, 11, 1), date(2026, 11, 19)))
    pages = [f"{BOOKS}?month=2026-11", url("month", "2026-11"), url("day", "2026-11-12")]

    assert [cost(page) for page in pages] <= before
