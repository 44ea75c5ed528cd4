"""The small desk: one SQLite file under a web server, a worker with threads, and webhooks."""

import re
import sqlite3

import pytest

from benchmarks import stage
from tests.payouts.processes.harness import Process, Sandbox, Web, until

pytestmark = pytest.mark.processes

PAYOUTS = 100


def test_g13_web_worker_and_eight_threads_share_one_sqlite_file(tmp_path, processes):
    """100 payouts and 300 webhooks: more than 400 transactions, and nobody finds it locked."""
    path, port = tmp_path / "desk.sqlite3", stage.free_port()
    processes.append(sandbox := Sandbox("--pace=0.5", tls=False))
    env = {
        "DATABASE_URL": f"sqlite:///{path}",
        "HELEKET_PROJECT_URL": sandbox.url,
        "HELEKET_CALLBACK_URL": f"http://127.0.0.1:{port}/webhooks/heleket/",
        "PLAIN_HTTP": "true",
    }
    fill = Process(str(PAYOUTS), module="tests.payouts.processes.sqlite_desk", env=env)
    processes.append(fill)
    assert fill.ends() == 0, fill.written
    processes.append(web := Web(port, workers=1, env=env))
    processes.append(worker := Process("worker", "--threads=8", env=env))

    until(lambda: confirmed(path) == PAYOUTS)
    until(lambda: {each["outcome"] for each in sandbox.state()["webhooks"]} == {"200"})

    assert set(sandbox.debits().values()) == {1}
    assert len(sandbox.debits()) == PAYOUTS
    assert "locked" not in worker.written + web.written
    assert not re.search(r"WARNING|ERROR", worker.written + web.written)


def confirmed(path):
    with sqlite3.connect(path, timeout=30) as connection:
        found = connection.execute("SELECT count(*) FROM payouts_payout WHERE status = 'confirmed'")
        return found.fetchone()[0]
