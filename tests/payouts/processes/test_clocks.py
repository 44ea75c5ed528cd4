"""Workers on hosts whose clocks are a day off, or step: what counts is the database's clock."""

import signal
from datetime import timedelta

import pytest

from audit import clock
from payouts.models import Attempt, Payout, PayoutEvent
from tests.payouts.processes.conftest import assert_each_paid_once, count, make_due
from tests.payouts.processes.harness import until

pytestmark = pytest.mark.processes


@pytest.fixture
def start_on(start_worker):
    """Start a worker on a host whose wall clock is so many days off."""
    return lambda days_off: start_worker(entry="wrong_clock", DAYS_OFF=str(days_off))


def test_f6_a_worker_a_day_ahead_leaves_the_leases_of_others_alone(
    make_approved, sandbox, start_worker, start_on, environment
):
    """A lease that ended yesterday by its own clock has just begun by the database's."""
    environment["HELEKET_TIMEOUT_SECONDS"] = "20"
    [slow] = make_approved()
    sandbox.control("faults", name="timeout", times=1, path="/v1/payout")
    holder = start_worker("--threads=1")
    until(lambda: sandbox.creates() == 1)
    holder.send(signal.SIGSTOP)
    ahead = start_on(1)
    make_approved(5)
    until(lambda: count(status="broadcast") == 5)

    assert tomorrow() in ahead.written  # the clock is really wrong
    assert Payout.objects.get(pk=slow.pk).status == "submitting"
    assert slow.attempts.get().calls == 1
    assert "/v1/payout/info" not in sandbox.state()["calls"]
    assert sandbox.creates() == 6


def tomorrow():
    return f"{clock.now() + timedelta(days=1):%Y-%m-%d}"


def test_f6_clocks_that_differ_and_step_by_days_pay_each_once(make_approved, sandbox, start_on):
    make_approved(60)
    sandbox.control("faults", name="drop", rate=0.2)
    sandbox.control("faults", name="commit_then_drop", rate=0.2)
    ahead, behind = start_on(1), start_on(-1)
    until(lambda: count(status="broadcast") > 10)
    ahead.kill()
    behind.send(signal.SIGUSR1)
    until(lambda: make_due() and count(status="broadcast") > 30, every=0.2)
    behind.send(signal.SIGUSR1)
    sandbox.control("clear-faults")
    until(lambda: make_due() and not Payout.objects.exclude(status="broadcast").exists(), every=0.2)

    assert_each_paid_once(sandbox)
    hour = timedelta(hours=1)
    for model, name in [(PayoutEvent, "at"), (Attempt, "lease_until"), (Payout, "due_at")]:
        for at in model.objects.values_list(name, flat=True):
            assert abs(at - clock.now()) < hour, (model, name, at)
