"""What has piled up in an outage goes out in its order, and people can work meanwhile."""

import os
import time
from dataclasses import dataclass
from statistics import median

import pytest
from django.conf import settings
from django.test import Client

from benchmarks import stage
from payouts.engine.worker import MOST_AHEAD
from payouts.models import Payout
from tests.factories import StaffFactory
from tests.payouts.processes.conftest import assert_each_paid_once
from tests.payouts.processes.harness import until

pytestmark = pytest.mark.processes

SIZE = int(os.environ.get("BACKLOG", "500"))
WORKERS, THREADS = 2, 8
LIST = "/admin/payouts/payout/"
SLOWER_AT_MOST = 20  # times: workers, gateway and database share the CPUs with the Admin


@dataclass(frozen=True)
class Drained:
    """How a backlog went out. Times of the Admin's list are medians in seconds."""

    payouts: int
    seconds: float
    overtaken: int  # by how many places the hastiest payout went before its turn
    list_before: float
    list_meanwhile: float


@pytest.fixture
def look(database):
    """Open the Admin's list of payouts and return how many seconds it took."""
    client = Client(raise_request_exception=True)
    client.force_login(StaffFactory(roles=["Auditor"]))

    def look():
        began = time.monotonic()
        assert client.get(LIST, secure=True).status_code == 200
        return time.monotonic() - began

    return look


def test_f10_a_backlog_goes_out_oldest_first_and_the_admin_stays_usable(
    look, sandbox, start_worker, record_property
):
    stage.approved_payouts(SIZE)
    before, meanwhile = [look() for _ in range(10)], []
    for _ in range(WORKERS):
        start_worker(f"--threads={THREADS}")
    until(lambda: sandbox.creates() > 0)
    began = time.monotonic()
    until(
        lambda: meanwhile.append(look()) or not waiting().exists(),
        seconds=60 + SIZE / 20,
        every=0.5,
    )
    drained = Drained(
        payouts=SIZE,
        seconds=time.monotonic() - began,
        overtaken=overtaken(sandbox),
        list_before=median(before),
        list_meanwhile=median(meanwhile),
    )
    record_property("drained", drained)

    assert_each_paid_once(sandbox)
    assert len(meanwhile) > 1
    assert drained.list_meanwhile < SLOWER_AT_MOST * drained.list_before, drained
    assert drained.overtaken <= WORKERS * (THREADS + MOST_AHEAD), drained


def waiting():
    return Payout.objects.filter(status__in=["approved", "submitting"])


def overtaken(sandbox):
    """Return by how many places a payout came to the gateway before its turn, at most."""
    in_turn = Payout.objects.order_by("approved_at", "number")
    turns = {payout.order_id(settings.INSTALLATION): turn for turn, payout in enumerate(in_turn)}
    came = [each["order_id"] for each in sandbox.state()["payouts"]]
    return max(turns[order_id] - place for place, order_id in enumerate(came))
