"""Storms over both engines: whatever dies, freezes or is cut, each payout is paid once.

Twenty kills in a normal run. `make torture` sets KILLS and SEED and writes what came of it down.
"""

import json
import os
import signal
from collections import defaultdict
from functools import partial

import pytest

from heleket.sandbox import Gateway
from tests.payouts.invariants import check_invariants
from tests.payouts.processes.conftest import order_ids
from tests.payouts.processes.harness import Sandbox
from tests.payouts.processes.storm import Storm

pytestmark = pytest.mark.processes

SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "0"))


@pytest.fixture
def ledger(tmp_path):
    """Where the sandbox of a storm writes down what it has, when it ends."""
    return tmp_path / "ledger.json"


@pytest.fixture
def sandbox(processes, ledger):
    processes.append(Sandbox("--pace=86400", f"--seed={SEED}", f"--state={ledger}"))
    return processes[-1]


@pytest.fixture
def say(request, capfd):
    """Say something at once in a run that is verbose, as `make torture` is."""

    def say(line):
        if request.config.option.verbose > 0:
            with capfd.disabled():
                print(line, flush=True)  # noqa: T201

    return say


@pytest.fixture
def make_storm(make_approved, sandbox, proxy, say):
    wired = {"make": make_approved, "sandbox": sandbox, "proxy": proxy, "say": say}
    return lambda name, kills, **how: Storm(name, SEED, kills, **how, **wired)


@pytest.fixture
def ends_well(sandbox, ledger, record_property):
    """Judge a storm by what the gateway was asked for, paid, and still has."""

    def judge(storm):
        storm.calm()
        verdict = storm.verdict()
        record_property("verdict", verdict)
        assert verdict.is_clean, verdict
        sandbox.send(signal.SIGTERM)
        assert sandbox.ends() == 0
        kept = Gateway.load(ledger, merchant_id="", payout_key="", payment_key="")
        asked_for = bytes_by_order_id(kept)
        assert asked_for.keys() == order_ids()
        assert {len(bodies) for bodies in asked_for.values()} == {1}
        check_invariants(kept)

    return judge


def bytes_by_order_id(gateway):
    """What the gateway was asked for under each order id, each spelling once."""
    found = defaultdict(set)
    for call in gateway.creates:
        found[json.loads(call.body)["order_id"]].add(call.body)
    return found


def test_a2_a14_f1_f5_two_workers_in_a_storm_pay_each_payout_once(
    make_storm, start_worker, proxied, ends_well
):
    start = partial(start_worker, "--threads=2", DATABASE_URL=proxied)
    storm = make_storm("worker", KILLS or 14, start=start)
    storm.blow()
    ends_well(storm)


def test_a2_a14_f1_f5_f7_two_celery_workers_in_a_storm_pay_each_payout_once(
    make_storm, start_celery, start_beat, proxied, broker, ends_well
):
    start_beat()
    start = partial(start_celery, DATABASE_URL=proxied)
    storm = make_storm("Celery", KILLS or 6, start=start, broker=broker)
    storm.blow()
    ends_well(storm)
