"""hledger, which is not ours, reads the exported journal and finds the same balances."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from audit.models import DeskEvent
from payouts import journal
from payouts.accounts import USUAL
from payouts.models import AccountRule, ClosedMonth, Payout
from tests.factories import AttemptFactory, PayoutFactory, StaffFactory, WalletFactory, open_journal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, scope="module")
def _hledger_is_there():
    if shutil.which("hledger"):
        return
    missing = "NO HLEDGER: nobody else judges the journal. Debian: apt install hledger."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    sys.stderr.write(f"\n{'=' * 98}\n{missing}\n{'=' * 98}\n\n")
    pytest.skip(missing)


def hledger(text, *command):
    """Have it read a journal, as people do who trust no code of ours."""
    done = subprocess.run(
        ["hledger", "-f", "-", *command],
        input=text,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def balances(text, *options):
    """What hledger says of each account and coin."""
    options = ("balance", "-O", "csv", "--layout", "bare", "--flat", "-N", *options)
    rows = csv.DictReader(io.StringIO(hledger(text, *options)))
    return {
        (row["account"], row["commodity"]): Decimal(row["balance"])
        for row in rows
        if Decimal(row["balance"])
    }


@pytest.fixture
def booked(clock):
    """Payouts that stand everywhere, in two coins and months, one of which is closed, under
    accounts that changed meanwhile."""
    wallet = WalletFactory(client__name="A; B  | C")
    for number, status in enumerate(["approved", "submitting", "broadcast", "confirmed"] * 2):
        coin = "1INCH" if number > 3 else "USDT"
        amount = Decimal("0.00000001") + number * 1000
        payout = PayoutFactory(
            wallet=wallet,
            status=status,
            reference_rate=1,
            currency=coin,
            amount=amount,
            finished_at=clock(),
        )
        if status == "confirmed":
            at = clock() - timedelta(days=number)
            AttemptFactory(payout=payout, created_there_at=at, commission=Decimal("0.3"))
        if number == 4:
            AccountRule.objects.create(kind="cost", account="Aufwand Löhne", cost_centre="Nord 1")
            ClosedMonth.objects.create(month=date(2026, 2, 1), closed_at=clock())
        open_journal(payout)
    elsewhere = PayoutFactory(status="failed", finished_at=clock(), reference_rate=1)
    Payout.objects.filter(pk=elsewhere.pk).update(
        effective="elsewhere", effective_amount=7, effective_at=clock()
    )
    open_journal(Payout.objects.get(pk=elsewhere.pk))


@pytest.fixture
def accountant():
    return StaffFactory(username="ada", roles=["Accountant"])


def exported(capsys, *options):
    call_command("export_payouts", "--by", "ada", *options)
    return capsys.readouterr().out


def of_accounts():
    """Our own sums, under the names that the accounts have."""
    found = defaultdict(Decimal)
    for coin, kinds in journal.sums(Payout.objects.all()).items():
        for kind, amount in kinds.items():
            found[kind, coin] += amount if kind in ("cost", "fees", "lost") else -amount
    return {key: amount for key, amount in found.items() if amount}


def test_hledger_finds_the_journal_sound_and_with_our_sums(booked, accountant, capsys):
    text = exported(capsys, "--from", "2026-01-01", "--to", "2026-12-31")

    hledger(text, "check", "--strict")
    kinds = {account: kind for kind, account in USUAL.items()} | {"Aufwand Löhne": "cost"}
    found = defaultdict(Decimal)
    for (account, coin), amount in balances(text).items():
        found[kinds[account], coin] += amount
    assert found == of_accounts()
    assert {coin for _kind, coin in found} == {"USDT", "1INCH"}


def test_hledger_counts_an_entry_of_a_closed_month_in_the_open_one(booked, accountant, capsys):
    text = exported(capsys, "--month", "2026-03")
    assert "day:2026-02-2" in text
    assert balances(text, "-e", "2026-03-01") == {}
    by_month = exported(capsys, "--month", "2026-02")
    both = balances(text + by_month)
    assert both == balances(exported(capsys, "--from", "2026-01-01", "--to", "2026-12-31"))
    centre = balances(text, "tag:cost_centre=Nord 1")
    assert {account for account, _coin in centre} == {"Aufwand Löhne"}


def test_hledger_refuses_a_journal_in_which_an_amount_was_changed(booked, accountant, capsys):
    text = exported(capsys, "--month", "2026-03")
    amount = re.search(r"  (\d+\.\d{8}) ", text)[1]
    changed = Decimal(amount) + Decimal("0.00000001")
    with pytest.raises(AssertionError, match="balance"):
        hledger(text.replace(f"  {amount} ", f"  {changed:f} ", 1), "check")


def test_the_command_asks_for_one_period_and_for_the_right(booked, accountant, capsys, tmp_path):
    for options in (
        [],
        ["--month", "2026-03", "--from", "2026-03-01"],
        ["--from", "2026-03-01"],
        ["--from", "2026-03-02", "--to", "2026-03-01"],
        ["--month", "March"],
    ):
        with pytest.raises(CommandError):
            exported(capsys, *options)
    StaffFactory(username="oskar", roles=["Operator"])
    with pytest.raises(CommandError):
        call_command("export_payouts", "--by", "oskar", "--month", "2026-03")
    assert not DeskEvent.objects.filter(event_type="export").exists()

    file = tmp_path / "march.csv"
    exported(capsys, "--month", "2026-03", "--format", "csv", "--output", str(file))
    assert "assets:heleket" in file.read_text(encoding="utf-8")
    with pytest.raises(CommandError, match="cannot be written"):
        exported(capsys, "--month", "2026-03", "--output", str(file))
    event = DeskEvent.objects.filter(event_type="export").first()
    assert event.person == accountant
    assert event.facts["month"] == "2026-03"
