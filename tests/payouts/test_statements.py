"""What a person approved in one act: bytes that are kept, that count, and that expire."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import rfc8785
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from payouts import approvals, explain, operations, statements
from payouts.models import (
    Approval,
    EventType,
    Payout,
    PayoutEvent,
    PayoutStatus,
    Statement,
)
from payouts.seen import see
from payouts.send_backs import SEND_BACK
from tests.factories import (
    ClientFactory,
    DiscrepancyFactory,
    PayoutFactory,
    StaffFactory,
    WalletFactory,
)
from tests.payouts.rounds import now
from tests.sim import bugs

pytestmark = pytest.mark.django_db

LAST = timedelta(days=7)


def by(person):
    return Actor.staff(person, Channel.ADMIN)


def approve(person, *payouts):
    return perform(operations.APPROVE, see([now(each) for each in payouts]), actor=by(person))


def said(payout):
    """What the statement of the only approval that stands of a payout says."""
    return json.loads(bytes(payout.approvals.get(voided_at=None).statement.body))


@pytest.fixture
def amira():
    return StaffFactory(roles=["Approver"], username="amira")


@pytest.fixture
def anton():
    return StaffFactory(roles=["Approver"], username="anton")


@pytest.fixture
def wallet(db):
    """One whose payouts of 5 USDT need two approvals, as Heleket and the desk differ about one."""
    wallet = WalletFactory()
    failed = PayoutFactory(wallet=wallet, status=PayoutStatus.FAILED)
    DiscrepancyFactory(payout=failed, attempt=None, key="lost")
    return wallet


# What is stated


def test_one_act_makes_one_statement_that_says_all_of_it(clock, amira):
    first, second = PayoutFactory(), PayoutFactory(amount=Decimal("7.25"))
    other_coin = PayoutFactory(currency="USDC", amount=Decimal("0.10"))

    approve(amira, second, other_coin, first)

    statement = Statement.objects.get()
    body = bytes(statement.body)
    assert json.loads(body) == {
        "act": "approve",
        "approver": {"id": amira.pk, "login": "amira"},
        "at": clock().isoformat(timespec="microseconds"),
        "expires": (clock() + LAST).isoformat(timespec="microseconds"),
        "policy": Approval.objects.first().policy_version,
        "count": 3,
        "sums": {
            "USDC": {"amount": "0.1", "count": 1},
            "USDT": {"amount": "12.25", "count": 2},
        },
        "rows": [
            {"digest": each.digest(), "event": 1, "number": each.number, "payout": str(each.pk)}
            for each in (first, second, other_coin)
        ],
    }
    assert body == rfc8785.dumps(json.loads(body))
    assert statement.sha256 == hashlib.sha256(body).hexdigest()
    assert (statement.signature, statement.key_id) == (None, None)
    events = PayoutEvent.objects.filter(event_type=EventType.APPROVE)
    assert {event.facts["statement"] for event in events} == {statement.sha256}
    assert events.count() == 3
    assert set(Approval.objects.values_list("statement", flat=True)) == {statement.pk}


def test_refused_rows_stand_in_no_statement_and_none_is_made_of_nothing(amira):
    payout, rejected = PayoutFactory(), PayoutFactory(status=PayoutStatus.REJECTED)

    approve(amira, rejected)
    assert not Statement.objects.exists()

    approve(amira, payout, rejected)
    assert [row["number"] for row in said(payout)["rows"]] == [payout.number]


def test_any_number_of_payouts_takes_the_same_few_statements_of_sql(amira):
    def count(payouts):
        seen = see(payouts)
        with CaptureQueriesContext(connection) as queries:
            perform(operations.APPROVE, seen, actor=by(amira))
        return len(queries)

    wallet = WalletFactory()
    sizes = (1, 2, 30)  # with the first their rights are read
    _first, few, many = [
        count([PayoutFactory(wallet=wallet, purpose=f"{size}.{n}") for n in range(size)])
        for size in sizes
    ]

    assert few == many <= 20
    assert Statement.objects.count() == len(sizes)


def test_i17_the_bytes_of_a_statement_and_whose_they_are_stay(amira):
    payout = PayoutFactory()
    approve(amira, payout)
    kept = Statement.objects.values().get()
    other = Statement.objects.create(sha256="0" * 64, body=b"{}")

    for change in (
        lambda: Statement.objects.update(body=b"{}"),
        lambda: Statement.objects.update(signature=b"x"),
        lambda: Statement.objects.filter(pk=other.pk).delete(),
        lambda: Approval.objects.update(statement=other),
        lambda: Approval.objects.update(statement=None),
        lambda: Approval.objects.update(expires_at=None),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    stays = Statement.objects.values().get(pk=kept["id"])
    assert {**stays, "body": bytes(stays["body"])} == {**kept, "body": bytes(kept["body"])}


# What it counts for


def test_g63_approvals_add_up_per_row_whatever_else_each_person_approved(
    office, wallet, amira, anton
):
    """The batches of two people differ by a row, and the policy has another version meanwhile."""
    shared, amiras, antons = (PayoutFactory(wallet=wallet, purpose=each) for each in "abc")

    approve(amira, shared, amiras)
    approve(anton, antons, shared)

    statuses = [now(each).status for each in (shared, amiras, antons)]
    assert statuses == [PayoutStatus.APPROVED, PayoutStatus.PENDING, PayoutStatus.PENDING]
    office.submit()
    assert office.sandbox.order_ids == [shared.order_id(settings.INSTALLATION)]


def test_g63_only_the_edited_row_of_a_statement_goes_back(office, amira):
    edited, *others = [PayoutFactory() for _ in range(4)]
    approve(amira, edited, *others)
    edit = operations.Edit(edited.wallet, "USDT", Decimal(6), "Prize")
    requester = by(office.person("Requester"))
    operations.edit_payout(*see([now(edited)]), edit, reason="Six", actor=requester)

    office.submit()

    assert now(edited).status == PayoutStatus.PENDING
    assert {now(each).status for each in others} == {PayoutStatus.BROADCAST}


def test_g63_a_statement_of_another_version_of_the_policy_counts(office, amira, monkeypatch):
    payout = PayoutFactory()
    with monkeypatch.context() as earlier:
        make = statements.make
        as_41 = lambda rows, actor, policy: make(rows, actor, replace(policy, version=41))  # noqa: E731
        earlier.setattr(statements, "make", as_41)
        approve(amira, payout)
    assert said(payout)["policy"] == 41

    office.submit()

    assert now(payout).status == PayoutStatus.BROADCAST


def test_an_approval_from_before_there_were_statements_counts_as_it_did(office, amira, monkeypatch):
    payout = PayoutFactory()

    def as_before(operation, changes, facts, actor):
        decided = [change.row for change in changes]
        approvals.decide(decided, actor, Approval.Decision.APPROVED)

    with monkeypatch.context() as earlier:
        earlier.setattr(operations.Approve, "after", as_before)
        approve(amira, payout)
    assert Approval.objects.get().statement is None
    office.clock.forward(days=400)

    office.submit()

    assert now(payout).status == PayoutStatus.BROADCAST


# Forgeries


def as_owner_of_the_database(statement, *values):
    """Write as somebody does who owns the database and has not the key of the chains."""
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing waits for these tables
        for trigger, table in [
            ("payouts_approval_fixed", "payouts_approval"),
            ("payouts_approval_stated", "payouts_approval"),
            ("payouts_statement_fixed", "payouts_statement"),
        ]:
            on_table = f" ON {table}" if is_postgres else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on_table}")
        cursor.execute(statement, values)
        if is_postgres:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # as in any transaction of the desk


def its_bytes_say_more_time(payout):
    statement = Statement.objects.get()
    body = json.loads(bytes(statement.body)) | {"expires": "2999-01-01T00:00:00+00:00"}
    as_owner_of_the_database("UPDATE payouts_statement SET body = %s", rfc8785.dumps(body))


def its_bytes_are_no_statement(payout):
    as_owner_of_the_database("UPDATE payouts_statement SET body = %s", b"\xff")


def its_bytes_and_their_fingerprint_are_made_up(payout):
    its_bytes_say_more_time(payout)
    sha256 = hashlib.sha256(bytes(Statement.objects.get().body)).hexdigest()
    as_owner_of_the_database("UPDATE payouts_statement SET sha256 = %s", sha256)


def it_is_taken_for_one_from_before(payout):
    as_owner_of_the_database("UPDATE payouts_approval SET statement_id = NULL, expires_at = NULL")


def it_names_another_statement(payout):
    other = PayoutFactory()
    approve(StaffFactory(roles=["Approver"]), other)
    fields = other.approvals.get().statement_id, payout.pk.hex
    if connection.vendor == "postgresql":
        fields = fields[0], payout.pk
    as_owner_of_the_database(
        "UPDATE payouts_approval SET statement_id = %s WHERE payout_id = %s", *fields
    )
    Payout.objects.filter(pk=other.pk).update(due_at=None)


FORGERIES = {
    its_bytes_say_more_time: "forged_statement",
    its_bytes_are_no_statement: "forged_statement",
    its_bytes_and_their_fingerprint_are_made_up: "forged_approval",
    it_is_taken_for_one_from_before: "forged_approval",
    it_names_another_statement: "forged_statement",
}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__)
def test_g49_an_approval_whose_statement_is_not_the_sealed_one_does_not_count(
    unchecked_office, amira, forge
):
    office, payout = unchecked_office, PayoutFactory()
    approve(amira, payout)
    forge(payout)
    events = payout.events.count()

    office.submit()

    assert not office.sandbox.calls
    stopped = now(payout)
    assert (stopped.status, stopped.reason_code) == (PayoutStatus.APPROVED, FORGERIES[forge])
    assert stopped.events.count() == events
    assert DeskEvent.objects.filter(event_type="forgery").count() == 1


def test_i2_a_payout_that_stands_in_its_statement_with_anothers_digest_is_not_sent(
    unchecked_office, amira, monkeypatch
):
    payouts = [PayoutFactory(), PayoutFactory(amount=Decimal(900))]
    of_other = dict(zip(payouts, reversed(payouts), strict=True))
    row = statements.row
    with monkeypatch.context() as mistaken:
        swapped = lambda each, values: row(each, values) | {"digest": of_other[each].digest()}  # noqa: E731
        mistaken.setattr(statements, "row", swapped)
        approve(amira, *payouts)

    unchecked_office.submit()

    assert not unchecked_office.sandbox.calls
    assert {now(each).reason_code for each in payouts} == {"forged_statement"}


def test_i2_a_claim_that_takes_the_digest_of_another_row_is_found(
    unchecked_office, amira, monkeypatch
):
    with bugs.plant(bugs.DIGEST_OF_ANOTHER_ROW), pytest.raises(AssertionError):
        test_i2_a_payout_that_stands_in_its_statement_with_anothers_digest_is_not_sent(
            unchecked_office, amira, monkeypatch
        )


# Expiry


def test_i2_an_approval_that_expired_before_the_claim_sends_the_payout_back(office, amira):
    payout, neighbour = PayoutFactory(), PayoutFactory()
    approve(amira, payout)
    office.clock.time += LAST
    approve(office.person("Approver"), neighbour)

    office.submit()

    assert office.sandbox.order_ids == [neighbour.order_id(settings.INSTALLATION)]
    back = now(payout)
    assert (back.status, back.reason_code) == (PayoutStatus.PENDING, "approval_expired")
    assert "expired" in explain.explain(back).sentence
    approve(amira, payout)  # by the same person, now that theirs is void
    office.submit()
    assert now(payout).status == PayoutStatus.BROADCAST


def test_i2_an_approval_counts_until_it_expires(office, amira):
    payout = PayoutFactory()
    approve(amira, payout)
    office.clock.time += LAST - timedelta(seconds=1)

    office.submit()

    assert now(payout).status == PayoutStatus.BROADCAST


def test_i2_when_an_approval_expires_is_read_in_its_statement_not_in_its_row(
    unchecked_office, amira
):
    payout = PayoutFactory()
    approve(amira, payout)
    as_owner_of_the_database("UPDATE payouts_approval SET expires_at = NULL")
    unchecked_office.clock.time += LAST

    unchecked_office.submit()

    assert not unchecked_office.sandbox.calls
    assert now(payout).reason_code == "approval_expired"


def test_g50_a_repeat_after_its_approval_expired_is_not_sent(unchecked_office, amira):
    office, payout = unchecked_office, PayoutFactory()
    approve(amira, payout)
    office.clock.time += LAST - timedelta(minutes=1)
    office.sandbox.faults.add("drop")
    office.submit()

    office.work(hours=1)

    waiting = now(payout)
    assert (waiting.status, len(office.creates())) == (PayoutStatus.SUBMITTING, 1)
    assert waiting.reason_code == "approval_expired"
    office.work(hours=26, every=timedelta(hours=1))
    assert (now(payout).status, len(office.creates())) == (PayoutStatus.FAILED, 1)


def test_i2_an_approval_that_expired_while_another_was_waited_for_does_not_count(
    office, wallet, amira, anton
):
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    office.clock.time += LAST

    approve(anton, payout)
    assert now(payout).status == PayoutStatus.PENDING
    assert explain.explain(now(payout)).who.endswith(f"{anton} has approved it.")

    [outcome] = approve(amira, payout)
    assert outcome.done
    assert now(payout).status == PayoutStatus.APPROVED
    first, *_others = Approval.objects.filter(payout=payout).order_by("pk")
    assert (first.person, first.voided_by) == (amira, "decided_again")
    office.submit()
    assert now(payout).status == PayoutStatus.BROADCAST


def test_i2_the_time_of_an_approval_for_a_day_to_come_begins_on_that_day(office, amira):
    day = clock.now() + timedelta(days=30)
    dated, plain = PayoutFactory(pay_from=day), PayoutFactory()
    approve(amira, dated, plain)
    [of_plain] = [row for row in said(dated)["rows"] if row["number"] == plain.number]
    [of_dated] = [row for row in said(dated)["rows"] if row["number"] == dated.number]
    assert "expires" not in of_plain
    assert datetime.fromisoformat(of_dated["expires"]) == day + LAST
    office.submit()

    office.clock.time = day + LAST - timedelta(seconds=1)
    office.submit()

    assert now(dated).status == PayoutStatus.BROADCAST


# Undo


def undo(person, *payouts, reason="Wrong month"):
    seen = see([now(each) for each in payouts])
    return perform(operations.UNDO, seen, actor=by(person), reason=reason)


def test_g40_who_approved_takes_it_back_until_the_claim_and_may_approve_again(office, amira):
    payout = PayoutFactory()
    approve(amira, payout)

    [outcome] = undo(amira, payout)

    assert outcome.done
    back = now(payout)
    assert back.status == PayoutStatus.PENDING
    assert "Wrong month" in explain.explain(back).sentence
    office.submit()
    assert not office.sandbox.calls
    taken_back = Approval.objects.get()
    assert (taken_back.voided_by, taken_back.person) == ("undo", amira)
    approve(amira, payout)
    office.submit()
    assert now(payout).status == PayoutStatus.BROADCAST
    [refused] = undo(amira, payout)
    assert (refused.done, refused.code) == (False, "payout_status")
    assert now(payout).status == PayoutStatus.BROADCAST


def test_g40_an_undone_approval_leaves_those_of_others(office, wallet, amira, anton):
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    approve(anton, payout)
    assert now(payout).status == PayoutStatus.APPROVED

    undo(amira, payout)
    assert now(payout).status == PayoutStatus.PENDING
    approve(office.person("Approver"), payout)
    office.submit()

    assert now(payout).status == PayoutStatus.BROADCAST


def test_g40_one_of_two_approvals_is_undone_while_the_other_is_waited_for(
    office, wallet, amira, anton
):
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    undo(amira, payout)

    approve(anton, payout)
    assert now(payout).status == PayoutStatus.PENDING
    approve(amira, payout)
    assert now(payout).status == PayoutStatus.APPROVED


def test_g40_nobody_undoes_what_another_approved(amira, anton):
    payout, neighbour = PayoutFactory(), PayoutFactory()
    approve(anton, payout)
    approve(amira, neighbour)
    events = payout.events.count()

    refused, done = undo(amira, payout, neighbour)

    assert (refused.code, done.done) == ("no_approval_of_yours", True)
    assert (now(payout).status, payout.events.count()) == (PayoutStatus.APPROVED, events)
    assert Approval.objects.get(payout=payout).voided_at is None


def test_g49_an_undone_approval_that_stands_again_in_its_row_does_not_count(
    unchecked_office, wallet, amira, anton
):
    """The other of two stands, so the events from before the undo are looked at."""
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    approve(anton, payout)
    undo(amira, payout)
    as_owner_of_the_database("UPDATE payouts_approval SET voided_at = NULL")
    approve(StaffFactory(roles=["Approver"]), payout)
    assert now(payout).status == PayoutStatus.APPROVED

    unchecked_office.submit()

    assert not unchecked_office.sandbox.calls
    assert now(payout).reason_code == "forged_approval"


def test_g40_a_question_is_waited_for_though_an_approval_is_undone(wallet, amira):
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    perform(SEND_BACK, see([now(payout)]), actor=by(amira), reason="Which invoice?")

    assert undo(amira, payout)[0].done

    waiting = now(payout)
    assert (waiting.is_sent_back, waiting.why.words) == (True, "Which invoice?")


def test_g40_who_approved_and_then_rejects_has_one_decision_and_neighbours_are_done(
    wallet, amira, anton
):
    payout, neighbour, ended = (PayoutFactory(wallet=wallet) for _ in range(3))
    approve(amira, payout, ended)
    perform(operations.REJECT, see([now(ended)]), actor=by(anton), reason="No invoice")

    rejected = perform(
        operations.REJECT,
        see([now(each) for each in (payout, neighbour, ended)]),
        actor=by(amira),
        reason="Not ours",
    )
    approved = approve(amira, payout)

    assert [each.done for each in rejected] == [True, True, False]
    assert [each.code for each in approved] == ["payout_status"]
    standing = Approval.objects.filter(payout=payout, voided_at=None)
    assert [(each.person, each.decision) for each in standing] == [(amira, "rejected")]
    assert now(neighbour).status == PayoutStatus.REJECTED


# Its pages


@pytest.fixture
def log_in(client):
    def log_in(*roles):
        person = StaffFactory(roles=roles)
        client.force_login(person)
        return person

    return log_in


def page_of(client, payout):
    return client.get(reverse("admin:payouts_payout_change", args=[payout.pk]))


def test_the_page_of_a_payout_shows_what_each_approval_was_given_with(client, log_in, amira):
    payout, other = PayoutFactory(), PayoutFactory(amount=Decimal(10))
    approve(amira, payout, other)
    approval = payout.approvals.get()
    log_in("Requester")

    page = page_of(client, payout)

    [(who, shown, stated)] = page.context["approvals"]
    assert (who, shown.pk) == ("amira", approval.pk)
    assert (stated.count, stated.sums) == (2, {"USDT": (Decimal(15), 2)})
    text = page.content.decode()
    assert f"Statement {approval.statement.sha256[:12]}" in text
    for words in ("2 payouts were approved together", "expires ", "version "):
        assert words in text, words
    assert "Undo my approval" not in text
    client.force_login(amira)
    assert "Undo my approval" in page_of(client, payout).content.decode()


def test_decisions_that_are_void_or_expired_stay_on_the_page(client, log_in, wallet, amira, anton):
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    undo(amira, payout)
    approve(anton, payout)
    perform(operations.HOLD, see([now(payout)]), actor=by(anton), reason="Wait")
    perform(operations.RELEASE, see([now(payout)]), actor=by(anton))
    approve(anton, payout)
    log_in("Requester")
    with clock.replaced(lambda: datetime.now(UTC) + LAST):
        text = page_of(client, payout).content.decode()

    assert "Approval undone" in text
    assert "Put on hold" in text
    assert "expired " in text
    perform(operations.REJECT, see([now(payout)]), actor=by(anton), reason="No invoice")
    page = page_of(client, payout)
    decisions = [(who, each.decision) for who, each, _stated in page.context["approvals"]]
    assert decisions == [
        ("anton", "rejected"),
        ("anton", "approved"),
        ("anton", "approved"),
        ("amira", "approved"),
    ]


def test_i17_the_statement_is_handed_out_byte_for_byte_to_who_sees_what_happened(
    client, log_in, amira
):
    payout = PayoutFactory()
    approve(amira, payout)
    statement = Statement.objects.get()
    url = reverse("admin:payouts_payout_statement", args=[statement.sha256])

    log_in("Auditor")
    answer = client.get(url)
    assert answer.content == bytes(statement.body)
    assert hashlib.sha256(answer.content).hexdigest() == statement.sha256
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert url in page_of(client, payout).content.decode()
    assert client.get(url[:-2] + "x/").status_code == 404
    for role in ("Support", "User manager"):
        log_in(role)
        assert client.get(url).status_code == 403


def test_g49_the_page_says_that_a_statement_is_not_the_sealed_one(client, log_in, amira):
    payout = PayoutFactory()
    approve(amira, payout)
    its_bytes_say_more_time(payout)
    log_in("Auditor")

    text = page_of(client, payout).content.decode()

    assert "These bytes are not what the history has sealed." in text


def test_what_waits_for_approval_stands_on_the_clients_and_the_wallets_page(client, log_in):
    wallet = WalletFactory()
    payouts = [PayoutFactory(wallet=wallet, amount=Decimal(each)) for each in (5, 7)]
    PayoutFactory(wallet=wallet, status=PayoutStatus.HELD)
    PayoutFactory(wallet=WalletFactory(address="TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"))
    log_in("Approver")

    for kind, row in (("client", wallet.client), ("wallet", wallet)):
        page = client.get(reverse(f"admin:wallets_{kind}_change", args=[row.pk]))
        assert page.context["for_approval"] == [("USDT", Decimal(12), 2)]
        listed = client.get(page.context["queue_url"]).context["cl"].queryset
        assert set(listed) == set(payouts)
    nobody = ClientFactory()
    page = client.get(reverse("admin:wallets_client_change", args=[nobody.pk]))
    assert "Waits for approval" not in page.content.decode()


def test_an_expired_approval_no_longer_keeps_a_payout_out_of_ones_queue(client, wallet, amira):
    payout = PayoutFactory(wallet=wallet)
    approve(amira, payout)
    client.force_login(amira)
    mine = f"{reverse('admin:payouts_payout_changelist')}?queue=mine"
    assert list(client.get(mine).context["cl"].queryset) == []

    with clock.replaced(lambda: datetime.now(UTC) + LAST):
        assert list(client.get(mine).context["cl"].queryset) == [payout]
