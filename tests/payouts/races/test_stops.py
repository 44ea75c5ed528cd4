"""The emergency stop against claims that follow each other without a gap."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident

import pytest
from django.db import connection

from payouts import submission, switching
from payouts.controls.models import Switch
from payouts.models import Payout, PayoutStatus, Source
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.races.conftest import returned
from tests.sim import bugs
from wallets import stops
from wallets.models import Client, Wallet
from wallets.services import archive_wallets, close_client, freeze_wallets

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

CLAIMERS = 16
LOOK = "SELECT pg_sleep(0.003), pg_blocking_pids(%s) <> '{}'"


@pytest.fixture
def stop(request):
    by = StaffFactory(roles=["Operator", "Approver", "Requester"])
    wallet = WalletFactory()
    if request.param == "switch":
        return lambda: switching.pause(reason="Stop", by=by, source=Source.COMMAND)
    if request.param == "close":
        return lambda: close_client(wallet.client_id, reason="Stop", by=by)
    act = {"freeze": freeze_wallets, "archive": archive_wallets}[request.param]
    return lambda: act([wallet.pk], by=by)[0].done


@pytest.fixture
def press(desk, ring, monkeypatch):
    """Press a stop while all claim; return who passed how often while it was kept waiting."""
    everybody, chance = ring(CLAIMERS + 1), random.Random(71)
    state = {}

    def choose(_limit, _only):  # a claim as long as on a slow line, which finds nothing
        with connection.cursor() as cursor:
            cursor.execute(LOOK, [state["pid"]])
            state["late"][get_ident()] += cursor.fetchone()[1]
        return [], {}

    monkeypatch.setattr(submission, "choose", choose)

    def press(stop):
        state.update(pid=0, late=Counter(), over=Event())

        def claim_on():
            while not state["over"].is_set() and state["late"][get_ident()] < 3:
                submission.claim(1, desk)

        def stop_them():
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    [state["pid"]] = cursor.fetchone()
                return stop()
            finally:
                state["over"].set()

        head_start = -chance.uniform(0.001, 0.01)
        is_done, *_rest = returned(
            everybody.run(stop_them, *[claim_on] * CLAIMERS, head_start=head_start)
        )
        assert is_done
        return state["late"]

    return press


@pytest.mark.parametrize("stop", ["switch", "freeze", "archive", "close"], indirect=True)
def test_g71_a_stop_overtakes_claims_that_follow_each_other(press, stop, rounds):
    kept_waiting = 0
    for _ in rounds[::4]:
        Switch.objects.update(is_on=True)
        Wallet.objects.update(status="active")
        Client.objects.update(is_active=True)
        late = press(stop)
        assert max(late.values(), default=0) <= 1, late
        kept_waiting += late.total()
    assert kept_waiting


def test_g71_a_claim_that_let_a_stop_pass_sees_it(desk, usdt, monkeypatch):
    payout, pass_by = PayoutFactory(status=PayoutStatus.APPROVED), stops.let_stops_pass
    by = StaffFactory(roles=["Operator"])

    def stopped_meanwhile():
        with ThreadPoolExecutor(1) as somebody:
            somebody.submit(stop_them).result()
        pass_by()

    def stop_them():
        try:
            switching.pause(reason="Stop", by=by, source=Source.COMMAND)
        finally:
            connection.close()

    monkeypatch.setattr(stops, "let_stops_pass", stopped_meanwhile)

    assert submission.claim(1, desk) == []
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.APPROVED


@pytest.mark.parametrize("stop", ["switch"], indirect=True)
def test_g71_a_stop_that_queues_behind_the_claims_is_found(press, stop):
    with bugs.plant(bugs.STOP_BEHIND_CLAIMS), pytest.raises(AssertionError):
        test_g71_a_stop_overtakes_claims_that_follow_each_other(press, stop, range(500))
