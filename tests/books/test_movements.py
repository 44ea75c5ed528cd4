"""Entering what moves balances beside payouts: one by one, or by a file that is right."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse

from audit.models import DeskEvent
from audit.refusals import Refused
from payouts.books import movements
from payouts.books.models import Movement
from tests.audit.tampering import codes, drop, findings, sql, undone
from tests.every_page import unmarked

pytestmark = pytest.mark.django_db

FRIDAY = date(2026, 10, 30)
HEAD = "day,coin,direction,amount,category,evidence"
GOOD = "2026-10-30,USDT,in,250.00000001,customer,Invoice 17"
LIST = reverse("admin:payouts_books_movement_changelist")
FILE = reverse("admin:payouts_books_movement_file")
ENTER_FILE = reverse("admin:payouts_books_movement_file_confirm")
ENTER = reverse("admin:payouts_books_movement_enter")


@pytest.fixture
def desk(books, client):
    client.force_login(books.person())
    return books


def upload(client, *lines, name="october.csv"):
    content = "\n".join([HEAD, *lines, ""]).encode()
    return client.post(FILE, {"file": SimpleUploadedFile(name, content)})


def confirm(client, page, name="october.csv"):
    sha256 = page.context["plan"].sha256
    return client.post(ENTER_FILE, {"sha256": sha256, "name": name}, follow=True)


def cells(**more):
    data = {
        "currency": "USDT",
        "direction": "in",
        "amount": "250.00000001",
        "category": "top_up",
        "day": "2026-10-30",
        "evidence": "Bank statement 9",
    }
    return data | more


def test_one_is_entered_with_its_document_and_sealed(desk, client):
    document = SimpleUploadedFile("statement.pdf", b"%PDF of the bank")
    page = client.post(ENTER, cells(file=document), follow=True)

    assert "Entered: in 250.00000001 USDT." in unmarked(page)
    row = Movement.objects.get()
    assert (row.day, row.happened_on, row.signed) == (FRIDAY, FRIDAY, Decimal("250.00000001"))
    assert row.entered_by == desk.person()
    event = DeskEvent.objects.get(event_type="add_movement")
    assert event.facts["sha256"] == row.sha256
    assert event.facts["evidence"] == "Bank statement 9"
    link = reverse("admin:payouts_books_movement_document", args=[row.pk])
    assert link in client.get(LIST).content.decode()
    assert client.get(link).content == b"%PDF of the bank"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "1,5"},
        {"amount": "0.000000001"},
        {"amount": "NaN"},
        {"evidence": ""},
        {"evidence": "two\nlines"},
        {"currency": "XYZ"},
        {"direction": "sideways"},
        {"category": "gift"},
        {"day": "2026-10-31"},
        {"day": "yesterday"},
        {"happened_on": "2026-10-31"},
    ],
)
def test_what_is_not_right_is_not_entered(desk, client, wrong):
    assert client.post(ENTER, cells(**wrong)).status_code == 200

    assert not Movement.objects.exists()
    assert not DeskEvent.objects.filter(event_type="add_movement").exists()


def test_it_is_never_changed_or_deleted_and_taken_back_once(desk, client):
    row = desk.enter(FRIDAY, "-5", "fee")
    for act in (lambda: Movement.objects.update(amount=6), Movement.objects.all().delete):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
    url = reverse("admin:payouts_books_movement_take_back", args=[row.pk])
    assert client.post(url, {"reason": ""}).status_code == 200
    assert Movement.objects.count() == 1
    client.post(url, {"reason": "Entered twice"})

    counter = Movement.objects.get(takes_back=row)
    assert (counter.signed, counter.evidence, counter.day) == (5, "Entered twice", FRIDAY)
    for again in (row, counter):
        with pytest.raises(Refused):
            movements.take_back(again.pk, "Again", actor=desk.actor())
    assert Movement.objects.count() == 2


def test_a_file_is_shown_first_and_entered_once(desk, client):
    page = upload(client, GOOD, "2026-10-30,USDT,out,3,fee,“Fee”")
    assert "2 movements would be entered" in unmarked(page)
    assert not Movement.objects.exists()
    assert "2 movements entered." in unmarked(confirm(client, page))
    assert sum(each.signed for each in Movement.objects.all()) == Decimal("247.00000001")

    again = upload(client, GOOD, "2026-10-30,USDT,out,3,fee,“Fee”", name="copy.csv")
    assert "This file was entered already" in unmarked(again)
    assert "was entered already" in unmarked(confirm(client, page))
    assert Movement.objects.count() == 2
    [event] = DeskEvent.objects.filter(event_type="add_movement")
    assert event.facts["count"] == "2"


def test_lines_that_were_entered_by_another_file_are_marked(desk, client):
    desk.enter(FRIDAY, "250.00000001", "customer")
    page = upload(client, GOOD, "2026-10-30,USDT,in,1,customer,Invoice 18")

    assert "1 of these was entered before" in unmarked(page)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2026-10-30,USDT,in,250", "It has 4 cells instead of 6"),
        ("30.10.2026,USDT,in,1,fee,x", "is no day like 2026-10-31"),
        ("2026-02-30,USDT,in,1,fee,x", "is no day like 2026-10-31"),
        ("2026-10-31,USDT,in,1,fee,x", "2026-10-31 is still to come"),
        ("2026-10-30,usdt,in,1,fee,x", "There is no coin “usdt” here"),
        ("2026-10-30,USDT,IN,1,fee,x", "is none of: in, out"),
        ('2026-10-30,USDT,in,"1,5",fee,x', "There is a comma in the amount"),
        ("2026-10-30,USDT,in,1e3,fee,x", "There is an exponent"),
        ("2026-10-30,USDT,in, 1 ,Fee,x", "is none of: customer"),
        ("2026-10-30,USDT,in,1,fee,", "Say why"),
        ('2026-10-30,USDT,in,1,fee,"x', "unexpected end of data"),
        ("2026-10-30,USDT,in,1,fee,x\u202ey", "Use one line of text that can be seen"),
        ("", "It has 0 cells instead of 6"),
    ],
)
def test_the_first_bad_line_refuses_the_whole_file_and_is_named(desk, client, line, why):
    page = unmarked(upload(client, GOOD, line)).replace("&#x27;", "'").replace("&quot;", '"')

    assert "Line 3: " in page
    assert why in page
    assert "Nothing was entered." in page
    assert not Movement.objects.exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"day,coin\n", 1),
        (HEAD.encode(), 2),
        (f"{HEAD}\n{GOOD}\n".encode("utf-16"), 1),
        (f"{HEAD}\n{GOOD}\0\n".encode(), 2),
        (f"{HEAD}\n{GOOD}\n".encode() + b"\xff\n", 3),
    ],
)
def test_what_is_no_file_of_movements_is_refused(desk, client, content, line):
    page = client.post(FILE, {"file": SimpleUploadedFile("x.csv", content or b"\n")})

    assert f"Line {line}: " in unmarked(page)
    assert not Movement.objects.exists()


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "0" * 64, "\0"])
def test_a_made_up_file_is_not_entered(desk, client, sha256):
    page = client.post(ENTER_FILE, {"sha256": sha256, "name": "x"}, follow=True)

    assert page.status_code in (200, 400)
    assert not Movement.objects.exists()


@pytest.mark.parametrize("role", ["Auditor", "Operator", "Policy manager"])
def test_only_accountants_enter(books, client, role):
    row = books.enter(FRIDAY, "1")
    client.force_login(books.person("olga", role))
    back = reverse("admin:payouts_books_movement_take_back", args=[row.pk])

    for url in (ENTER, FILE, ENTER_FILE, back):
        assert client.post(url, cells()).status_code == 403
    assert client.get(LIST).status_code == (200 if role == "Auditor" else 403)
    assert Movement.objects.count() == 1


def test_a_line_to_be_explained_leads_to_its_form_filled_in(desk, client):
    desk.read()
    desk.sandbox.top_up("USDT", "12.5")
    desk.read()
    page = client.get(reverse("admin:payouts_books_movement_day", args=["2026-10-30"]))
    assert "To be explained" in page.content.decode()
    link = f"{ENTER}?currency=USDT&amp;day=2026-10-30&amp;direction=in&amp;amount=12.5"
    assert link in page.content.decode()
    form = client.get(link.replace("&amp;", "&")).content.decode()

    assert 'value="12.5"' in form
    assert 'value="2026-10-30"' in form


def test_a_coin_has_a_picture_with_its_movements_marked(desk, client):
    for amount in ("1", "2", "4"):
        desk.read()
        desk.sandbox.top_up("USDT", amount)
    desk.read()
    desk.enter(FRIDAY, "7", "customer")
    page = client.get(reverse("admin:payouts_books_movement_coin", args=["USDT"]))

    assert "<polyline" in page.content.decode()
    assert "2026-10-30: in 7 USDT, Customer" in unmarked(page)
    assert client.get(reverse("admin:payouts_books_movement_coin", args=["XXX"])).status_code == 404


def test_a_movement_that_was_changed_or_taken_away_past_the_desk_is_found(desk, client):
    single = desk.enter(FRIDAY, "5")
    desk.enter(FRIDAY, "-3", "transfer_out")
    movements.take_back(single.pk, "Twice", actor=desk.actor())
    confirm(client, upload(client, GOOD, GOOD))
    assert Movement.objects.count() == 5
    assert findings("--only", "movements") == []

    table = "payouts_books_movement"
    with undone():
        sql(*drop(table, "fixed"), f"UPDATE {table} SET evidence = 'x' WHERE id = {single.pk}")
        assert codes(findings("--only", "movements")) == {"movement_unsealed", "movement_gone"}
    for gone in ("evidence = 'Twice'", "file_line = 3"):
        with undone():
            sql(*drop(table, "kept"), f"DELETE FROM {table} WHERE {gone}")
            assert codes(findings("--only", "movements")) == {"movement_gone"}, gone
