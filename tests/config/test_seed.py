"""The large desk that `manage.py seed` makes keeps the promises of a real one."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Max, Min
from django.urls import reverse

from audit import clock
from audit.models import DeskEvent
from config import environment
from config.demo import history, incidents, seed
from heleket.sandbox import Gateway
from heleket.webhooks import verify
from payouts.client_sentences import ClientStatus
from payouts.controls import rates
from payouts.controls.models import PastRate
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
from payouts.portal import feed
from payouts.transitions import NO_NEWS
from tests.payouts import invariants
from tests.portal.conftest import Developer, issue, read_all
from wallets.addresses import check_address
from wallets.models import Client, Wallet, WalletEvent

END = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROWS, DAYS = 55, 14
NOT_BUILT = {WaitingFor.LIMIT, WaitingFor.RATE}  # in the story
OF_THE_DESK = {WaitingFor.SWITCH}
OF_A_MOMENT = {WaitingFor.WORKER}  # what is approved first waits for the time to undo


@pytest.mark.django_db(transaction=True)
def test_a_seeded_desk_is_one_that_has_lived(client, monkeypatch):
    gateways = gateways_made(monkeypatch)
    days = list(seed.build(ROWS, DAYS, 1, END))

    assert days == [*range(DAYS, -1, -1)]
    [gateway] = gateways
    invariants.check_invariants(gateway)
    rows = Payout.objects.count()
    assert rows == PayoutNumber.objects.count()
    assert ROWS * 0.8 < rows < ROWS * 1.2
    assert {*Payout.objects.values_list("status", flat=True)} == {*PayoutStatus.values}
    waits = {*Payout.objects.values_list("waiting_for", flat=True)}
    assert waits == {"", *WaitingFor.values} - NOT_BUILT - OF_THE_DESK - OF_A_MOMENT
    assert_dated_between(END - timedelta(days=DAYS + 1), END)
    for wallet in Wallet.objects.all():
        assert check_address(wallet.network, wallet.address, wallet.memo) == wallet.address
    for delivery in WebhookDelivery.objects.all():
        webhook = verify(delivery.body.encode(), settings.HELEKET_API_KEY)
        assert Attempt.objects.filter(order_id=webhook["order_id"]).exists()
    assert Discrepancy.objects.filter(closed_at=None, attempt__payout__waiting_for="discrepancy")
    assert_rates_are_sound()
    assert_pages_show(client)
    assert_the_feed_gives_every_state(client)
    assert PayoutNumber.objects.create().pk > Payout.objects.latest("number").number


def assert_rates_are_sound():
    """Each coin has had its rate on every day that payouts were approved, and has one now."""
    with clock.replaced(lambda: END):
        found = rates.sound_rates(rates.wanted())
    assert len(found) == 20
    assert {type(each) for each in found.values()} == {rates.Rate}
    days = PastRate.objects.filter(currency="BTC").dates("said_at", "day")
    assert days.count() > DAYS / 2


def assert_the_feed_gives_every_state(client):
    """Played from its start it says of each payout what its client is shown in the end."""
    assert feed.count_unfed() == PayoutEvent.objects.exclude(event_type__in=NO_NEWS).count()
    while feed.take_up(40):
        pass
    portal, listed = Developer(client, issue()[1]), {}
    played = {each["data"]["payout"]: each["data"]["status"] for each in read_all(portal, 200)[0]}
    for portal.acts_for in Client.objects.values_list("external_id", flat=True):
        rows = portal.get("payouts/", page_size=200).json()["results"]
        listed |= {row["id"]: row["status"] for row in rows}
    assert len(listed) == Payout.objects.count()
    assert played == listed
    assert set(played.values()) == set(ClientStatus.values)


def gateways_made(monkeypatch):
    made = []

    class Kept(Gateway):
        def __init__(self, **options):
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(history, "Gateway", Kept)
    return made


def assert_dated_between(start, end):
    dated = [(Payout, "requested_at"), (PayoutEvent, "at"), (WalletEvent, "at"), (DeskEvent, "at")]
    dated += [(Client, "created_at"), (Wallet, "created_at"), (User, "date_joined")]
    dated += [(Client.history, "history_date"), (Wallet.history, "history_date")]
    dated += [(Attempt, "created_at"), (WebhookDelivery, "received_at")]
    for model, column in dated:
        rows = getattr(model, "objects", model)
        found = rows.aggregate(first=Min(column), last=Max(column))
        assert start <= found["first"], model
        assert found["last"] <= end, model


def assert_pages_show(client):
    client.force_login(User.objects.get(username="amira"))
    list_, one = reverse("admin:payouts_payout_changelist"), str(Payout.objects.first())
    for asked in [{}, {"queue": "mine"}, {"status__exact": "confirmed"}, {"q": one}, {"p": 2}]:
        page = client.get(list_, asked)
        assert page.status_code == 200, asked
        assert page.context["cl"].result_list, asked
    for payout in Payout.objects.order_by("-number")[:10]:
        page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk]))
        assert page.status_code == 200


@pytest.mark.django_db
def test_the_same_seed_makes_the_same_payouts():
    first, again, other = lived(1), lived(1), lived(2)
    assert first == again
    assert first != other


def lived(number):
    """Live through a day, and leave nothing of it but what became of the payouts."""
    point = transaction.savepoint()
    with history.opened(END, Random(number), clients=3) as story:
        history.ordinary_day(story, times=1)
    columns = ["id", "address", "currency", "amount", "purpose", "status", "waiting_since"]
    found = list(Payout.objects.order_by("number").values_list(*columns))
    transaction.savepoint_rollback(point)
    return found


@pytest.mark.django_db
def test_what_is_tried_again_is_paid_on_that_day():
    with history.opened(END, Random(1)) as story:
        incidents.fails_and_is_retried(story)
    payout = Payout.objects.get()
    assert (payout.status, payout.generation) == (PayoutStatus.CONFIRMED, 2)


def test_g1_what_holds_data_is_not_filled_and_stays_as_it_is(tmp_path):
    """The whole command, as somebody would run it, on a desk that has rows."""
    path = tmp_path / "desk.sqlite3"
    assert run_seed(path, "--rows=1", "--days=1").returncode == 0
    before = contents(path)
    assert any('INSERT INTO "payouts_payout"' in line for line in before)

    again = run_seed(path, "--rows=2", "--days=1", "--seed=2")

    assert again.returncode == 1
    assert "holds data already, so nothing was done" in again.stderr
    assert contents(path) == before


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


@pytest.mark.parametrize("option", ["--rows=0", "--days=0"])
def test_a_desk_has_at_least_one_payout_and_one_day(option):
    with pytest.raises(CommandError, match="must be from 1 to"):
        call_command("seed", option)


def test_g1_a_process_with_another_desks_settings_fills_nothing(db):
    assert environment.MADE_UP["INSTALLATION"] != settings.INSTALLATION
    for more in ({}, {"look": True}):
        with pytest.raises(CommandError, match="settings of another desk"):
            call_command("seed", rows=10, **more)
    assert not Payout.objects.exists()
