"""What an auditor asks in the first week, over HTTP, with no right but the group's."""

import hashlib
import html
import json
import re
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import chain
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from audit.version import VERSION
from payouts import notes, operations, transitions
from payouts.auditing import samples
from payouts.auditing.jobs import WriteRights
from payouts.controls import documents, policy
from payouts.models import (
    Discrepancy,
    EventType,
    Payout,
    PayoutEvent,
    PayoutStatus,
    WebhookDelivery,
)
from payouts.seen import see
from payouts.staff import drafts, grants, people
from payouts.staff.roles import ROLES
from tests import policies
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import check_due, submit_due
from wallets import services
from wallets.addresses import canonical_spellings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

OURS = ["auditing_find", "auditing_rights", "auditing_policy", "auditing_sample"]


@pytest.fixture
def auditor(client):
    aiko = StaffFactory(username="aiko", roles=["Auditor"])
    client.force_login(aiko)
    return aiko


@pytest.fixture
def read(client, auditor):
    """Return the words of a page, as the auditor reads it."""

    def read(page, *args, **query):
        answer = client.get(reverse(f"admin:{page}", args=args), query)
        assert answer.status_code == 200
        return words_of(answer)

    return read


def words_of(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", unmarked(answer))).split())


def person(name, *roles):
    return Actor.staff(StaffFactory(username=name, roles=list(roles)), Channel.ADMIN)


def do(operation, payout, actor, reason=""):
    [outcome] = perform(
        operation, see([Payout.objects.get(pk=payout.pk)]), actor=actor, reason=reason
    )
    assert outcome.done, outcome


def in_order(page, *words):
    """Assert that a page says these, each behind the one before."""
    at = 0
    for each in words:
        assert each in page[at:], f"{each!r} is not on the page behind {page[:at][-80:]!r}"
        at = page.index(each, at) + len(each)


# The story


@pytest.fixture
def paid(clock, heleket_client, account, sandbox):
    """Asked for, edited, approved, sent and paid, with a note, a document and a webhook."""
    rosa, amira = person("rosa", "Requester"), person("amira", "Approver")
    payout = PayoutFactory(requested_by=rosa.person, amount=Decimal(4), purpose="Prize")
    clock.forward(minutes=1)
    edited = operations.Edit(payout.wallet, "USDT", Decimal(5), "First prize")
    do(edited, payout, rosa, "It was the first one")
    clock.forward(minutes=1)
    bill = SimpleUploadedFile("bill.pdf", b"Five")
    file = notes.File(bill.name, bill.read())
    notes.add_note(payout, actor=rosa, text="As agreed", file=file)
    clock.forward(minutes=1)
    do(operations.APPROVE, payout, amira)
    clock.forward(hours=1)
    submit_due(1, heleket_client, account)
    attempt = payout.attempts.get()
    WebhookDelivery.objects.create(
        digest="d1", body="{}", outcome="new", order_id=attempt.order_id, received_at=clock()
    )
    clock.forward(hours=1)
    sandbox.run_due()
    check_due(1, heleket_client, account)
    return Payout.objects.get(pk=payout.pk)


def test_a_payout_s_story_says_all_that_happened_in_order(read, paid):
    page = read("auditing_story", paid.pk)

    attempt = paid.attempts.get()
    statement = paid.approvals.get().statement.sha256
    terms = page.partition("What was asked for")[2].partition("Where it stands")[0]
    assert "Amount 4 USDT" in terms
    assert "Purpose Prize" in terms
    assert "Way in by hand" in terms
    in_order(
        page.partition("What happened, in order")[2],
        *("09:00:00 UTC", "Requested", "rosa · Admin", "event 1"),
        *("09:01:00 UTC", "Changed", "rosa", "It was the first one", "4 USDT → 5 USDT"),
        *("Prize → First prize", "event 2"),
        *("09:02:00 UTC", "Document added", "As agreed", "bill.pdf"),
        *("09:03:00 UTC", "Approved", "amira · Admin", statement, "1 × USDT: 5"),
        *("Sent to Heleket", attempt.order_id, "Heleket has it", "Webhook", "Paid"),
    )
    assert f"{paid.last_event} events, the chain closes." in page
    posted = "In the journal debit"
    in_order(page, "Sent to Heleket", posted, "5 USDT", "(day 2 Mar 2026, month 2026-03)")
    assert "rosa requested it" in page
    assert f"Heleket's id {attempt.uuid}" in page
    assert f"Transaction {attempt.txid} (source: question to Heleket)" in page
    assert hashlib.sha256(b"Five").hexdigest() in page


def test_the_story_names_the_first_event_that_is_not_what_was_sealed(read, paid):
    event = PayoutEvent.objects.get(payout=paid, number=2)
    event.reason = "It was the last one"
    with connection.cursor() as cursor:
        forge(cursor, event)

    page = read("auditing_story", paid.pk)

    assert "The chain breaks at event 2" in page
    assert "the chain closes" not in page


def forge(cursor, event):
    """Write past the desk, as somebody does who holds the database."""
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE payouts_payoutevent SET reason = %s WHERE id = %s", [event.reason, event.pk]
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        return
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = [each for each in cursor.fetchall() if "payouts_payoutevent" in each[1]]
    for name, _sql in triggers:
        cursor.execute(f'DROP TRIGGER "{name}"')
    cursor.execute(
        "UPDATE payouts_payoutevent SET reason = %s WHERE id = %s", [event.reason, event.pk]
    )
    for _name, sql in triggers:
        cursor.execute(sql)


def test_the_story_misses_events_that_are_gone(read, paid):
    Payout.objects.filter(pk=paid.pk).update(last_event=paid.last_event + 1)
    assert "Events are missing" in read("auditing_story", paid.pk)


def test_the_story_says_how_a_discrepancy_ended_and_by_whom(read, paid, clock):
    omar, olga = person("omar", "Operator"), person("olga", "Operator")
    clock.forward(hours=1)
    found = DiscrepancyFactory(payout=paid, attempt=paid.attempts.get(), opened_at=clock())
    with transitions.change([paid.pk], actor=omar) as [change]:
        change.log_event(EventType.PROPOSE_END, kind=found.kind, outcome="explained")
    assert "Outcome none yet: it is open" in read("auditing_story", paid.pk)
    clock.forward(hours=1)
    with transitions.change([paid.pk], actor=olga) as [change]:
        by = {"proposed_by": omar.person_id}
        change.log_event(EventType.CLOSE_DISCREPANCY, outcome="explained", **by)
    Discrepancy.objects.filter(pk=found.pk).update(
        closed_at=clock(),
        closed_by=olga.person,
        proposed_by=omar.person,
        outcome="explained",
        close_reason="Rounded in a list",
    )

    page = read("auditing_story", paid.pk)

    above, line = page.split("What happened, in order")
    in_order(
        above,
        *("Discrepancy: Heleket has another payout under our order id", "amount: 50"),
        *("Outcome Explained", "By omar and olga", "Why Rounded in a list"),
    )
    in_order(line, "Paid", "End of the discrepancy proposed", "omar · Admin")
    in_order(line, "Discrepancy closed", "olga · Admin", "Outcome Explained", "Proposed by omar")


def test_the_story_leaves_out_what_its_reader_may_not_see(client, paid):
    for role, code in [("Support", 403), ("User manager", 403), ("Approver", 200)]:
        client.force_login(StaffFactory(roles=[role]))
        assert client.get(reverse("admin:auditing_story", args=[paid.pk])).status_code == code, role
        page = client.get(reverse("admin:payouts_payout_change", args=[paid.pk]))
        leads_there = reverse("admin:auditing_story", args=[paid.pk]) in page.content.decode()
        assert leads_there == (code == 200)
    client.force_login(StaffFactory(roles=["Approver"]))
    shown = words_of(client.get(reverse("admin:auditing_story", args=[paid.pk])))
    assert "Approved" in shown
    assert "Webhook" not in shown.partition("What happened, in order")[2]


def test_a_long_story_costs_as_many_statements_as_a_short_one(client, auditor, paid, clock):
    def statements(payout):
        url = reverse("admin:auditing_story", args=[payout.pk])
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    few = statements(paid)
    writer = person("nora", "Requester", "Approver")
    for number in range(5):
        notes.add_note(paid, actor=writer, text=f"Note {number}")
        notes.add_note(paid, actor=writer, link=f"https://example.com/{number}")
        DiscrepancyFactory(payout=paid, attempt=paid.attempts.get(), key=f"k{number}")

    assert statements(paid) == few
    assert few < 28


# Search


def test_everything_is_found_by_what_an_auditor_has_before_them(read, paid):
    attempt = paid.attempts.get()
    found = DiscrepancyFactory(payout=paid, attempt=attempt)
    other = PayoutFactory(wallet=WalletFactory(address="TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"))
    wanted = [attempt.txid, attempt.uuid, attempt.order_id, str(paid.pk), str(paid), paid.address]

    for text in wanted:
        page = read("auditing_find", q=text)
        assert re.search(rf"{paid}\b", page), text
        assert not re.search(rf"{other}\b", page), text
        assert str(found) in page, text
    assert "Webhooks" in read("auditing_find", q=attempt.uuid)
    by_client = read("auditing_find", q=paid.client.external_id)
    assert paid.client.name in by_client
    assert str(paid) in by_client
    assert paid.wallet.address in read("auditing_find", q=paid.address)
    nothing = read("auditing_find", q="TXyz")
    assert "Nothing is called “TXyz”" in nothing
    assert str(paid) not in nothing


def test_an_address_is_found_in_every_spelling_of_its_network(read):
    address = "0x52908400098527886E0F7030069857D2E4169EE7"
    wallet = WalletFactory(network="eth", address=address)
    payout = PayoutFactory(wallet=wallet)
    spellings = {address.lower(), address, f"{address[:6]} {address[6:]}"}
    assert canonical_spellings(address)

    for each in spellings:
        page = read("auditing_find", q=each)
        assert address in page, each
        assert str(payout) in page, each


def test_a_payout_at_heleket_that_is_none_of_ours_is_found_by_its_facts(read, clock):
    theirs = {"uuid": "u-1", "address": "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", "txid": "tx-1"}
    Discrepancy.objects.create(
        kind="foreign", key="u-1", theirs=theirs, opened_at=clock(), first_seen_at=clock()
    )
    for text in theirs.values():
        assert "Heleket has a payout that is none of ours" in read("auditing_find", q=text)


def test_a_person_s_page_shows_everything_they_did_in_time(read, client, paid, clock, monkeypatch):
    rosa = paid.requested_by
    actor = Actor.staff(rosa, Channel.ADMIN)
    clock.forward(hours=1)
    services.add_client(external_id="V-9", name="Vera", actor=actor)
    found = read("auditing_find", q="ros")
    assert "rosa everything that they did, in time" in found
    page = read("auditing_person", rosa.pk)
    in_order(page, "Document added", str(paid), "Changed", "It was the first one", "Requested")

    monkeypatch.setattr("payouts.auditing.deeds.SHOWN", 2)
    seen, query = [], {}
    while True:
        page = read("auditing_person", rosa.pk, **query)
        seen += re.findall(r"Document added|Changed|Requested", page)
        goes_on = re.search(r"behind=([\d.]+)", raw(client, rosa, query))
        if not goes_on:
            break
        query = {"behind": goes_on[1]}
    assert seen == ["Document added", "Changed", "Requested"]


def raw(client, rosa, query):
    return client.get(reverse("admin:auditing_person", args=[rosa.pk]), query).content.decode()


LARGE = "payouts_payout|payouts_attempt|payouts_payoutevent|payouts_webhookdelivery|wallets_wallet"


def plans_of(queries):
    """Return how the database finds the rows of large tables, for each statement that read some."""
    for query in queries:
        if not re.search(rf'FROM "({LARGE})"', query["sql"]):
            continue
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":  # a small table would be read, index or not
                cursor.execute("SET LOCAL enable_seqscan = off")
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{explain} {query['sql'].replace('%', '%%')}", [])
            yield query["sql"], "; ".join(str(row[-1]) for row in cursor.fetchall())


def test_no_search_reads_a_whole_large_table(client, auditor, paid):
    attempt = paid.attempts.get()
    known = [str(paid), paid.pk, paid.address, attempt.order_id, attempt.txid, attempt.uuid]

    with CaptureQueriesContext(connection) as captured:
        for text in [*known, paid.client.external_id, "nobody"]:
            client.get(reverse("admin:auditing_find"), {"q": text})
        client.get(reverse("admin:auditing_person", args=[paid.requested_by_id]))

    plans = list(plans_of(captured.captured_queries))
    assert len(plans) > 40
    for sql, plan in plans:
        assert not re.search(rf"Seq Scan on ({LARGE})\b|SCAN ({LARGE})\b", plan), (sql, plan)


# People and rights


def test_rights_on_a_day_are_those_that_were_sealed_until_then(read, clock):
    uma, paula = person("uma", "User manager"), person("paula", "Policy manager")
    clock.forward(days=1)
    nina = people.add("nina", "", actor=uma)
    role = Group.objects.get(name="Approver")
    grant = grants.Grant(roles=[role.pk], flags=["is_staff"])
    drafted = grants.draft_person(nina, grant, reason="Stands in for Amira", actor=uma)
    clock.forward(days=1)
    drafts.confirm(drafted.joint.pk, drafted.facts(), actor=paula)
    clock.forward(days=3)
    people.disable(nina, reason="Left", actor=uma)

    def line(day):
        page = read("auditing_rights", on=day).partition("What each role permitted")[0]
        found = re.search(r"\bnina\b(.*?)(?:\bpaula\b|$)", page)
        return found and found[1]

    assert line("2026-03-02") is None
    assert "kept out none nothing" in line("2026-03-03")
    assert "might come in Approver" in line("2026-03-04")
    assert "approve payouts" in line("2026-03-04")
    assert "not sealed" not in line("2026-03-04")
    assert "kept out Approver" in line("2026-03-07")
    page = read("auditing_rights", on="2026-03-07").partition("Every change until then")[2]
    in_order(page, "Person stopped", "Left", "drafted by uma, confirmed by paula", "Person added")
    early = read("auditing_rights", on="2026-03-04").partition("Every change until then")[2]
    assert "Person stopped" not in early


def test_what_no_event_has_sealed_is_said_to_be_as_of_today(read):
    StaffFactory(username="made.past.the.desk", roles=["Approver"])
    page = read("auditing_rights")
    assert re.search(r"made\.past\.the\.desk.*?in parts as of today, not sealed", page)


def test_a_right_that_was_written_past_the_desk_is_shown_beside_what_is_sealed(read, clock):
    uma = person("uma", "User manager")
    nina = people.add("nina", "", actor=uma)
    nina.groups.add(Group.objects.get(name="Approver"))
    page = read("auditing_rights")
    assert re.search(r"\bnina\b.*?none.*?the tables say otherwise today", page)


def write_rights():
    """Run the hourly job once, and return how many events it sealed."""
    job, before = WriteRights(None, None, 1), DeskEvent.objects.count()
    if items := job.claim(1).items:
        job.record([job.call(each) for each in items])
    return DeskEvent.objects.count() - before


def test_the_worker_writes_down_what_no_event_says_once(read, clock):
    nina = StaffFactory(username="nina", roles=["Approver"], date_joined=clock())
    role = Group.objects.get(name="Approver")
    clock.forward(days=1)

    assert write_rights() == User.objects.count() + len(ROLES)
    assert write_rights() == 0
    clock.forward(days=1)
    nina.groups.clear()  # past the desk
    role.permissions.clear()
    assert write_rights() == 2
    assert write_rights() == 0

    before, after, now = (read("auditing_rights", on=f"2026-03-0{day}") for day in (2, 3, 4))
    assert re.search(r"\bnina\b might come in Approver.*?not sealed", before)
    assert "not sealed" not in after
    assert re.search(r"\bnina\b might come in Approver", after)
    assert re.search(r"Approver (?!—)[a-z]", after.partition("What each role permitted")[2])
    assert re.search(r"\bnina\b might come in none nothing", now)
    assert "Approver —" in now.partition("What each role permitted")[2]
    assert "Everything since 3 Mar 2026, 09:00:00 UTC is sealed" in now
    written = DeskEvent.objects.filter(event_type="find_rights").order_by("-number")
    assert {each.facts["roles"] for each in written if each.facts.get("whose") == "nina"} == {
        "Approver",
        "Approver → —",
    }
    assert chain.first_broken(DeskEvent.objects.order_by("number")) is None


def test_what_a_role_permitted_is_replayed_through_its_names(read, clock):
    uma = person("uma", "User manager")
    clock.forward(days=1)
    role = Group.objects.create(name="Second Approver")
    people.log_role(role, None, actor=uma)
    clock.forward(days=1)
    before = people.facts_of_role(role)
    role.permissions.add(*people.roles.permissions_called(["payouts.add_note"]))
    people.log_role(role, before, actor=uma)
    clock.forward(days=1)
    before = people.facts_of_role(role)
    role.name = "Deputy"
    role.save()
    people.log_role(role, before, actor=uma)

    def roles(day):
        page = read("auditing_rights", on=day).partition("What each role permitted")[2]
        return page.partition("Every change until then")[0]

    assert "Second Approver" not in roles("2026-03-02")
    assert "Second Approver —" in roles("2026-03-03")
    assert "Second Approver write notes" in roles("2026-03-04")
    assert "Deputy write notes" in roles("2026-03-05")
    assert "Second Approver" not in roles("2026-03-05")


# The policy


def test_the_policy_of_a_day_is_the_version_that_was_in_force_then(read, clock):
    petra, pablo = person("petra", "Policy manager"), person("pablo", "Policy manager")
    StaffFactory(roles=["Approver"])
    for seconds, reason in [(600, "More time to undo"), (60, "Too long"), (120, "Too short")]:
        clock.forward(days=1)
        document = policies.with_values(policies.LENIENT, delay_seconds=seconds)
        drafted = policy.propose(documents.canonical(document), reason=reason, actor=petra)
        policy.confirm(drafted.pk, actor=pablo)
        if seconds == 60:
            clock.forward(hours=-23)  # the next one on the same day

    first = read("auditing_policy", on="2026-03-03")
    last = read("auditing_policy", on="2026-03-05")

    assert "Time to undo 10 minutes" in first
    assert "Drafted by petra Approved by pablo Why More time to undo" in first
    assert "from 3 Mar 2026, 09:00:00 UTC until 4 Mar 2026, 09:00:00 UTC" in first
    assert "The one after: version 3" in first
    assert "Time to undo 2 minutes" in last
    assert "In force since 4 Mar 2026, 10:00:00 UTC, and still." in last
    assert "The one before: version 3" in last
    assert "On the same day, before it" not in last
    same_day = read("auditing_policy", on="2026-03-04")
    assert (
        "On the same day, before it, version 3 came in force 4 Mar 2026, 09:00:00 UTC" in same_day
    )
    assert "There was no policy yet" in read("auditing_policy", on="2001-01-01")


# A sample

STATED = {"from_day": "2026-03-01", "to_day": "2026-03-31", "seed": "Spring 2026", "size": "3"}


@pytest.fixture
def ten(clock):
    return [PayoutFactory(amount=Decimal(number)) for number in range(1, 11)]


def drawn(page):
    return re.findall(r"\bP-\d+\b", page.partition(" of ")[2].partition("The population")[0])


def test_the_same_seed_draws_the_same_sample_which_anybody_can_draw(read, ten, clock):
    def by_formula(seed):
        tickets = {hashlib.sha256(f"{seed}{each.pk}".encode()).hexdigest(): each for each in ten}
        return [str(tickets[each]) for each in sorted(tickets)[:3]]

    first = drawn(read("auditing_sample", **STATED))
    clock.forward(days=60)
    PayoutFactory()  # outside the population

    assert drawn(read("auditing_sample", **STATED)) == first == by_formula("Spring 2026")
    assert drawn(read("auditing_sample", **STATED | {"seed": "Autumn"})) == by_formula("Autumn")
    text = "".join(f"{each}\n" for each in sorted(str(each.pk) for each in ten))
    assert hashlib.sha256(text.encode()).hexdigest() in read("auditing_sample", **STATED)


def test_a_sample_is_drawn_of_what_was_stated_alone(read, ten):
    Payout.objects.filter(pk=ten[0].pk).update(status=PayoutStatus.CONFIRMED)

    by_status = read("auditing_sample", **STATED, status="confirmed")
    by_client = read("auditing_sample", **STATED, client=ten[1].client.external_id)

    assert drawn(by_status) == [str(ten[0])]
    assert drawn(by_client) == [str(ten[1])]
    assert "No payout fits" in read(
        "auditing_sample", **STATED, client=ten[1].client.external_id, status="failed"
    )
    assert "There is no such client" in read("auditing_sample", **STATED, client="nobody")


def test_the_evidence_of_a_sample_is_a_zip_whose_manifest_names_all_of_it(
    client, auditor, ten, clock
):
    url = reverse("admin:auditing_sample_export")
    answer = client.post(url, STATED)
    archive = ZipFile(BytesIO(b"".join(answer.streaming_content)))

    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["person"] == "aiko"
    assert manifest["version"] == VERSION
    assert manifest["time"] == clock().isoformat(timespec="seconds")
    assert manifest["filter"]["requested_from"] == "2026-03-01"
    assert manifest["population"]["count"] == 10
    assert manifest["population"]["sums"] == {"USDT": {"count": 10, "sum": "55"}}
    assert manifest["count"] == 3
    names = [each["payout"] for each in manifest["sample"]]
    chosen = [each for each in ten if str(each) in names]
    assert manifest["sums"]["USDT"]["sum"] == f"{sum(each.amount for each in chosen):.0f}"
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256(archive.read(name)).hexdigest() == sha256
    assert sorted(manifest["files"]) == sorted(f"{n}.{k}" for n in names for k in ("html", "json"))
    page = archive.read(f"{names[0]}.html").decode()
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert json.loads(archive.read(f"{names[0]}.json"))["chain"]["holds"]
    event = DeskEvent.objects.get(event_type="export")
    assert event.facts["sha256"] == hashlib.sha256(archive.read("manifest.json")).hexdigest()
    assert (event.facts["count"], event.facts["seed"]) == ("3", "Spring 2026")
    assert event.facts["desk_version"] == VERSION


def test_a_sample_that_is_not_stated_gives_out_nothing(client, auditor, ten):
    url = reverse("admin:auditing_sample_export")
    assert client.get(url).status_code == 405
    assert "required" in client.post(url, {"seed": "x"}).content.decode()
    too_many = STATED | {"size": samples.MOST + 1}
    assert client.post(url, too_many)["Content-Type"].startswith("text/html")
    assert not DeskEvent.objects.filter(event_type="export").exists()


# Who sees it

MAY = {
    "auditing_find": {r for r in ROLES if r not in ("Support", "User manager")},
    "auditing_rights": {"User manager", "Auditor"},
    "auditing_policy": {r for r in ROLES if r not in ("Accountant", "Support", "User manager")},
    "auditing_sample": {"Auditor", "Accountant"},
    "auditing_person": {"Auditor"},
}


def test_each_page_is_for_those_whose_role_it_is(client):
    for role in ROLES:
        reader = StaffFactory(roles=[role])
        client.force_login(reader)
        for page, roles in MAY.items():
            args = [reader.pk] if page == "auditing_person" else []
            code = client.get(reverse(f"admin:{page}", args=args)).status_code
            assert code == (200 if role in roles else 403), (page, role)


def test_reading_changes_nothing(client, auditor, paid):
    count, desk = PayoutEvent.objects.count(), DeskEvent.objects.count()
    for page in OURS:
        assert client.get(reverse(f"admin:{page}"), STATED | {"q": "x"}).status_code == 200
        posted = client.post(reverse(f"admin:{page}"), {"q": "x"})
        assert posted.status_code in (200, 405)
    assert (PayoutEvent.objects.count(), DeskEvent.objects.count()) == (count, desk)
    assert chain.first_broken(PayoutEvent.objects.filter(payout=paid).order_by("number")) is None
