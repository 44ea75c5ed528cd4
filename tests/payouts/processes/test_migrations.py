"""Migrations while the desk works. FULL_ROWS=1000000 is the size that F4 speaks of."""

import os
import threading

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, migrations, transaction
from django.db.migrations.loader import MigrationLoader

from payouts import chain, indexes
from payouts.models import Attempt, Payout
from tests.payouts.processes.harness import Process, until

pytestmark = pytest.mark.processes

ROWS = int(os.environ.get("FULL_ROWS", "20000"))
BLOCKED_AT_MOST = "1s"

# What the first release brought; a desk has its data from then on.
FIRST_RELEASE = {
    "wallets": "0002_wallet_keeps_destination",
    "controls": "0002_switch_row",
    "payouts": "0003_roles",
}
TABLES = ["payouts_payout", "payouts_attempt", "payouts_payoutevent"]
LARGE = ["payout", "attempt", "payoutevent", "payoutmaker", "approval", "webhookdelivery"]


def newer_migrations():
    """The migrations of our apps after the first release, in an order that works."""
    graph = MigrationLoader(None).graph
    first = {key for app, name in FIRST_RELEASE.items() for key in graph.forwards_plan((app, name))}
    leaves = [leaf for app in FIRST_RELEASE for leaf in graph.leaf_nodes(app)]
    plan = dict.fromkeys(key for leaf in leaves for key in graph.forwards_plan(leaf))
    return [graph.nodes[key] for key in plan if key not in first and key[0] in FIRST_RELEASE]


@pytest.mark.parametrize("migration", newer_migrations(), ids=str)
def test_f4_a_migration_does_nothing_that_holds_others_up(migration):
    """An added column is nullable or has a default in the database, so that code which does not
    know it goes on writing; an index is built beside the traffic."""
    for operation in migration.operations:
        if getattr(operation, "model_name_lower", "") not in LARGE:
            continue
        if isinstance(operation, migrations.AddField):
            assert operation.field.null or operation.field.has_db_default(), operation
        else:
            assert isinstance(operation, indexes.AddIndex), operation
            assert not migration.atomic


@pytest.fixture
def large(database, make_approved):
    """A database with one payout that has a history, and many copies of it and its attempt."""
    [payout] = make_approved()
    attempt = Attempt.objects.create(
        payout=payout,
        generation=1,
        order_id="first",
        gateway_host="gateway",
        merchant_id="merchant",
        body="{}",
        created_at=payout.requested_at,
        uuid="first",
    )
    copy_payout(columns_of("payouts_payout"), payout.number, ROWS)
    copy_attempt(columns_of("payouts_attempt"), attempt.order_id, ROWS)
    return payout


def columns_of(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        return [column.name for column in cursor.description]


def copy_payout(columns, number, times, *, mark="copy"):
    """Write payouts as code does that knows these columns."""
    changed = {
        "id": f"md5('{mark}' || n)::uuid",
        "number": "(SELECT max(number) FROM payouts_payout) + n",
        "idempotency_key": f"'{mark}' || n",
    }
    copy("payouts_payout", columns, f"number = {number}", times, changed)


def copy_attempt(columns, order_id, times, *, mark="copy", but=()):
    changed = {
        "payout_id": f"md5('{mark}' || n)::uuid",
        "order_id": f"'{mark}' || n",
        "uuid": f"'{mark}' || n",
    }
    known = [name for name in columns if name != "id"]
    copy("payouts_attempt", known, f"order_id = '{order_id}'", times, changed | dict(but))


def copy(table, columns, which, times, changed):
    values = [changed.get(name, name) for name in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM {table}, generate_series(1, {times}) AS n WHERE {which}"
        )


@pytest.fixture
def migrate(environment, processes):
    def migrate(*target):
        processes.append(Process("migrate", *target, env=environment))
        assert processes[-1].popen.wait(timeout=600) == 0, processes[-1].written

    return migrate


def roll_back():
    for target in reversed(FIRST_RELEASE.items()):
        call_command("migrate", *target, verbosity=0)


def contents():
    """A number for each table that is another one if any row of it is."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t")
            yield table, *cursor.fetchone()


def test_f4_migrations_are_rolled_back_and_made_again_with_every_row_kept(large):
    before = list(contents())

    roll_back()
    call_command("migrate", verbosity=0)

    assert list(contents()) == before
    assert chain.first_broken(large.events.order_by("number")) is None
    assert Payout.objects.count() == ROWS + 1


def test_f4_migrations_hold_no_payout_up_for_a_second_and_old_code_goes_on(large, migrate):
    """Code that knows the first release alone writes before, during and after: whatever is newer
    refuses none of it, and what keeps a payout from being paid twice holds for it as well."""
    roll_back()
    known = {table: columns_of(table) for table in TABLES}
    with Traffic(large.number, known) as traffic:
        for migration in newer_migrations():
            before = traffic.rounds
            migrate(migration.app_label, migration.name)
            until(lambda before=before: traffic.rounds > before or traffic.trouble)
    assert traffic.trouble == []

    copy_payout(known["payouts_payout"], large.number, 1, mark="old code")
    copy_attempt(known["payouts_attempt"], "first", 1, mark="old code")
    kept = Attempt.objects.count()
    for again in (
        {"order_id": "'again'", "uuid": "NULL"},
        {"generation": "2", "uuid": "NULL"},
        {"generation": "2", "order_id": "'again'"},
    ):
        with pytest.raises(IntegrityError):
            copy_attempt(known["payouts_attempt"], "first", 1, mark="old code", but=again)
    assert Attempt.objects.count() == kept


class Traffic:
    """Another connection that goes on writing payouts and will not wait longer for any lock."""

    def __init__(self, number, known):
        self.number, self.known = number, known
        self.rounds, self.trouble, self.is_over = 0, [], False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def run(self):
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{BLOCKED_AT_MOST}'")
            while not self.is_over:
                self.write(f"traffic {self.rounds} ")
                self.rounds += 1
        except DatabaseError as exc:
            self.trouble.append(exc)
        finally:
            connection.close()

    def write(self, mark):
        with transaction.atomic():
            Payout.objects.filter(number=self.number).only("pk").select_for_update().get()
            copy_payout(self.known["payouts_payout"], self.number, 1, mark=mark)
            copy_attempt(self.known["payouts_attempt"], "first", 1, mark=mark)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE payouts_payout SET due_at = now(), checks = checks + 1 "
                    "WHERE number = %s",
                    [self.number],
                )
