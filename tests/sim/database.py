"""The database of a run: real commits, with staff, clients and wallets and nothing else."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection

from payouts.staff.roles import ROLES
from tests import known_rates, policies
from tests.factories import ClientFactory, PayoutMethodFactory, UserFactory, WalletFactory
from tests.payouts.processes.conftest import at_database, on_server
from tests.sim.clock import START

STAFF = {
    "rosa": ["Requester"],
    "ruben": ["Requester"],
    "selma": ["Requester", "Approver"],  # approves what she requested, if anybody lets her
    "amira": ["Approver"],
    "anton": ["Approver"],
    "omar": ["Operator"],
    "olga": ["Operator"],
    "root": list(ROLES),
    "ada": ["Approver"],
    "nina": [],
    "paula": ["Policy manager"],
    "pavel": ["Policy manager"],
    "uma": ["User manager"],
    "ugo": ["User manager"],
}
# Client, who added the wallet, network, address. Nobody pays to a wallet of her own adding.
WALLETS = [
    (1, "ruben", "tron", "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"),
    (1, "selma", "eth", "0x52908400098527886E0F7030069857D2E4169EE7"),
    (2, "ruben", "tron", "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"),
    (2, "selma", "tron", "TLyqzVGLV1srkB7dToTAEqgDSfPtXRJZYH"),
    (3, "ruben", "eth", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"),
]


def fill() -> None:
    """Make who and what every run begins with."""
    known_rates.begin_with_one()
    for name, roles in STAFF.items():
        person = UserFactory(username=name, is_superuser=name == "root")
        person.groups.set(Group.objects.filter(name__in=roles))
    people = User.objects.in_bulk(field_name="username")
    clients = {  # an order id is made of the client's, so these are the same in every process
        number: ClientFactory(external_id=f"S-{number}", created_by=people["ruben"])
        for number in (1, 2, 3)
    }
    for number, adder, network, address in WALLETS:
        WalletFactory(
            client=clients[number],
            network=network,
            address=address,
            added_by=people[adder],
            approved_by=people["amira"],
            approved_at=START,
        )
    PayoutMethodFactory(synced_at=START)
    PayoutMethodFactory(
        network="eth", currency="SHIB", max_amount=Decimal(900_000_000), synced_at=START
    )


@contextmanager
def fresh() -> Iterator[None]:
    """Use a copy of a filled database instead of the present one."""
    with sqlite_copy() if connection.vendor == "sqlite" else postgres_copy():
        yield


# SQLite in memory: a copy takes a millisecond


@contextmanager
def sqlite_copy() -> Iterator[None]:
    original, mine = sqlite_template(), new_connection()
    original.backup(mine)
    with instead(mine):
        yield
    mine.close()


@cache
def sqlite_template() -> sqlite3.Connection:
    """A filled database, made once in a process."""
    made = new_connection()
    sqlite_migrated().backup(made)
    with instead(made):
        fill()
    return made


@cache
def sqlite_migrated() -> sqlite3.Connection:
    made = new_connection()
    with instead(made):
        migrate()
    return made


def migrate() -> None:
    """Make the tables, with the policy of most runs; those that govern put others in force."""
    policies.begin_with(policies.LENIENT)
    call_command("migrate", verbosity=0)


def new_connection() -> sqlite3.Connection:
    """Open a database in memory, as Django opens its own."""
    connection.ensure_connection()
    made = connection.get_new_connection(
        connection.get_connection_params() | {"database": ":memory:", "uri": False}
    )
    made.isolation_level = None  # Django begins and commits by itself
    return made


@contextmanager
def instead(mine: sqlite3.Connection) -> Iterator[None]:
    """Let Django use this connection for a while, and not close it: a database in memory ends."""
    usual, before = connection.settings_dict["NAME"], connection.connection
    connection.settings_dict["NAME"], connection.connection = ":memory:", mine
    try:
        yield
    finally:
        connection.settings_dict["NAME"], connection.connection = usual, before


@contextmanager
def backups() -> Iterator["Backups"]:
    """Let copies of the present database be made and put back."""
    made = Backups()
    try:
        yield made
    finally:
        made.close()


class Backups:
    """The last copy of the database of a run. What is put back takes the place of all that was
    written since."""

    def __init__(self) -> None:
        self.copy: sqlite3.Connection | str | None = None

    def make(self) -> None:
        self.close()
        if connection.vendor == "sqlite":
            self.copy = new_connection()
            connection.ensure_connection()
            connection.connection.backup(self.copy)
        else:
            self.copy = f"sim_backup_{os.getpid()}"
            copy_on_server(connection.settings_dict["NAME"], self.copy)

    def put_back(self) -> None:
        if isinstance(self.copy, sqlite3.Connection):
            self.copy.backup(connection.connection)
        elif self.copy:
            mine = connection.settings_dict["NAME"]
            on_server(f"DROP DATABASE {mine}")
            copy_on_server(self.copy, mine)

    def close(self) -> None:
        copy, self.copy = self.copy, None
        if isinstance(copy, sqlite3.Connection):
            copy.close()
        elif copy:
            mine = connection.settings_dict["NAME"]
            on_server(f"DROP DATABASE {copy}")
            at_database(mine)


def copy_on_server(original: str, copy: str) -> None:
    mine = connection.settings_dict["NAME"]
    on_server(f"CREATE DATABASE {copy} TEMPLATE {original}")
    at_database(mine if mine != "postgres" else copy)


# PostgreSQL: the server copies a template


@contextmanager
def postgres_copy() -> Iterator[None]:
    template, mine = postgres_template(), f"sim_{os.getpid()}"
    usual = connection.settings_dict["NAME"]
    on_server(f"CREATE DATABASE {mine} TEMPLATE {template}")
    at_database(mine)
    try:
        yield
    finally:
        on_server(f"DROP DATABASE {mine}")
        at_database(usual)


@cache
def postgres_template() -> str:
    name, usual = f"sim_template_{os.getpid()}", connection.settings_dict["NAME"]
    on_server(f"CREATE DATABASE {name}")
    at_database(name)
    migrate()
    fill()
    at_database(usual)
    return name
