import os
import re
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from config import environment
from config.demo import place


@pytest.fixture
def live_machine(monkeypatch):
    """Every variable of the desk has a live value; afterwards all are as they were."""
    monkeypatch.setattr(os, "environ", dict.fromkeys(environment.NAMES, "live"))


def test_g1_all_variables_that_settings_read_are_known():
    settings = (environment.BASE_DIR / "config/settings.py").read_text()

    assert set(re.findall(r"env\.\w+\(\s*\"(\w+)\"", settings)) <= set(environment.NAMES)


def test_g1_made_up_values_leave_nothing_of_the_machine(live_machine):
    environment.use_made_up_values()

    assert "live" not in os.environ.values()
    assert os.environ["HELEKET_PROJECT_URL"].startswith("http://127.0.0.1:")


def test_g1_the_demo_has_a_database_and_a_gateway_of_its_own(live_machine):
    place.use_demo_values()

    assert "live" not in os.environ.values()
    assert os.environ["DATABASE_URL"] == f"sqlite:///{environment.BASE_DIR}/.demo/desk.sqlite3"
    assert os.environ["HELEKET_PROJECT_URL"].startswith("http://127.0.0.1:")


def test_g1_a_seeded_desk_takes_nothing_of_the_machine_but_the_database_it_is_to_fill(live_machine):
    place.use_seed_values()

    assert os.environ.pop("DATABASE_URL") == "live"
    assert "live" not in os.environ.values()
    place.use_seed_values()
    assert os.environ["DATABASE_URL"] == f"sqlite:///{environment.BASE_DIR}/.demo/seeded.sqlite3"


def test_g1_the_demo_does_not_start_in_another_way_than_through_manage_py():
    with pytest.raises(CommandError, match="settings of another desk"):
        call_command("demo")


def test_f10_a_rate_below_zero_is_refused():
    told = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env={**os.environ, "HELEKET_CALLS_PER_SECOND": "-1"},
        cwd=environment.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "HELEKET_CALLS_PER_SECOND must be greater than 0" in told.stderr
