"""Migrations while the desk works. FULL_ROWS=1000000 is the size that F4 speaks of.

To those that the desk has, `later` adds some made-up ones.
"""

import os
import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings

from audit import chain, indexes
from payouts.models import Attempt, Payout, WebhookDelivery
from tests.payouts.processes.harness import until

pytestmark = pytest.mark.processes

ROWS = int(os.environ.get("FULL_ROWS", "5000"))
BLOCKED_AT_MOST = "1s"

# What the first release brought; a desk has its data from then on.
FIRST_RELEASE = {
    "audit": "0002_events_stay",
    "wallets": "0008_of_the_api",
    "payouts_gateway": "0007_continuity",
    "payouts_controls": "0010_earlier_drafts_stay",
    "payouts": "0031_open_journal",
    "payouts_staff": "0022_add_roles",
    "payouts_portal": "0007_keys_by_two",
    "payouts_books": "0004_readings_and_movements_stay",
    "payouts_reconciliation": "0003_restore",
}
LATER = {"payouts": "tests.payouts.processes.later"}
LARGE = ["payout", "attempt", "payoutevent", "payoutmaker", "approval", "webhookdelivery"]
TABLES = [f"payouts_{name}" for name in LARGE]
UNCHANGED = [
    *("payouts_payoutevent", "payouts_payoutmaker"),
    *("payouts_approval", "payouts_webhookdelivery"),
]
# Code and SQL of these migrations was looked at: they lock few rows of a large table at a time.
LOOKED_AT = {"payouts.9002_fill_notes", "payouts.9004_weights_stay"}


def newer_migrations():
    """The migrations of our apps after the first release, in an order that works."""
    with override_settings(MIGRATION_MODULES=LATER):
        graph = MigrationLoader(None).graph
    first = {key for app, name in FIRST_RELEASE.items() for key in graph.forwards_plan((app, name))}
    leaves = [leaf for app in FIRST_RELEASE for leaf in graph.leaf_nodes(app)]
    plan = dict.fromkeys(key for leaf in leaves for key in graph.forwards_plan(leaf))
    return [graph.nodes[key] for key in plan if key not in first and key[0] in FIRST_RELEASE]


@pytest.mark.parametrize("migration", newer_migrations(), ids=str)
def test_f4_a_migration_does_nothing_that_holds_others_up(migration):
    for operation in migration.operations:
        assert lets_others_go_on(operation, migration), operation


def lets_others_go_on(operation, migration):
    """An added column is nullable or has a default in the database, so that code which does not
    know it goes on writing; an index is built beside the traffic; nothing else is done to a large
    table. What does not name its table has to be looked at by a person."""
    model = getattr(operation, "model_name_lower", "") or getattr(operation, "name_lower", "")
    if not model:
        return str(migration) in LOOKED_AT
    if isinstance(operation, migrations.AlterModelOptions):
        return True  # nothing of it is in the database
    if isinstance(operation, migrations.AddField) and model in LARGE:
        return operation.field.null or operation.field.has_db_default()
    if isinstance(operation, indexes.AddIndex):
        return not migration.atomic
    return model not in LARGE


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RunSQL("LOCK payouts_payout"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(),
        migrations.AddField("Payout", "more", models.IntegerField(default=0)),
        migrations.AlterField("Payout", "purpose", models.CharField(max_length=9)),
        migrations.AddIndex("Attempt", models.Index(fields=["body"], name="body")),
        indexes.AddIndex("Attempt", models.Index(fields=["body"], name="body")),
        migrations.RenameModel("PayoutEvent", "Happening"),
        migrations.DeleteModel("Approval"),
    ],
    ids=lambda operation: f"{type(operation).__module__}.{type(operation).__name__}",
)
def test_f4_what_would_hold_others_up_is_found(operation):
    assert not lets_others_go_on(operation, migrations.Migration("0099_more", "payouts"))


@pytest.fixture
def large(database, make_approved, settings):
    """A database with one payout that has a history, and many copies of it and all it has."""
    settings.MIGRATION_MODULES = LATER
    [payout] = make_approved()
    Attempt.objects.create(
        payout=payout,
        generation=1,
        order_id="first",
        gateway_host="gateway",
        merchant_id="merchant",
        body="{}",
        created_at=payout.requested_at,
        uuid="first",
    )
    WebhookDelivery.objects.create(digest="first", body="{}", received_at=payout.requested_at)
    for table in TABLES:
        assert copy(table, columns_of(table), payout.pk, ROWS) >= ROWS
    return payout


def columns_of(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        return [column.name for column in cursor.description]


def copy(table, columns, payout, times, *, mark="copy", but=()):
    """Write rows as code does that knows these columns; return how many."""
    changed = new_in_copies(mark)[table] | dict(but)
    values = {name: changed.get(name, name) for name in columns if name != "id" or name in changed}
    of_payout = f"payout_id = '{payout}'"
    which = {"payouts_payout": f"id = '{payout}'", "payouts_webhookdelivery": "digest = 'first'"}
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} "
            f"FROM {table}, generate_series(1, {times}) AS n "
            f"WHERE {which.get(table, of_payout)}"
        )
        return cursor.rowcount


def new_in_copies(mark):
    """What is another one in each copy, as SQL; the rest is copied."""
    name, payout = f"'{mark}' || n", f"md5('{mark}' || n)::uuid"
    return {table: {"payout_id": payout} for table in TABLES} | {
        "payouts_payout": {
            "id": payout,
            "number": "(SELECT max(number) FROM payouts_payout) + n",
            "idempotency_key": name,
        },
        "payouts_attempt": {"payout_id": payout, "order_id": name, "uuid": name},
        "payouts_webhookdelivery": {"digest": name},
    }


def roll_back():
    MigrationExecutor(connection).migrate(list(FIRST_RELEASE.items()))


def migrate(progress=None):
    executor = MigrationExecutor(connection, progress)
    executor.migrate(executor.loader.graph.leaf_nodes())


def contents():
    """A number for each table that is another one if any row of it is."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t")
            yield table, *cursor.fetchone()


def test_f4_migrations_are_rolled_back_and_made_again_with_every_row_kept(large):
    migrate()
    before = list(contents())

    roll_back()
    assert [table for table, *rest in contents() if (table, *rest) in before] == UNCHANGED
    migrate()

    assert list(contents()) == before
    assert chain.first_broken(large.events.order_by("number")) is None
    assert Payout.objects.count() == ROWS + 1


def test_f4_migrations_hold_no_payout_up_for_a_second_and_old_code_goes_on(large):
    """Code that knows the first release alone writes before, during and after: whatever is newer
    refuses none of it, and what keeps a payout from being paid twice holds for it as well."""
    roll_back()
    known = {table: columns_of(table) for table in TABLES}
    with Traffic(large.pk, known) as traffic:
        migrate(traffic.goes_on)
    assert traffic.trouble == []
    assert traffic.rounds > len(newer_migrations())

    for table in TABLES:
        copy(table, known[table], large.pk, 1, mark="old code")
    kept = Attempt.objects.count()
    for again in (
        {"order_id": "'again'", "uuid": "NULL"},
        {"generation": "2", "uuid": "NULL"},
        {"generation": "2", "order_id": "'again'"},
    ):
        with pytest.raises(IntegrityError, match="unique"):
            copy(
                "payouts_attempt", known["payouts_attempt"], large.pk, 1, mark="old code", but=again
            )
    assert Attempt.objects.count() == kept


class Traffic:
    """Another connection that writes payouts and all they have, and waits a second for no lock."""

    def __init__(self, payout, known):
        self.payout, self.known = payout, known
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

    def goes_on(self, done, migration=None, _is_fake=False):
        """Wait before and after each migration until a round was written."""
        if migration:
            before = self.rounds
            until(lambda: self.rounds > before or self.trouble)

    def write(self, mark):
        with transaction.atomic():
            Payout.objects.filter(pk=self.payout).only("pk").select_for_update().get()
            for table in TABLES:
                copy(table, self.known[table], self.payout, 1, mark=mark)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE payouts_payout SET due_at = now(), poll_count = poll_count + 1 "
                    "WHERE id = %s",
                    [self.payout],
                )
