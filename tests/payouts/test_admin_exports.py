"""What people take home: the list as filtered, and who approved what."""

import csv
import hashlib
import json
from datetime import timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from audit.version import VERSION
from payouts import operations
from payouts.admin import exports
from payouts.models import Attempt, Payout, PayoutStatus
from payouts.seen import see
from payouts.staff.roles import ROLES
from tests.factories import ClientFactory, PayoutFactory, StaffFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
EXPORT = reverse("admin:payouts_payout_export")
APPROVALS = reverse("admin:payouts_payout_approvals")


@pytest.fixture
def log_in(client):
    def log_in(*roles, **more):
        person = StaffFactory(roles=roles, **more)
        client.force_login(person)
        return person

    return log_in


def lines_of(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def do(operation, payout, person, reason=""):
    actor = Actor.staff(person, Channel.ADMIN)
    [outcome] = perform(
        operation, see([Payout.objects.get(pk=payout.pk)]), actor=actor, reason=reason
    )
    assert outcome.done, outcome


def test_the_list_is_taken_home_as_it_is_filtered(client, log_in, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    auditor = log_in("Auditor")
    payouts = [PayoutFactory(amount=Decimal(f"{number}.5")) for number in range(1, 6)]
    PayoutFactory(status=PayoutStatus.CONFIRMED)

    response = client.post(f"{EXPORT}?queue=waiting&amount_from=2&o=-5&past=3&p=1")
    lines = lines_of(response)

    assert [line["Payout"] for line in lines] == [str(payout) for payout in payouts[:0:-1]]
    assert [line["Amount"] for line in lines] == ["5.5", "4.5", "3.5", "2.5"]
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="payouts-20')
    event = DeskEvent.objects.get(event_type="export")
    assert event.person == auditor
    assert event.facts["filters"] == "queue=waiting&amount_from=2&o=-5&past=3&p=1"


def test_a_line_says_all_of_a_payout(client, log_in):
    log_in("Auditor")
    person = StaffFactory(username="ada", roles=["Approver"])
    wallet = WalletFactory(client=ClientFactory(name="Zoë, “Ltd”", external_id="Z-1"))
    payout = PayoutFactory(
        wallet=wallet, reference="INV-7", status=PayoutStatus.APPROVED, approved_by=person
    )
    fields = {"generation": 1, "order_id": "tx1", "body": "{}", "created_at": payout.requested_at}
    Attempt.objects.create(payout=payout, uuid="u-1", txid="ab", commission="0.5", **fields)

    [line] = lines_of(client.post(EXPORT))

    expected = {
        "Status": "Approved",
        "Counts as paid": "no",
        "Amount": "5",
        "Currency": "USDT",
        "Network": "tron",
        "Address": payout.address,
        "Client": "Z-1",
        "Client name": "Zoë, “Ltd”",
        "Purpose": "Prize",
        "Reference": "INV-7",
        "Approved by": "ada",
        "Requested by": payout.requested_by.username,
        "Transaction": "ab",
        "Fee": "0.5",
        "Heleket id": "u-1",
        "Order id": "tx1",
        "Payout id": str(payout.pk),
        "Idempotency key": payout.idempotency_key,
    }
    assert {name: line[name] for name in expected} == expected
    assert line["Requested"].startswith(f"{payout.requested_at:%Y-%m-%dT}")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tMay", "＝1+1"])
def test_d6_no_cell_is_a_formula(client, log_in, text):
    log_in("Auditor")
    assert exports.guarded(text) == f"'{text}"
    wallet = WalletFactory(client=ClientFactory(name=f"{text}"))
    PayoutFactory(wallet=wallet, purpose=text, reference=text)

    [line] = lines_of(client.post(EXPORT))

    for name in ("Client name", "Purpose", "Reference"):
        assert line[name] == f"'{text}"


@pytest.mark.parametrize("splits_at", [",", ";", "\t"])
def test_d6_no_piece_of_a_cell_is_a_formula_wherever_a_spreadsheet_splits(splits_at):
    formula = 'HYPERLINK("http://x","y")'
    texts = [
        f"May{splits_at}{between}{sign}{formula}"
        for between in ("", '"', '""', splits_at)
        for sign in "=+-@＝＋－＠"
    ]
    texts += [f"May{splits_at} ={formula}", f"{splits_at}=1+1", f"1{splits_at}-1+cmd|' /C calc'!A0"]

    [_head, text] = exports.lines(["Purpose"], [[["P-1", each, "Refund"] for each in texts]])

    cells = [cell for row in csv.reader(StringIO(text), delimiter=splits_at) for cell in row]
    assert len(cells) >= 2 * len(texts)
    assert not [cell for cell in cells if cell.lstrip().startswith(tuple("=+-@＝＋－＠"))]


@pytest.mark.parametrize(
    "text", ["May, June; July - all", "a=b, c+d; e@f", "Prize; - 5 %", "1,-2,-3", ""]
)
def test_ordinary_text_stays_as_it_is(text):
    assert exports.guarded(text) == text


def test_what_is_a_formula_in_another_country_is_taken_home_as_text(client, log_in):
    log_in("Auditor")
    PayoutFactory(purpose="May;=1+1")

    [line] = lines_of(client.post(EXPORT))

    assert line["Purpose"] == "May;'=1+1"


def test_a_filter_that_cannot_be_read_takes_nothing_home(client, log_in):
    log_in("Auditor")
    PayoutFactory()

    response = client.post(f"{EXPORT}?amount_from=abc", follow=True)

    assert "Write the amount in plain digits" in response.content.decode()
    assert not DeskEvent.objects.filter(event_type="export").exists()


@pytest.mark.parametrize(
    "query", ["status__exact=confirmed&q=Prize", "queue=discrepancy&q=Prize", "currency=USDT&q=x"]
)
def test_what_a_search_finds_outside_the_filters_is_not_taken_home(client, log_in, query):
    log_in("Auditor")
    PayoutFactory(purpose="Prize")

    response = client.post(f"{EXPORT}?{query}", follow=True)

    assert "Nothing fits, so nothing was taken home." in response.content.decode()
    assert sorted(response.request["QUERY_STRING"].split("&")) == sorted(query.split("&"))
    assert not DeskEvent.objects.filter(event_type="export").exists()


@pytest.mark.parametrize("role", ROLES)
def test_who_may_take_lists_home(client, log_in, role):
    log_in(role)
    PayoutFactory()
    may = "payouts.export_payout" in ROLES[role]
    assert may == (role in ("Accountant", "Auditor"))

    assert client.post(EXPORT).status_code == (200 if may else 403)
    assert client.get(APPROVALS).status_code == (200 if may else 403)
    if "payouts.view_payout" in ROLES[role]:
        assert (EXPORT in client.get(LIST).content.decode()) == may
    assert DeskEvent.objects.filter(event_type="export").exists() == may


def test_reading_takes_nothing_home(client, log_in):
    log_in("Auditor")

    assert client.get(EXPORT).status_code == 405
    assert client.get(APPROVALS).status_code == 200
    assert not DeskEvent.objects.filter(event_type="export").exists()


def test_more_rows_take_no_more_statements_than_batches(client, log_in, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 10)
    log_in("Auditor")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            count = len(lines_of(client.post(EXPORT)))
        return count, len(captured)

    PayoutFactory()
    client.post(EXPORT)
    one = queries()
    for _ in range(9):
        PayoutFactory()
    ten = queries()
    for _ in range(10):
        PayoutFactory()

    assert (one[0], ten[0]) == (1, 10)
    assert one[1] == ten[1]
    assert queries() == (20, ten[1] + 3)


# Who approved what


def test_every_decision_of_a_period_is_taken_home(client, log_in, clock):
    log_in("Auditor")
    ada, ben = (StaffFactory(username=name, roles=["Approver"]) for name in ("ada", "ben"))
    first, second = PayoutFactory(), PayoutFactory(amount=Decimal(8))
    do(operations.APPROVE, first, ada)
    clock.forward(days=1)
    do(operations.REJECT, second, ben, "Not ours")
    today = clock().date()
    days = {"from_day": today - timedelta(days=1), "to_day": today}

    lines = lines_of(client.post(APPROVALS, days))
    assert [(line["By"], line["Decision"], line["Payout"], line["Amount"]) for line in lines] == [
        ("ada", "approved", str(first), "5"),
        ("ben", "rejected", str(second), "8"),
    ]
    sha256 = first.approvals.get().statement.sha256
    assert [line["Statement"] for line in lines] == [sha256, ""]
    assert [bool(line["Expires"]) for line in lines] == [True, False]
    [line] = lines_of(client.post(APPROVALS, days | {"from_day": today}))
    assert line["By"] == "ben"
    event = DeskEvent.objects.filter(event_type="export").latest("number")
    assert event.facts["first"] == str(today)


def test_a_decision_is_shown_as_it_was_whatever_was_edited_since(client, log_in, clock):
    log_in("Auditor")
    ada = StaffFactory(username="ada", roles=["Approver"])
    payout = PayoutFactory(amount=Decimal(5))
    do(operations.APPROVE, payout, ada)
    clock.forward(minutes=1)
    wallet = WalletFactory(client=payout.client, address="TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi")
    edit = operations.Edit(wallet=wallet, currency="USDT", amount=Decimal(50), purpose="More")
    do(edit, payout, StaffFactory(roles=["Requester"]), "Ten times as much")
    clock.forward(minutes=1)
    do(operations.APPROVE, payout, ada)
    ada.username = "nina"
    ada.save()

    lines = lines_of(client.post(APPROVALS, {"from_day": clock().date(), "to_day": clock().date()}))

    seen = [(line["Amount"], line["Address"], line["Changed afterwards"]) for line in lines]
    assert seen == [("5", payout.address, "yes"), ("50", wallet.address, "no")]
    assert [bool(line["Void since"]) for line in lines] == [True, False]
    assert lines[0]["Why void"] == "Changed"
    assert {line["By"] for line in lines} == {"ada (now nina)"}


def test_a_period_is_two_days_in_order(client, log_in):
    log_in("Auditor")

    for days in [{}, {"from_day": "2026-02-02", "to_day": "2026-02-01"}, {"from_day": "x"}]:
        assert client.post(APPROVALS, days).context["form"].errors
    assert not DeskEvent.objects.filter(event_type="export").exists()


# What is said of a file


def zip_of(response):
    return ZipFile(BytesIO(b"".join(response.streaming_content)))


def test_a_list_is_taken_home_with_what_is_said_of_it_beside_the_rows(client, log_in, clock):
    log_in("Auditor", username="aiko")
    for number in (1, 2):
        PayoutFactory(amount=Decimal(f"{number}.5"))
    PayoutFactory(amount=Decimal(9), status=PayoutStatus.CONFIRMED)

    archive = zip_of(client.post(f"{EXPORT}?amount_to=5", {"as": "zip"}))

    [name] = set(archive.namelist()) - {"about.json"}
    content, about = archive.read(name), json.loads(archive.read("about.json"))
    assert len(list(csv.DictReader(StringIO(content.decode("utf-8-sig"))))) == 2
    assert about == {
        "what": "payouts",
        "file": name,
        "filter": {"filters": "amount_to=5"},
        "count": 2,
        "sums": {"USDT": {"count": 2, "sum": "4"}},
        "sha256": hashlib.sha256(content).hexdigest(),
        "person": "aiko",
        "time": clock().isoformat(timespec="seconds"),
        "version": VERSION,
    }


@pytest.mark.parametrize("way", ["", "zip"])
def test_what_went_out_whole_is_sealed_with_its_control_sums(client, log_in, way):
    person = log_in("Auditor")
    PayoutFactory(amount=Decimal("1.5"), status=PayoutStatus.APPROVED)

    response = client.post(f"{EXPORT}?queue=waiting", {"as": way})
    asked = DeskEvent.objects.get()
    content = b"".join(response.streaming_content)
    whole = DeskEvent.objects.get(event_type="exported")

    assert (asked.event_type, asked.facts["filters"]) == ("export", "queue=waiting")
    assert (whole.person, whole.facts["count"], whole.facts["desk_version"]) == (
        person,
        "1",
        VERSION,
    )
    assert (whole.facts["filters"], whole.facts["sums"]) == ("queue=waiting", "USDT: 1 × 1.5")
    if way:
        [name, _about] = ZipFile(BytesIO(content)).namelist()
        content = ZipFile(BytesIO(content)).read(name)
    assert whole.facts["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_file_that_broke_off_is_not_said_to_have_gone_out_whole(client, log_in, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    log_in("Auditor")
    for _ in range(3):
        PayoutFactory()

    response = client.post(EXPORT)
    next(response.streaming_content)

    assert [each.event_type for each in DeskEvent.objects.all()] == ["export"]


def test_who_approved_what_has_its_control_sums_too(client, log_in, clock):
    log_in("Auditor", username="aiko")
    PayoutFactory(amount=Decimal("2.5"), status=PayoutStatus.APPROVED)
    today = clock().date().isoformat()

    archive = zip_of(client.post(APPROVALS, {"from_day": today, "to_day": today, "as": "zip"}))

    about = json.loads(archive.read("about.json"))
    assert (about["count"], about["sums"]) == (1, {"USDT": {"count": 1, "sum": "2.5"}})
    assert about["filter"] == {"first": today, "last": today}
