"""One run on the engine whose locks are real; `make sim ENGINE=postgres` makes many."""

import pytest
from django.db import connection

from tests.payouts.processes.conftest import at_database, on_server
from tests.sim.database import postgres_template
from tests.sim.run import run

pytestmark = pytest.mark.postgres

SEED = 61  # Heleket is asked at a rate, and a copy of the database is put back


@pytest.fixture
def _server(django_db_setup):
    """The server of the tests, without what a run leaves on it."""
    usual = connection.settings_dict["NAME"]
    yield
    on_server(f"DROP DATABASE {postgres_template()}")
    postgres_template.cache_clear()
    at_database(usual)


@pytest.mark.usefixtures("_server")
def test_sim_every_promise_holds_on_postgresql():
    report = run(SEED)

    assert not report.broken, str(report)
    assert any("the copy is put back" in line for line in report.trace)
