import contextlib
import os
import random
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from audit import clock
from heleket.sandbox.catalogue import PRICES
from payouts.gateway.models import Pause
from payouts.models import Payout, PayoutStatus
from payouts.polling import QUESTION_LASTS
from tests import canaries, known_rates
from tests.factories import (
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
    put_off_price_list,
)
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.processes.harness import (
    SECONDS,
    TIMEOUT_SECONDS,
    Celery,
    Process,
    Proxy,
    Redis,
    Sandbox,
    until,
)

# Workers of one run share a server.
TEMPLATE = f"desk_template_{os.environ.get('PYTEST_XDIST_WORKER', '')}"


def at_database(name):
    """Let this process use another database of the same server."""
    connection.close()
    connection.settings_dict["NAME"] = name


def on_server(*statements):
    at_database("postgres")
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


@pytest.fixture(scope="session")
def template(django_db_setup, django_db_blocker):
    """A migrated database that every test gets a copy of."""
    usual = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        on_server(f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}")
        at_database(TEMPLATE)
        call_command("migrate", verbosity=0)
        at_database(usual)
    return TEMPLATE


@pytest.fixture
def database(template, django_db_blocker):
    """A database of this test's own, for this process and those that it starts."""
    usual, name = connection.settings_dict["NAME"], f"desk_{random.randrange(10**9)}"
    with django_db_blocker.unblock():
        on_server(f"CREATE DATABASE {name} TEMPLATE {template}")
        at_database(name)
        PayoutMethodFactory()
        put_off_price_list()
        known_rates.store(PRICES, clock.now())
        yield name
        try:
            at_database(name)  # some tests have been elsewhere
            canaries.look_at_rows(connection)
        finally:
            on_server(f"DROP DATABASE {name} WITH (FORCE)")
            at_database(usual)


def database_url(name, *, port=None, frozen_seconds=10):
    """The address of a database for a process, through a proxy if there is a port.

    A process that a test freezes may be in a transaction just then. The database ends that sooner
    than tests wait for what it holds up.
    """
    server = connection.settings_dict
    user = quote(server["USER"]) + (f":{quote(server['PASSWORD'])}" if server["PASSWORD"] else "")
    end = f"options=-c%20idle_in_transaction_session_timeout%3D{frozen_seconds}s"
    if port:
        return f"postgres://{user}@127.0.0.1:{port}/{name}?sslmode=disable&{end}"
    if server["HOST"].startswith("/"):
        return f"postgres://{user}@/{server['HOST']}/{name}?{end}"
    return f"postgres://{user}@{server['HOST']}:{server['PORT'] or 5432}/{name}?{end}"


@pytest.fixture
def processes():
    """What was started is ended with the test, and what it wrote is shown if the test failed."""
    started = []
    yield started
    with contextlib.ExitStack() as endings:  # one that fails keeps no other from being ended
        for each in reversed(started):
            endings.callback(end, each)


def end(started):
    try:
        if isinstance(started, Process):
            print(started.written)  # noqa: T201
    finally:
        started.close()


@pytest.fixture
def sandbox(processes):
    processes.append(Sandbox("--pace=86400", "--seed=1"))
    return processes[-1]


@pytest.fixture
def proxy(processes):
    server = connection.settings_dict
    port = server["PORT"] or 5432
    is_socket = server["HOST"].startswith("/")
    place = f"{server['HOST']}/.s.PGSQL.{port}" if is_socket else (server["HOST"], int(port))
    processes.append(Proxy(place))
    return processes[-1]


@pytest.fixture
def environment(database, sandbox):
    return {
        "DATABASE_URL": database_url(database),
        "HELEKET_PROJECT_URL": sandbox.url,
        "HELEKET_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "HELEKET_CALLBACK_URL": "",
        "INSTALLATION": settings.INSTALLATION,
    }


@pytest.fixture
def start_worker(environment, processes):
    def start(*options, entry="manage", **variables):
        module, env = f"tests.payouts.processes.{entry}", {**environment, **variables}
        processes.append(Process("worker", "--skip-checks", *options, module=module, env=env))
        return processes[-1]

    return start


@pytest.fixture(scope="session")
def redis_server():
    server = Redis()
    yield server
    server.close()


@pytest.fixture
def broker(redis_server, environment):
    """An empty broker, which all processes of this test use."""
    redis_server.flush()
    environment["CELERY_BROKER_URL"] = redis_server.url
    return redis_server


@pytest.fixture
def start_celery(broker, environment, processes):
    """Start a Celery worker and wait until it listens."""

    def start(*options, count=2, **variables):
        worker = Celery.worker(*options, env={**environment, **variables}, processes=count)
        processes.append(worker)
        until(lambda: worker.is_ready)
        return worker

    return start


@pytest.fixture
def start_beat(broker, environment, processes):
    def start():
        processes.append(Celery.beat(env=environment))
        return processes[-1]

    return start


@pytest.fixture
def make_approved(database):
    """Make approved payouts of one wallet."""
    wallet = WalletFactory()
    maker, approver = StaffFactory(roles=["Requester"]), StaffFactory(roles=["Approver"])

    @transaction.atomic  # a worker that looks meanwhile sees them with their approvals
    def make(count=1):
        return [
            PayoutFactory(
                wallet=wallet,
                status=PayoutStatus.APPROVED,
                requested_by=maker,
                approved_by=approver,
            )
            for _ in range(count)
        ]

    return make


def count(**which):
    return Payout.objects.filter(**which).count()


def until_all(status, *, seconds=SECONDS):
    """Wait for all of them, with time for a question that its worker lost to be asked again."""
    seconds += QUESTION_LASTS.total_seconds()
    until(lambda: not Payout.objects.exclude(status=status).exists(), seconds=seconds)


def make_due():
    """Make due what waits for its next try; leases and quiet times hold all the same."""
    bring_forward(Payout.objects.filter(waiting_for__in=["answer", "worker", "gateway"]), "due_at")
    bring_forward(Pause.objects.all(), "probe_at")
    return True


def ask_all():
    """Have Heleket asked about all that is under way."""
    bring_forward(Payout.objects.under_way(), "due_at")
    return True


def ask_about(payout):
    """Have Heleket asked about one that is under way."""
    bring_forward(Payout.objects.under_way().filter(pk=payout.pk), "due_at")
    return True


def bring_forward(rows, name):
    """Set a time in the future to now, save for rows that somebody holds.

    Waiting for those would be a deadlock sooner or later: workers lock them in their own order.
    """
    now = clock.now()
    with transaction.atomic():
        free = rows.filter(**{f"{name}__gt": now}).select_for_update(skip_locked=True)
        rows.filter(pk__in=[row.pk for row in free]).update(**{name: now})


def order_ids():
    return {payout.order_id(settings.INSTALLATION) for payout in Payout.objects.all()}


def assert_each_paid_once(sandbox):
    """The ledger has exactly one debit for each payout, and every chain leads to its status."""
    paid = sandbox.debits()
    assert set(paid.values()) == {1}
    assert set(paid) == order_ids()
    assert_chains_hold()


@pytest.fixture
def proxied(database, proxy):
    """The address of the database behind the proxy."""
    return database_url(database, port=proxy.port)
