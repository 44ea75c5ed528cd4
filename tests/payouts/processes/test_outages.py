"""Real workers of both engines whose database fails over, or vanishes, and comes back."""

import pytest
from django.db import connection

from audit import jobs
from payouts import wakeups
from payouts.models import Attempt
from tests.payouts.processes.conftest import (
    assert_each_paid_once,
    at_database,
    count,
    database_url,
    on_server,
    until_all,
)
from tests.payouts.processes.harness import until

pytestmark = pytest.mark.processes


@pytest.fixture
def start(request, start_worker):
    """Start one of the two engines; with Celery two processes that get every wakeup."""

    def start(engine):
        if engine == "worker":
            return start_worker()
        use_broker = request.getfixturevalue("use_broker")
        broker = request.getfixturevalue("broker")
        worker = request.getfixturevalue("start_celery")(count=2)
        app = use_broker(broker.url)
        worker.wake = lambda: [app.send_task(wakeups.task_name(job)) for job in jobs.REGISTERED]
        worker.wake()
        return worker

    return start


def let_only_read(database):
    """What a process finds after a failover: its connection is gone, the next one only reads."""
    on_server(
        f"ALTER DATABASE {database} SET default_transaction_read_only = on",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{database}' AND pid <> pg_backend_pid()",
    )
    at_database(database)


def let_write(database):
    """Only connections that are made anew find out."""
    on_server(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    at_database(database)


@pytest.mark.parametrize("engine", ["worker", "celery"])
def test_g73_a_server_that_only_reads_for_a_while_costs_no_answer(
    engine, database, make_approved, sandbox, environment, start
):
    environment["HELEKET_TIMEOUT_SECONDS"] = "20"  # no lease ends meanwhile: nobody has to ask
    make_approved(8)
    sandbox.control("gate", mode="before")
    worker = start(engine)
    until(lambda: sandbox.waiting() == 8)
    let_only_read(database)
    sandbox.control("gate", mode="open")
    if engine == "celery":
        worker.wake()
    until(lambda: "only" in worker.written and sandbox.creates() == 8)
    until(lambda: tries_to_write(database) > 2)
    assert count(status="submitting") == 8

    let_write(database)
    until_all("broadcast")
    assert_each_paid_once(sandbox)
    assert sandbox.calls() == 8  # and no question
    assert not Attempt.objects.exclude(unanswered=[]).exists()
    until(lambda: "the database answers again" in worker.written)
    assert "Traceback" not in worker.written
    processes = 1 if engine == "worker" else 2
    assert worker.written.count("the database failed") <= 2 * processes
    assert worker.written.count("the database answers again") <= processes


def tries_to_write(database):
    """How many transactions of the desk failed so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT xact_rollback FROM pg_stat_database WHERE datname = %s", [database])
        [[failed]] = cursor.fetchall()
    return failed


SOON = "&connect_timeout=2&keepalives_idle=1&keepalives_interval=1&tcp_user_timeout=1500"


def test_g85_a_database_host_that_vanishes_without_a_word(
    make_approved, sandbox, start_worker, environment, database, proxy
):
    """Its packets are swallowed, also those of new connections; then it is there again."""
    environment["HELEKET_TIMEOUT_SECONDS"] = "20"
    address = database_url(database, port=proxy.port, frozen_seconds=2)
    worker = start_worker(DATABASE_URL=address + SOON)
    make_approved(4)
    sandbox.control("gate", mode="before")
    until(lambda: sandbox.waiting() == 4)
    proxy.vanish()
    sandbox.control("gate", mode="open")
    until(lambda: "the database failed" in worker.written)
    until(lambda: "connection to server at" in worker.written)

    make_approved(2)
    proxy.come_back()
    until_all("broadcast")
    until(lambda: "the database answers again" in worker.written)
    assert_each_paid_once(sandbox)
    assert sandbox.calls() == 6
    assert "Traceback" not in worker.written
