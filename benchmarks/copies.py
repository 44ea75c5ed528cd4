"""A million payouts that are only looked at: copies of a few hundred that were lived through.

A copy has all rows of its original but webhooks, with numbers, references and times of its own, and
goes to a wallet of a large crowd. Its chain and its bytes are the original's, so no chain closes
and nothing of it could be sent.

ROWS=20000 in the environment is for a quick look.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import AutoField, DateTimeField

from audit import clock
from benchmarks import stage
from config.demo import history
from payouts.models import (
    USUAL_WAIT,
    Approval,
    Attempt,
    Discrepancy,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutNumber,
)
from payouts.portal.models import UnfedEvent

SMALL, LARGE = 1000, int(os.environ.get("ROWS", "1000000"))
YEARS = timedelta(days=3 * 365)
FEWEST_CLIENTS, MOST_CLIENTS = 400, 4000

# The desk grows from nothing, as fast in each year. Two of three of the last are not over yet.
PLAN = """
CREATE TEMPORARY TABLE copy ON COMMIT DROP AS
WITH original AS (
    SELECT id, requested_at, status != ALL(%(open)s) AS is_over,
        row_number() OVER (PARTITION BY status != ALL(%(open)s) ORDER BY number) - 1 AS place
    FROM payouts_payout
), wallet AS (
    SELECT *, row_number() OVER (ORDER BY id) - 1 AS place
    FROM wallets_wallet WHERE status = 'active'
), planned AS (
    SELECT number, number <= %(rows)s - %(recent)s OR number %% 3 = 0 AS is_over,
        %(start)s + %(years)s * sqrt(number::float / %(rows)s) AS at
    FROM generate_series(%(first)s, %(rows)s) AS number
)
SELECT gen_random_uuid() AS id, number, original.id AS original, at - requested_at AS later,
    client_id, wallet.id AS wallet_id, network, address, memo, preferred_currency AS currency
FROM planned
JOIN original ON original.is_over = planned.is_over AND original.place =
    number %% (SELECT count(*) FROM original AS alike WHERE alike.is_over = planned.is_over)
JOIN wallet ON wallet.place = number::bigint * 7919 %% (SELECT count(*) FROM wallet)
"""

PLANNED = ("id", "number", "client_id", "wallet_id", "network", "address", "memo", "currency")
ORIGIN = """CASE WHEN copy.number % 100 < 50 THEN 'manual' WHEN copy.number % 100 < 77 THEN 'import'
    WHEN copy.number % 100 < 92 THEN 'api' WHEN copy.number % 100 < 98 THEN 'scheduled'
    ELSE 'bonus' END"""
REFERENCE = "regexp_replace(old.reference, '[0-9]+', (10000 + copy.number)::text)"
WORDS = f"old.purpose || ' ' || {REFERENCE}"
OF_PAYOUT = {"payout_id": "copy.id"}

# In each table, what a copy has of its own: all else is as in the original, times as much later.
OWN = {
    Payout: {
        **{name: f"copy.{name}" for name in PLANNED},
        "reference": REFERENCE,
        "searched": f"trim(regexp_replace(lower({WORDS}), '\\W+', ' ', 'g'))",
        "origin": ORIGIN,
        "idempotency_key": f"({ORIGIN}) || ':' || copy.number",
    },
    PayoutMaker: OF_PAYOUT,
    Approval: OF_PAYOUT,
    PayoutEvent: OF_PAYOUT,
    Attempt: {
        **OF_PAYOUT,
        "order_id": "left(replace(copy.id::text, '-', ''), 30) || right(old.order_id, 2)",
        "uuid": "CASE WHEN old.uuid IS NOT NULL THEN gen_random_uuid()::text END",
        "txid": "CASE WHEN old.txid = '' THEN '' ELSE md5(copy.id::text) END",
    },
    Discrepancy: {
        **OF_PAYOUT,
        "key": "copy.id::text",
        "attempt_id": "(SELECT id FROM payouts_attempt"
        " WHERE payout_id = copy.id AND generation = 1)",
    },
}


def fill(rows: int) -> None:
    """Make tables, people and payouts of three years, as many as `rows`, on PostgreSQL."""
    call_command("migrate", verbosity=0)
    start = clock.now() - YEARS
    clients = min(max(rows // 250, FEWEST_CLIENTS), MOST_CLIENTS)
    with history.opened(start, Random(1), clients=clients) as story:
        for _ in history.live(story, start + timedelta(days=history.DAYS + 1)):
            pass
    multiply(rows, start)
    print(f"  {rows:,} payouts made", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def multiply(rows: int, start: datetime) -> None:
    """Copy the payouts that there are, each many times, up to the number `rows`."""
    with transaction.atomic(), connection.cursor() as cursor:
        plan(cursor, rows, start)
        for model, own in OWN.items():
            copy(cursor, model, own)
        store_numbers(cursor)
        cursor.execute(f"TRUNCATE {UnfedEvent._meta.db_table}")  # the feed has had years for them


def plan(cursor, rows: int, start: datetime) -> None:
    """Say of each copy which payout it is one of, when it was requested and where it goes."""
    values = {
        "open": list(USUAL_WAIT),
        "first": Payout.objects.latest("number").number + 1,
        "rows": rows,
        "recent": max(rows // 500, 100),
        "start": start,
        "years": YEARS,
    }
    cursor.execute(PLAN, values)


def copy(cursor, model, own: dict[str, str]) -> None:
    """Add a row to each copy for each row of its original."""
    fields = [each for each in model._meta.concrete_fields if not isinstance(each, AutoField)]
    columns = ", ".join(field.column for field in fields)
    values = ", ".join(own.get(field.attname) or value_of(field) for field in fields)
    table, payout = model._meta.db_table, "id" if model is Payout else "payout_id"
    cursor.execute(
        f"INSERT INTO {table} ({columns}) SELECT {values} "
        f"FROM {table} AS old JOIN copy ON copy.original = old.{payout}"
    )


def value_of(field) -> str:
    value = f"old.{field.column}"
    return f"{value} + copy.later" if isinstance(field, DateTimeField) else value


def store_numbers(cursor) -> None:
    numbers = PayoutNumber._meta.db_table
    cursor.execute(f"INSERT INTO {numbers} (id) SELECT number FROM copy")
    for statement in connection.ops.sequence_reset_sql(no_style(), [PayoutNumber]):
        cursor.execute(statement)


# Databases


@contextmanager
def databases() -> Iterator[tuple[str, str]]:
    """Yield the names of two, with SMALL payouts and with LARGE ones. The first benchmark that
    needs the large one makes it, and it stays until the end of the run."""
    small = connection.settings_dict["NAME"]
    large = stage.LARGE_DATABASE
    fill(SMALL)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [large])
        if is_new := cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {large}")
    try:
        at_database(large)
        if is_new:
            fill(LARGE)
        yield small, large
    finally:
        at_database(small)


def at_database(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
