"""Records stay as they were written: the database refuses, and the chains show what was changed."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError

from audit import chain
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.operations import perform
from payouts.models import (
    Approval,
    Attempt,
    Payout,
    PayoutEvent,
    PayoutStatus,
    WebhookDelivery,
)
from tests.factories import DiscrepancyFactory, PayoutFactory
from wallets import operations as wallet_operations
from wallets.models import Client, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def records(unchecked_office):
    """One payout that was paid, with a row in every table that keeps records."""
    office = unchecked_office
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit()
    office.work(minutes=2)
    log_event("test", Reason(words="first"), actor=Actor.system(Channel.COMMAND))
    DiscrepancyFactory(kind="vanished", payout=payout)
    WebhookDelivery.objects.create(
        digest="d", body="b", outcome="known", received_at=office.clock()
    )
    approver = Actor.staff(office.person("Approver"), Channel.ADMIN)
    seen = wallet_operations.see([payout.wallet_id])
    perform(wallet_operations.FREEZE, seen, actor=approver, reason="Lost")
    return Payout.objects.get(pk=payout.pk)


def refuses(sql):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def contents(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return cursor.fetchall()


FIXED = [
    ("payouts_payoutevent", "reason = 'other'"),
    ("payouts_payoutevent", "hash = ''"),
    ("payouts_payoutevent", "to_status = 'confirmed'"),
    ("audit_deskevent", "reason = 'other'"),
    ("payouts_payoutmaker", "role = 'key'"),
    ("wallets_walletevent", "reason = 'other'"),
    ("payouts_payout", "fingerprint = 'x'"),
    ("payouts_approval", "digest = ''"),
    ("payouts_approval", "decision = 'rejected'"),
    ("payouts_approval", "policy_version = 2"),
    ("payouts_attempt", "body = '{}'"),
    ("payouts_attempt", "order_id = 'x'"),
    ("payouts_attempt", "merchant_id = 'x'"),
    ("payouts_payout", "number = 77"),
    ("payouts_payout", "idempotency_key = 'x'"),
    ("payouts_payout", "origin = 'api'"),
    ("payouts_webhookdelivery", "body = '{}'"),
    ("payouts_webhookdelivery", "digest = 'x'"),
]
KEPT = [
    *("payouts_payoutevent", "audit_deskevent", "payouts_payoutmaker", "payouts_approval"),
    *("payouts_attempt", "payouts_payout", "payouts_webhookdelivery", "payouts_discrepancy"),
    "wallets_walletevent",
]


@pytest.mark.parametrize(("table", "change"), FIXED)
def test_i17_the_database_refuses_to_change_a_record(records, table, change):
    before = contents(table)
    assert before
    with pytest.raises(DatabaseError, match=r"what it says is fixed|rows are only added"):
        refuses(f"UPDATE {table} SET {change}")
    assert contents(table) == before


@pytest.mark.parametrize("table", KEPT)
def test_i17_the_database_refuses_to_delete_a_record(records, table):
    before = contents(table)
    assert before
    with pytest.raises(DatabaseError, match="it is kept for ever"):
        refuses(f"DELETE FROM {table}")
    assert contents(table) == before


def test_i17_what_may_change_still_changes(records):
    refuses("UPDATE payouts_approval SET voided_by = 'hold'")
    refuses("UPDATE payouts_attempt SET calls = 2")
    refuses("UPDATE payouts_webhookdelivery SET count = 2")
    assert Attempt.objects.get().calls == 2
    assert Approval.objects.get().voided_by == "hold"


@pytest.mark.parametrize("model", [Client, Wallet, Payout])
def test_c8_what_money_hangs_on_cannot_be_deleted(records, model):
    with pytest.raises((ProtectedError, DatabaseError)), transaction.atomic():
        model.objects.get(payouts=records).delete() if model is not Payout else records.delete()
    assert Payout.objects.filter(pk=records.pk).exists()


@pytest.mark.parametrize(
    "amount", ["'NaN'", "-1", "0", "1e30", "'Infinity'", "999999999999999999.999999999"]
)
def test_d1_the_database_itself_refuses_what_is_no_amount(records, amount):
    with pytest.raises(DatabaseError):
        refuses(f"UPDATE payouts_payout SET amount = {amount}")
    assert Payout.objects.get().amount == 5


@pytest.mark.parametrize("change", ["status = 'sent'", "purpose = ''", "idempotency_key = ''"])
def test_i4_the_database_refuses_what_no_payout_is(records, change):
    with pytest.raises(DatabaseError):
        refuses(f"UPDATE payouts_payout SET {change}")


def test_i1_an_order_id_a_uuid_and_a_generation_belong_to_one_attempt(records):
    other = PayoutFactory()
    known = Attempt.objects.get()
    fresh = {"payout": other, "generation": 1, "order_id": "x", "created_at": known.created_at}
    taken = [{"order_id": known.order_id}, {"uuid": known.uuid}, {"payout": records}]
    for clash in taken:
        with pytest.raises(DatabaseError), transaction.atomic():
            Attempt.objects.create(**fresh | clash)
    assert Attempt.objects.count() == 1


# Chains


def tamper(table, trigger, sql):
    """Change a record as somebody could who owns the database."""
    off = [f"DROP TRIGGER {trigger}"]
    if connection.vendor == "postgresql":  # no table is altered under unchecked foreign keys
        off = ["SET CONSTRAINTS ALL IMMEDIATE", f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"]
    with connection.cursor() as cursor:
        for statement in [*off, sql]:
            cursor.execute(statement)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE payouts_payoutevent SET reason = 'other' WHERE number = 2", 2),
        ("UPDATE payouts_payoutevent SET person_id = NULL WHERE number = 1", 1),
        ("UPDATE payouts_payoutevent SET to_status = 'failed' WHERE number = 4", 4),
        ("UPDATE payouts_payoutevent SET number = 9 WHERE number = 3", 4),
    ],
)
def test_g12_a_chain_names_the_first_link_that_was_changed(records, change, broken):
    events = PayoutEvent.objects.filter(payout=records).order_by("number")
    assert chain.first_broken(events) is None

    tamper("payouts_payoutevent", "payouts_payoutevent_fixed", change)

    assert chain.first_broken(events.all()).number == broken


def test_a_chain_names_the_link_after_one_that_was_removed(records):
    sql = "DELETE FROM payouts_payoutevent WHERE number = 2"
    tamper("payouts_payoutevent", "payouts_payoutevent_kept", sql)

    events = PayoutEvent.objects.filter(payout=records).order_by("number")
    assert chain.first_broken(events).number == 3


def test_another_key_breaks_every_chain(records, settings):
    settings.AUDIT_KEY = "another key of the right length"
    assert chain.first_broken(PayoutEvent.objects.filter(payout=records).order_by("number"))
    assert chain.first_broken(DeskEvent.objects.order_by("number"))


def test_the_triggers_have_the_names_that_migrations_gave(db):
    """SQLite drops the triggers of a table that a migration rebuilds."""
    found = triggers_of_the_database()
    for table in KEPT:
        assert f"{table}_kept" in found
    for table, _change in FIXED:
        assert f"{table}_fixed" in found


def triggers_of_the_database():
    sql = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        sql = "SELECT tgname FROM pg_trigger"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return {name for [name] in cursor.fetchall()}
