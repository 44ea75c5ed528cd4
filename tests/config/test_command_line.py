"""What holds for every command: exit codes, outputs of all kinds, a database that is not there."""

import io
import os
import subprocess
import sys

import pytest
from django.core.management import CommandParser, execute_from_command_line, get_commands
from django.core.management import base as management
from django.db import OperationalError, connection

from config import command_line, environment
from payouts.models import Payout, PayoutStatus
from tests.factories import PayoutFactory, StaffFactory

OURS = {"config", "heleket", "payouts", "payouts.engine", "payouts.gateway"}


@pytest.fixture
def manage(monkeypatch, tmp_path):
    """Run a command line in this process, with outputs of the kind that is asked for.

    Returns the exit code with what was written to both.
    """

    def manage(*arguments, encoding="utf-8", is_read=True):
        out, err = (tmp_path / name if is_read else pipe_to_nobody() for name in ("out", "err"))
        with (
            monkeypatch.context() as patch,
            open(out, "w", encoding=encoding) as stdout,  # noqa: PTH123  # or a descriptor
            open(err, "w", encoding=encoding, errors="backslashreplace") as stderr,  # noqa: PTH123
        ):
            patch.setattr(sys, "stdout", stdout)
            patch.setattr(sys, "stderr", stderr)
            patch.setattr(sys, "argv", ["manage.py", *arguments])
            patch.setattr(CommandParser, "error", CommandParser.error)
            patch.setattr(management.connections, "close_all", lambda: None)  # it is the test's
            code = run()
            sys.stdout.close()
            sys.stderr.close()
        return code, *(path.read_text() if is_read else "" for path in (out, err))

    return manage


def pipe_to_nobody():
    read, write = os.pipe()
    os.close(read)
    return write


def run():
    try:
        with command_line.in_good_order():
            execute_from_command_line(sys.argv)
    except SystemExit as exc:
        if isinstance(exc.code, str):  # as Python ends with it
            sys.stderr.write(exc.code)
            return 1
        return exc.code or 0
    return 0


def our_commands():
    return [name for name, app in get_commands().items() if app in OURS]


def test_usage_errors_of_every_command_end_with_1_as_2_means_findings(manage):
    assert len(our_commands()) > 10
    for name in our_commands():
        code, out, error = manage(name, "--nonsense")
        assert (code, out) == (1, ""), name
        assert "usage: manage.py" in error, name
        assert "error: " in error, name


def test_every_command_explains_itself_and_ends_well(manage):
    for name in our_commands():
        code, out, error = manage(name, "--help", encoding="ascii")
        assert (code, error) == (0, ""), name
        assert f"manage.py {name}" in out, name


@pytest.fixture
def sent(db, usdt):
    """One payout that may still be cancelled, and one that may not."""
    StaffFactory(username="зоя", roles=["Operator"])
    return PayoutFactory(), PayoutFactory(status=PayoutStatus.CONFIRMED)


def cancel(*payouts):
    numbers = [str(payout.number) for payout in payouts]
    return ["cancel_payouts", *numbers, "--by=зоя", "--reason=Не “он”"]


def test_g37_text_goes_through_where_only_ascii_is_known(manage, sent):
    code, out, error = manage(*cancel(*sent), encoding="ascii")

    assert (code, error) == (2, "")
    assert out.isascii()
    assert "1 done, 1 not." in out
    assert r"it is \u201c" in out
    assert sent[0].events.get(event_type="cancel").reason == "Не “он”"


def test_g37_an_error_goes_through_where_only_ascii_is_known(manage, db):
    code, out, error = manage("pause_payouts", "--by=нет", "--reason=x", encoding="ascii")

    assert (code, out) == (1, "")
    assert r"\u201c\u043d\u0435\u0442\u201d" in error


def test_g37_arguments_are_read_as_utf_8_whatever_the_locale_says(manage, sent):
    as_ascii = [
        each.encode().decode("ascii", "surrogateescape") for each in cancel(*sent)
    ]  # what Python makes of them in such a locale

    assert manage(*as_ascii)[0] == 2
    assert sent[0].events.get(event_type="cancel").reason == "Не “он”"


def test_g37_an_argument_that_is_no_text_is_refused(manage, sent):
    code, _out, error = manage("cancel_payouts", "1", "--by=x", "--reason=\udcff")

    assert (code, error) == (1, "An argument is not text in UTF-8.")


def test_g37_a_reader_that_went_away_changes_no_exit_code(manage, sent):
    assert manage(*cancel(*sent), is_read=False)[0] == 2
    assert Payout.objects.get(pk=sent[0].pk).status == PayoutStatus.CANCELLED
    assert manage("explain_payout", str(sent[1].number), is_read=False)[0] == 0
    assert manage("explain_payout", "999999", is_read=False)[0] == 1


def test_g37_a_real_process_whose_reader_goes_away_at_once_ends_well():
    ended = subprocess.run(
        f"{{ {sys.executable} manage.py explain_payout --help; echo $? >&2; }} | true",
        shell=True,
        cwd=environment.BASE_DIR,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == "0\n"


PASSWORD = "canary-database-password"


@pytest.mark.parametrize(
    "message",
    [
        f'could not translate host name "{PASSWORD}" to address: unknown',
        "connection to server failed:\nIs the server running?",
    ],
)
def test_a_database_that_does_not_answer_is_a_sentence_without_a_secret(
    manage, db, monkeypatch, message
):
    def fail(*_):
        raise OperationalError(message)

    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PASSWORD", PASSWORD)
        patch.setattr(connection, "cursor", fail)
        code, out, error = manage("explain_payout", "1")

    assert (code, out) == (1, "")
    assert error.startswith("The database cannot be used, see DATABASE_URL: co")
    assert PASSWORD not in error
    assert "\n" not in error


@pytest.mark.django_db(transaction=True)
def test_a_database_without_tables_is_a_sentence(manage):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payouts_attempt RENAME TO away")
    try:
        code, _out, error = manage("pause_payouts", "--dry-run", "--by=x", "--reason=x")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO payouts_attempt")

    assert code == 1
    assert "run “manage.py migrate”" in error


def test_settings_that_are_wrong_are_a_sentence():
    ended = subprocess.run(
        [sys.executable, "manage.py", "worker"],
        cwd=environment.BASE_DIR,
        env={**os.environ, "HELEKET_TIMEOUT_SECONDS": "abc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        "HELEKET_TIMEOUT_SECONDS must be a number, above 0 and at most 600. Settings come from "
        ".env beside manage.py; .env.example has them all.\n"
    )


def test_output_without_a_buffer_comes_line_by_line():
    """As under a supervisor that sets PYTHONUNBUFFERED, to see what a long command says."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(writer, "wb", buffering=0) as raw:
        stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
        print("a line", file=(patient := command_line.patient(stream)))

        assert os.read(reader, 100) == b"a line\n"
        patient.detach()
        stream.detach()
    os.close(reader)
