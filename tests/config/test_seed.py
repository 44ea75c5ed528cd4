"""The large desk that `manage.py seed` makes keeps the promises of a real one."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit import clock
from config import environment
from config.demo import seed
from config.demo.history import Clock
from heleket.webhooks import verify
from payouts.gateway.models import Binding
from payouts.models import (
    Attempt,
    Discrepancy,
    Payout,
    PayoutEvent,
    PayoutNumber,
    PayoutStatus,
    WaitingFor,
    WebhookDelivery,
)
from tests.payouts import invariants
from wallets.addresses import check_address
from wallets.models import Wallet

END = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROWS = 300
NOT_BUILT = {WaitingFor.LIMIT, WaitingFor.RATE}
OF_THE_DESK = {WaitingFor.SWITCH}


def build(rows=ROWS, number=1):
    assert list(seed.build(rows, number, END))[-1] == rows


@pytest.mark.django_db(transaction=True)
def test_a_seeded_desk_is_one_that_could_have_lived(client):
    build()

    no_gateway = SimpleNamespace(find=lambda _order_id: None)
    checks = [
        *(invariants.approved_by_others, invariants.replay_holds, invariants.money_is_exact),
        *(invariants.nothing_is_forgotten, invariants.desk_chain_closes),
    ]
    assert [sentence for check in checks for sentence in check(no_gateway)] == []

    assert Payout.objects.count() == PayoutNumber.objects.count() == ROWS
    assert {*Payout.objects.values_list("status", flat=True)} == {*PayoutStatus.values}
    waits = {*Payout.objects.values_list("waiting_for", flat=True)}
    assert waits == {"", *WaitingFor.values} - NOT_BUILT - OF_THE_DESK
    assert not Payout.objects.filter(requested_at__gt=END).exists()
    assert not PayoutEvent.objects.filter(at__gt=END).exists()
    for payout in Payout.objects.filter(status=PayoutStatus.CONFIRMED):
        attempt = payout.attempts.get(generation=payout.generation)
        assert (attempt.remote_status, attempt.is_final) == ("paid", True)
    for wallet in Wallet.objects.all():
        assert check_address(wallet.network, wallet.address, wallet.memo) == wallet.address
    for delivery in WebhookDelivery.objects.all():
        told = verify(delivery.body.encode(), settings.HELEKET_API_KEY)
        assert Attempt.objects.filter(order_id=told["order_id"]).exists()
    assert Discrepancy.objects.filter(closed_at=None, attempt__payout__waiting_for="discrepancy")
    assert_pages_show(client)
    assert PayoutNumber.objects.create().pk == ROWS + 1


def assert_pages_show(client):
    client.force_login(User.objects.get(username="amira"))
    list_ = reverse("admin:payouts_payout_changelist")
    for asked in [{}, {"queue": "mine"}, {"status__exact": "confirmed"}, {"q": "P-7"}, {"p": 2}]:
        page = client.get(list_, asked)
        assert page.status_code == 200, asked
        assert page.context["cl"].result_list, asked
    for payout in Payout.objects.order_by("-number")[:10]:
        page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk]))
        assert page.status_code == 200


@pytest.mark.django_db
def test_the_same_seed_makes_the_same_payouts():
    made_up_clock = Clock(END - seed.YEARS)
    with clock.replaced(made_up_clock):
        world = seed.make_world(ROWS, Random(1), made_up_clock, END)
        first, again, other = (told(seed.Maker(world, ROWS, number)) for number in (1, 1, 2))
    assert first == again
    assert first != other


def told(maker):
    chance = Random(maker.seed)
    lives = [maker.live(number, chance) for number in range(1, ROWS, 10)]
    return [[value for row in life.rows() for value in columns_of(row)] for life in lives]


def columns_of(row):
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]


def test_g1_what_holds_data_is_not_filled_and_stays_as_it_is(tmp_path):
    """The whole command, as somebody would run it, on a desk that has rows."""
    path = tmp_path / "desk.sqlite3"
    assert run_seed(path, "--rows=10", "--seed=1").returncode == 0
    before = contents(path)
    assert any('INSERT INTO "payouts_payout"' in line for line in before)

    again = run_seed(path, "--rows=20", "--seed=2")

    assert again.returncode == 1
    assert "holds data already, so nothing was done" in again.stderr
    assert contents(path) == before


def test_on_a_mac_one_process_does_all(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(seed, "connection", SimpleNamespace(vendor="postgresql"))
    maker = SimpleNamespace(make=lambda _numbers: os.getpid())

    assert set(seed.spread(maker, [range(1), range(1)])) == {os.getpid()}


def run_seed(path, *options):
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{path}"}
    return subprocess.run(
        [sys.executable, "manage.py", "seed", *options],
        cwd=environment.BASE_DIR,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )


def contents(path):
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


@pytest.mark.parametrize(("merchant", "is_ours"), [("live-merchant", False), (None, True)])
def test_g1_only_what_was_seeded_is_served(db, merchant, is_ours):
    assert not seed.made_this_database()
    Binding.objects.create(
        pk=1,
        host="gateway",
        merchant_id=merchant or environment.MADE_UP["HELEKET_MERCHANT_ID"],
        installation="desk",
        bound_at=END,
    )
    assert seed.made_this_database() == is_ours


def test_g1_a_process_with_another_desks_settings_fills_nothing(db):
    assert environment.MADE_UP["INSTALLATION"] != settings.INSTALLATION
    for more in ({}, {"look": True}):
        with pytest.raises(CommandError, match="settings of another desk"):
            call_command("seed", rows=10, **more)
    assert not Payout.objects.exists()
