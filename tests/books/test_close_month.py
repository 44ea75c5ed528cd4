"""The command that closes a month which two people agreed on, and hands out its file."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit import verifying
from payouts.books import closing, verify_month
from payouts.books.signing import Signer
from payouts.gateway import accounts
from payouts.models import ClosedMonth
from tests.audit.tampering import drop, sql
from tests.books.test_close import OCTOBER, agree, october

__all__ = ["october"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(october, monkeypatch):
    monkeypatch.setattr(accounts, "heleket_client", lambda: october.office.client)

    def run(*arguments):
        out, code = StringIO(), 0
        try:
            call_command("close_month", *arguments, stdout=out)
        except SystemExit as exc:
            code = exc.code
        return code, out.getvalue()

    return run


def test_a_month_is_closed_once_and_its_file_is_checked_without_the_desk(
    run, october, client, tmp_path
):
    agree(client, october)
    path = tmp_path / "2026-10.zip"
    assert run("2026-10", "--dry-run")[0] == 0
    assert not ClosedMonth.objects.exists()

    code, text = run("2026-10", "--format", "json", "--file", str(path))

    closed = ClosedMonth.objects.get()
    assert code == 0
    assert json.loads(text)["root"] == closed.root
    fingerprint = run("--fingerprint")[1].strip()
    assert verify_month.main([str(path), "--fingerprint", fingerprint]) == 0
    assert verify_month.main([str(path), "--root", closed.root]) == 0
    again = tmp_path / "again.zip"
    assert run("2026-10", "--file", str(again))[0] == 0  # handed out, not made anew
    assert again.read_bytes() == path.read_bytes()
    assert ClosedMonth.objects.count() == 1


def test_the_file_names_the_two_who_closed_the_month(run, october, client, tmp_path):
    agree(client, october)
    path = tmp_path / "2026-10.zip"
    run("2026-10", "--file", str(path))
    manifest = json.loads(verify_month.MonthFile(path).read("manifest.json"))
    assert manifest["closed_by"] == ["anna", "boris"]
    assert manifest["key"] == Signer().public.hex()


def test_a_month_that_nobody_agreed_on_stays_open(run):
    with pytest.raises(CommandError, match="2026-10"):
        run("2026-10")
    assert not ClosedMonth.objects.exists()


def test_what_is_open_is_said_with_exit_code_2(run):
    code, text = run("2026-11")
    assert (code, "Nothing was closed" in text) == (2, True)
    assert not ClosedMonth.objects.exists()


def test_with_verify_damaged_records_keep_it_open(run, october, client):
    agree(client, october)
    table = "payouts_payoutevent"
    sql(*drop(table, "fixed"), f"UPDATE {table} SET reason = 'x' WHERE number = 1")
    code, text = run("2026-10", "--verify")
    assert (code, "does not follow from the one before" in text) == (2, True)
    assert not ClosedMonth.objects.exists()


def test_with_verify_records_that_no_check_can_read_keep_it_open(run, october, client, monkeypatch):
    def breaks_off(_show):
        raise ValueError("of no sense")

    agree(client, october)
    check = replace(verifying.REGISTERED["payouts"], find=breaks_off)
    monkeypatch.setitem(verifying.REGISTERED, "payouts", check)
    code, text = run("2026-10", "--verify")
    assert (code, "payouts: This check broke off" in text) == (2, True)
    assert not ClosedMonth.objects.exists()


def test_without_a_key_to_sign_with_nothing_is_closed(run, october, client, settings):
    agree(client, october)
    settings.MONTH_SIGNING_KEY = ""
    with pytest.raises(CommandError, match="MONTH_SIGNING_KEY is not set"):
        run("2026-10")
    assert not ClosedMonth.objects.exists()
    assert closing.state_of(OCTOBER).may_close


def test_a_month_is_named_as_it_is_written(run):
    for arguments in (["October"], []):
        with pytest.raises(CommandError):
            run(*arguments)
