import gc
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection, transaction
from django.db.backends.sqlite3.base import DatabaseOperations as SQLiteOperations
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.plugin import blocking_manager_key

import heleket
from audit import clock as money_clock
from heleket.sandbox import Gateway
from payouts.controls import rates
from payouts.gateway import accounts
from tests import known_rates, policies
from tests.factories import PayoutMethodFactory, put_off_price_list

policies.begin_with(policies.LENIENT)
known_rates.begin_with_one()

# A busy machine stands still for seconds: no test fails by the wall clock, nor by hypothesis's.
hypothesis_settings.register_profile(
    "desk", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("desk")


def pytest_collection_modifyitems(items):
    """Give tests that commit for real the rows that migrations made: the groups and the switch."""
    for item in items:
        if commits(item):
            kwargs = item.get_closest_marker("django_db").kwargs | {"serialized_rollback": True}
            item.add_marker(pytest.mark.django_db(**kwargs), append=False)


def commits(item):
    """Whether a test commits for real, and empties the tables afterwards."""
    marker = item.get_closest_marker("django_db") if item else None
    return bool(marker and marker.kwargs.get("transaction"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Leave the rows of migrations to a test that runs in a transaction after one that committed:
    with several workers that may be any."""
    result = yield
    if commits(item) and nextitem is not None and not commits(nextitem):
        with item.config.stash[blocking_manager_key].unblock():
            rows = getattr(connection, "_test_serialized_contents", "")
            if rows:
                connection.creation.deserialize_db_from_string(rows)
    return result


def pytest_collection_finish():
    """Nothing that was imported and collected is garbage before the end: look among new things."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(autouse=True, scope="session")
def _database_time_is_asked_for_once():
    """Every few seconds a moment would cost a statement, which tests that count would see."""
    money_clock.RESYNC_SECONDS = 24 * 60 * 60.0


@pytest.fixture(autouse=True, scope="session")
def _flush_in_spite_of_triggers():
    """Empty the tables after a test that committed: SQLite deletes rows, which triggers refuse."""

    def execute_sql_flush(operations, sql_list):
        with transaction.atomic(), operations.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _sql in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            for sql in sql_list:
                cursor.execute(sql)
            for _name, sql in triggers:
                cursor.execute(sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQLiteOperations, "execute_sql_flush", execute_sql_flush)
        yield


@pytest.fixture(autouse=True, scope="session")
def _cheap_in_tests():
    """Look for static files when one is asked for, not all of them for each test client, and hash
    passwords as always but with little work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "WHITENOISE_AUTOREFRESH", True, raising=False)
        patch.setattr(Argon2PasswordHasher, "time_cost", 1)
        patch.setattr(Argon2PasswordHasher, "memory_cost", 64)  # KiB
        yield


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self):
        self.time = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self):
        return self.time

    def forward(self, **span):
        self.time += timedelta(**span)


@pytest.fixture
def clock():
    clock = Clock()
    with money_clock.replaced(clock):
        yield clock


@pytest.fixture
def sandbox(clock):
    """A local Heleket in process, with money; its payouts move on when a test says so."""
    gateway = Gateway(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        now=clock,
        sleep=lambda seconds: clock.forward(seconds=seconds),
    )
    gateway.top_up("USDT", "1000000")
    return gateway


@pytest.fixture
def real_rates(monkeypatch):
    """For tests of exchange rates: those that are stored, or none."""
    monkeypatch.setattr(rates, "judged", known_rates.STORED)


@pytest.fixture
def heleket_client(sandbox):
    with heleket.HeleketClient(
        base_url=settings.HELEKET_PROJECT_URL,
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        adapter=sandbox.adapter(),
    ) as client:
        yield client


@pytest.fixture
def account(db, sandbox, heleket_client):
    """The desk of this database; the call by which it was bound is not among those of the test,
    nor the next one for the price list."""
    account = accounts.open_account(heleket_client)
    put_off_price_list()
    sandbox.calls.clear()
    return account


@pytest.fixture
def usdt(db):
    """What Heleket asks for USDT on TRON."""
    return PayoutMethodFactory()
