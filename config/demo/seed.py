"""Fill an empty database with three years of a large desk.

The rows are those of a real desk, chains included; `lives` makes them. The same seed at the same
time gives the same payouts. On PostgreSQL each CPU makes its share and copies it in, with every
index and constraint in force; SQLite takes one writer at a time, and on macOS one process does all.
"""

import io
import itertools
import json
import math
import multiprocessing
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import AutoField, JSONField, Model

from audit import clock
from config.demo import crowd, fill, lives, people
from config.demo.history import Clock
from heleket import sandbox
from payouts.gateway import breaker
from payouts.gateway.accounts import open_account
from payouts.gateway.models import Binding, Pause
from payouts.models import Attempt, Discrepancy, Payout, PayoutNumber, WaitingFor
from wallets.models import PayoutMethod, Wallet
from wallets.services import sync_services

YEARS = timedelta(days=3 * 365)
CHUNK = 1000
PAST = list(lives.PAST), list(itertools.accumulate(lives.PAST.values()))
PRESENT = [fate for fate, share in lives.PRESENT.items() for _ in range(share)]


def refuse_filled_database() -> None:
    """Raise CommandError unless the database is empty: no other desk's data is touched."""
    if connection.introspection.table_names():
        raise CommandError(
            f"The database {connection.settings_dict['NAME']} holds data already, so nothing was "
            "done. Give an empty one, or remove this one first."
        )


def made_this_database() -> bool:
    """Tell whether it is bound to the account that does not exist."""
    bound = Binding._meta.db_table in connection.introspection.table_names()
    return bound and Binding.objects.filter(merchant_id=settings.HELEKET_MERCHANT_ID).exists()


def build(rows: int, seed: int, end: datetime) -> Iterator[int]:
    """Make tables, people and payouts, up to the moment `end`; yield how many there are so far."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # what a crash spoils is made again
    call_command("migrate", verbosity=0)
    with clock.replaced(made_up_clock := Clock(end - YEARS)):
        chance = Random(seed)  # noqa: S311  # the same desk every time
        maker = Maker(make_world(rows, chance, made_up_clock, end), rows, seed)
        chunks = [range(first, first + CHUNK) for first in range(1, rows + 1, CHUNK)]
        yield from itertools.accumulate(spread(maker, chunks))
        made_up_clock.now = end
        finish()


def make_world(rows: int, chance: Random, made_up_clock: Clock, end: datetime) -> lives.World:
    """Make staff, clients and wallets, read the sandbox's catalogue and bind the desk to it."""
    start = made_up_clock.now
    staff = people.hire()
    people.register(staff)
    crowd.register(min(max(rows // 250, 20), 4000), staff, chance)
    fill.date_back(start)
    gateway = sandbox.Gateway(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        now=made_up_clock,
    )
    with fill.client_of(gateway) as client:
        sync_services(client.list_services(), now=start)
        account = open_account(client)
    wallets = list(Wallet.objects.active().select_related("client").order_by("pk"))
    return lives.World(
        staff=staff,
        wallets=wallets,
        weights=list(itertools.accumulate(chance.paretovariate(1.2) for _ in wallets)),
        services={(each.network, each.currency): each for each in PayoutMethod.objects.all()},
        account=account,
        clock=made_up_clock,
        start=start,
        end=end,
    )


@dataclass(frozen=True)
class Maker:
    """Makes payouts by their numbers and stores them."""

    world: lives.World
    rows: int
    seed: int

    def make(self, numbers: range) -> int:
        """Store those of the numbers that there are, and return how many."""
        chance = Random(f"{self.seed} {numbers.start}")  # noqa: S311
        made = [self.live(number, chance) for number in numbers if number <= self.rows]
        with transaction.atomic():
            store(row for life in made for row in life.rows())
        return len(made)

    def live(self, number: int, chance: Random) -> lives.Life:
        life = lives.begin(self.world, number, self.moment(number), chance)
        self.fate(number, chance)(life)
        return life

    def fate(self, number: int, chance: Random) -> lives.Fate:
        if number > self.rows - max(self.rows // 500, 100):
            return PRESENT[number * 37 % len(PRESENT)]  # each of them, well mixed
        fates, shares = PAST
        return chance.choices(fates, cum_weights=shares)[0]

    def moment(self, number: int) -> datetime:
        """When a payout was requested: the desk grows, from nothing, as fast in each year."""
        world = self.world
        return world.start + (world.end - world.start) * math.sqrt(number / self.rows)


def spread(maker: Maker, chunks: Sequence[range]) -> Iterator[int]:
    if connection.vendor != "postgresql" or sys.platform == "darwin":  # libpq may crash in a fork
        yield from map(maker.make, chunks)
        return
    connection.close()  # no two processes may share one
    with ProcessPoolExecutor(
        os.cpu_count(), multiprocessing.get_context("fork"), initializer=inherit, initargs=(maker,)
    ) as pool:
        yield from pool.map(make_share, chunks)


_inherited: Maker  # of a process of the pool: far too large to be sent with each chunk


def inherit(maker: Maker) -> None:
    global _inherited
    _inherited = maker


def make_share(numbers: range) -> int:
    return _inherited.make(numbers)


def finish() -> None:
    """Tell the desk's own state, and the database what it holds."""
    poor = Payout.objects.filter(waiting_for=WaitingFor.FUNDS).order_by("currency")
    with transaction.atomic():
        for currency in poor.values_list("currency", flat=True).distinct():
            breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency=currency)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {PayoutNumber._meta.db_table} (id) "  # noqa: S608
            f"SELECT number FROM {Payout._meta.db_table} ORDER BY number"
        )
        for statement in connection.ops.sequence_reset_sql(no_style(), [PayoutNumber]):
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


# Storing


def store(rows: Iterable[Model]) -> None:
    """Add rows of several tables, those first that others hang on."""
    tables: dict[type[Model], list[Any]] = defaultdict(list)
    for row in rows:
        tables[type(row)].append(row)
    found = tables.pop(Discrepancy, [])
    for model, some in tables.items():
        copy(model, some) if connection.vendor == "postgresql" else create(model, some)
    attempts = Attempt.objects.in_bulk([each.key for each in found], field_name="order_id")
    for each in found:
        each.attempt = attempts[each.key]
    create(Discrepancy, found)


def create(model: Any, rows: Sequence[Any]) -> None:
    model.objects.bulk_create(rows, batch_size=500)


def copy(model: type[Model], rows: Sequence[Any]) -> None:
    """Add rows with COPY. No text of ours has tabs or line breaks, or is just "None"."""
    fields = [each for each in model._meta.concrete_fields if not isinstance(each, AutoField)]
    for field in fields:
        if isinstance(field, JSONField):
            for row in rows:
                row.__dict__[field.attname] = json.dumps(row.__dict__[field.attname])
    values = itemgetter(*(field.attname for field in fields))
    lines = ["\t".join(map(str, values(row.__dict__))) for row in rows]
    text = "\n".join(lines).replace("\\", "\\\\")
    columns = ", ".join(str(field.column) for field in fields)
    copying = f"COPY {model._meta.db_table} ({columns}) FROM STDIN (NULL 'None')"
    with connection.cursor() as cursor:
        cursor.copy_expert(copying, io.StringIO(text))
