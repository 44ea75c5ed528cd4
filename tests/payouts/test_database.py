"""Which errors of the database are an outage that passes, and which belong to one payout."""

import select

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.test import Client
from django.urls import reverse

from audit import database
from audit.models import DeskEvent
from payouts.controls.models import Switch
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def error_of(*statements, on=connection):
    """The error that the last of these statements ends in, on a real server."""
    *before, last = statements
    with on.cursor() as cursor:
        for statement in before:
            cursor.execute(statement)
        with pytest.raises(DatabaseError) as raised:
            cursor.execute(last)
    return raised.value


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statements",
    [
        ("SET TRANSACTION READ ONLY", "UPDATE payouts_controls_switch SET is_on = is_on"),
        ("SET TRANSACTION READ ONLY", "SELECT 1 FROM payouts_controls_switch FOR SHARE"),
        ("SET LOCAL statement_timeout = '1ms'", "SELECT pg_sleep(10)"),
    ],
    ids=["writes", "locks", "takes long"],
)
def test_g73_a_server_that_only_reads_or_stops_a_statement_is_an_outage(statements):
    with transaction.atomic():
        assert database.has_failed(error_of(*statements))
        transaction.set_rollback(True)


@pytest.mark.postgres
@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "idle_session_timeout"])
def test_g73_a_session_that_a_limit_ended_is_an_outage(limit):
    other = connection.copy()
    begin = "BEGIN" if "transaction" in limit else "SELECT 1"
    try:
        with other.cursor() as cursor:
            cursor.execute(f"SET {limit} = '1ms'; {begin}")
        assert select.select([other.connection], [], [], 60)[0]  # the server speaks unasked
        assert database.has_failed(error_of("SELECT 1", on=other))
    finally:
        other.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("code", "passes"),
    [("25006", True), ("25P03", True), ("25P04", True), ("P0001", False), ("XX000", False)],
)
def test_g73_an_internal_error_is_an_outage_by_its_code_alone(code, passes):
    """A limit may end the session before or while a statement runs; the driver calls the second,
    like any error that a server has no class for, internal."""
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'over' USING ERRCODE = '{code}'; END $$"
    with transaction.atomic():
        raised = error_of(raising)
        transaction.set_rollback(True)
    assert isinstance(raised, InternalError)
    assert database.has_failed(raised) is passes


def test_g73_a_rule_of_ours_that_is_broken_is_no_outage():
    """It never passes: whoever waits for that waits for ever."""
    DeskEvent.objects.create(
        number=1, event_type="resume", at="2026-01-01T00:00:00Z", channel="admin"
    )
    with transaction.atomic():
        refused = error_of("UPDATE audit_deskevent SET reason = 'x'")
        transaction.set_rollback(True)
    assert not database.has_failed(refused)
    assert not database.has_failed(IntegrityError("duplicate key"))
    assert database.has_failed(OperationalError("server closed the connection unexpectedly"))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_g73_a_web_process_leaves_a_server_that_only_reads_with_its_first_error():
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    turn, pause = reverse("admin:payouts_controls_switch_set"), {"to": "paused", "reason": "Stop"}

    assert client.post(turn, pause, secure=True).status_code == 500
    assert Switch.objects.get().is_on

    assert client.post(turn, pause, secure=True).status_code == 302
    assert not Switch.objects.get().is_on
