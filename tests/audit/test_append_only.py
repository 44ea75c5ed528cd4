"""Every table and every column that a trigger keeps is tried, whatever package it is of: a row of
each is there, and SQL that changes or deletes it is refused."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from audit import clock, kept
from payouts.books.models import BalanceReading, Fall, Movement
from payouts.controls.models import PastRate
from payouts.models import ClosedMonth, Payout, WebhookDelivery
from payouts.models.note import Note
from payouts.staff.models import Login, PasswordLink, PowerChange, Recovery
from tests.books.months import live
from tests.factories import DiscrepancyFactory, StaffFactory

pytestmark = pytest.mark.django_db

OTHER = {  # a value for a column of each kind that no row here has
    "CharField": "'~'",
    "TextField": "'~'",
    "JSONField": """'{"~": 1}'""",
    "DateTimeField": "'2001-02-03 04:05:06'",
    "DateField": "'2001-02-03'",
    "AmountField": "7.12345678",
    "RateField": "7.12345678",
}


@pytest.fixture
def rows(unchecked_office):
    """At least one row in every table that is kept."""
    live(unchecked_office, 1)
    person, now, day = StaffFactory(), clock.now(), date(2026, 3, 1)
    payout = Payout.objects.order_by("number").first()
    DiscrepancyFactory(kind="vanished", payout=payout)
    Note.objects.create(payout=payout, author=person, written_at=now, text="n")
    WebhookDelivery.objects.create(digest="d", body="b", outcome="known", received_at=now)
    ClosedMonth.objects.create(month=day, closed_at=now, root="r", sha256="s", cut={"a": 1})
    PastRate.objects.create(
        currency="X", reference="USD", rate=1, text="1", said_at=now, standing="sound"
    )
    Login.objects.create(person=person, text="l", folded="l-of-this-test")
    PasswordLink.objects.create(person=person, digest="d", made_at=now, expires_at=now)
    PowerChange.objects.create(person=person, at=now, what="rights")
    Recovery.objects.create(person=person, reason="r", asked_at=now, effective_at=now)
    reading = BalanceReading.objects.create(currency="X", amount=1, at=now, is_clear=True)
    Fall.objects.create(
        reading=reading, currency="X", before=Decimal(2), since=now, day=day, found_at=now
    )
    Movement.objects.create(
        currency="X",
        direction="in",
        amount=1,
        day=day,
        happened_on=day,
        category="other",
        evidence="e",
        entered_by=person,
        entered_at=now,
    )


def refused(sql):
    """Try it, and undo it if the database lets it through; return why it did not."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            transaction.set_rollback(True)
    except DatabaseError as exc:
        return str(exc)
    return ""


def kept_tables(end):
    return {
        table: statement
        for name, (table, statement) in kept.wanted().items()
        if name == f"{table}{end}"
    }


def fields_of(table):
    [model] = [each for each in apps.get_models() if each._meta.db_table == table]
    return {field.column: field for field in model._meta.concrete_fields}


def other_value(field):
    kind = field.get_internal_type()
    if type(field).__name__ in OTHER or kind in OTHER:
        return OTHER.get(type(field).__name__) or OTHER[kind]
    if kind == "BooleanField":
        return f"NOT {field.column}"
    if kind == "BinaryField":
        return "'x'" if connection.vendor == "postgresql" else "x'00'"
    if field.is_relation and field.target_field.get_internal_type() == "UUIDField":
        return "'00000000-0000-4000-8000-000000000000'"
    return f"coalesce({field.column}, 0) + 77"


def test_i17_no_row_of_a_kept_table_is_deleted(rows):
    tables = kept_tables("_kept")
    assert {"payouts_payoutevent", "payouts_statement", "payouts_entry"} <= tables.keys()
    for table in tables:
        assert "kept for ever" in refused(f"DELETE FROM {table}"), table


def test_i17_no_column_that_is_fixed_is_changed(rows):
    tables = kept_tables("_fixed")
    assert {"payouts_payoutevent", "payouts_approval", "wallets_wallet"} <= tables.keys()
    tried = 0
    for table, statement in tables.items():
        fields = fields_of(table)
        named = set(re.findall(r"\bOLD\.(\w+)", statement))
        for column in sorted(named or fields.keys() - {"id", "day"}):
            change = f"UPDATE {table} SET {column} = {other_value(fields[column])}"
            why = refused(change)
            assert re.search("fixed|rows are only added|destination", why), f"{change}: {why}"
            tried += 1
    assert tried > 100


def test_i17_the_file_of_a_closed_month_is_named_once(rows):
    for column in ("cut", "root", "sha256"):
        value = """'{"b": 2}'""" if column == "cut" else "'other'"
        assert "fixed" in refused(f"UPDATE payouts_closedmonth SET {column} = {value}")
