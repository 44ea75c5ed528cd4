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
    monkeypatch.setattr(os, "environ", dict.fromkeys(environment.VARIABLES, "live"))


def test_g1_settings_read_every_variable_of_the_list_and_no_other():
    settings = (environment.BASE_DIR / "config/settings.py").read_text()

    assert set(re.findall(r"env\.value\(\"(\w+)\"\)", settings)) == set(environment.VARIABLES)
    assert set(re.findall(r"env\.(\w+)", settings)) == {"value", "refused"}


def test_the_example_says_of_every_variable_what_the_list_says(monkeypatch):
    example = (environment.BASE_DIR / ".env.example").read_text()
    notes = re.findall(r"((?:^# .*\n)+?)(?:# )?^(?:# )?([A-Z_]+)=(.*)$", example, re.MULTILINE)

    assert [name for _note, name, _value in notes] == list(environment.VARIABLES)
    for note, name, written in notes:
        assert note.startswith(f"# {environment.VARIABLES[name].help}"), name
        monkeypatch.setenv(name, written or "x")
        if written:
            environment.value(name)  # can be read


def test_documents_name_no_variable_that_is_not_on_the_list():
    names = set(environment.VARIABLES)
    words = "|".join({name.partition("_")[0] for name in names if "_" in name})
    root = environment.BASE_DIR
    for path in [root / "README.md", root / "Makefile", *(root / "docs").glob("*.md")]:
        text = re.findall(rf"\b(?:{words})_[A-Z_]+\b(?!\.md)", path.read_text())
        assert set(text) <= names, path


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


def read_settings(script="", **variables):
    """Read the settings in a process of their own, with these variables besides the tests'."""
    return subprocess.run(
        [sys.executable, "-c", f"from config import settings; {script}"],
        env={**os.environ, **variables},
        cwd=environment.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("rate", ["-1", "-inf", "inf", "nan", "some"])
def test_f10_a_rate_that_is_none_is_refused(rate):
    done = read_settings(HELEKET_CALLS_PER_SECOND=rate)
    assert "HELEKET_CALLS_PER_SECOND must be a number, 0 or more." in done.stderr


@pytest.mark.parametrize(
    ("rate", "expected"), [("", None), ("0", None), ("0.5", 0.5), ("1e2", 100)]
)
def test_f10_a_rate_is_any_number_of_calls_a_second(rate, expected):
    done = read_settings("print(settings.HELEKET_CALLS_PER_SECOND)", HELEKET_CALLS_PER_SECOND=rate)
    assert done.stdout == f"{expected and float(expected)}\n"


@pytest.mark.parametrize(
    "asked", ["", "?options=-c%20statement_timeout%3D5s", "?sslmode=require&application_name=desk"]
)
def test_a_frozen_process_loses_its_transaction_whatever_options_the_address_has(asked):
    done = read_settings(
        "print(settings.DATABASES['default']['OPTIONS'])",
        DATABASE_URL=f"postgres://desk:x@127.0.0.1/desk{asked}",
    )
    assert "-c idle_in_transaction_session_timeout=60s" in done.stdout
    assert ("-c statement_timeout=5s" in done.stdout) == ("statement" in asked)


VANISHED = ["connect_timeout", "keepalives", "keepalives_idle", "tcp_user_timeout"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("127.0.0.1/desk", "10 1 15 20000"),
        ("/%2Frun%2Fpostgresql/desk", "10 1 15 20000"),  # a socket takes no notice
        ("127.0.0.1/desk?connect_timeout=3&tcp_user_timeout=1000&sslmode=require", "3 1 15 1000"),
        ("127.0.0.1/desk?keepalives=0", "10 0 15 20000"),
    ],
    ids=["usual", "socket", "given", "off"],
)
def test_g85_a_host_that_vanishes_is_noticed_unless_the_address_says_otherwise(asked, expected):
    done = read_settings(
        f"print(*(settings.DATABASES['default']['OPTIONS'][name] for name in {VANISHED}))",
        DATABASE_URL=f"postgres://desk:x@{asked}",
    )
    assert done.stdout == f"{expected}\n"


def test_g85_all_that_it_takes_to_notice_is_less_than_a_minute():
    done = read_settings(
        "o = settings.DATABASES['default']['OPTIONS']; "
        "idle = o['keepalives_idle'] + o['keepalives_count'] * o['keepalives_interval']; "
        "print(max(idle, o['tcp_user_timeout'] / 1000) + o['connect_timeout'] < 60)",
        DATABASE_URL="postgres://desk:x@127.0.0.1/desk",
    )
    assert done.stdout == "True\n"
