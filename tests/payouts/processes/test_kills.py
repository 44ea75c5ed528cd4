"""Workers that die, freeze or stop at the worst moments, before a real gateway and database."""

import os
import signal

import pytest

from audit import clock
from payouts.models import Attempt, Payout
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.processes.conftest import assert_each_paid_once, count, until_all
from tests.payouts.processes.harness import until

pytestmark = pytest.mark.processes

ROWS = int(os.environ.get("CLAIMED_ROWS", "200"))  # that two workers share


def test_a1_killed_before_the_first_byte_arrives(make_approved, sandbox, start_worker):
    [payout] = make_approved()
    sandbox.control("gate", mode="before")
    worker = start_worker()
    until(lambda: sandbox.waiting() == 1)
    worker.kill()
    sandbox.control("gate", mode="open")
    until(lambda: sandbox.waiting() == 0)
    assert sandbox.debits() == {}

    start_worker()
    until_all("broadcast")

    assert_each_paid_once(sandbox)
    attempt = payout.attempts.get()
    assert attempt.calls == 2
    acts = payout.events.order_by("number").values_list("event_type", flat=True)
    assert list(acts)[2:] == ["claim", "not_found", "allow_repeat", "repeat", "accept"]


def test_a2_killed_after_the_gateway_has_paid(make_approved, sandbox, start_worker):
    [payout] = make_approved()
    sandbox.control("gate", mode="after")
    worker = start_worker()
    until(lambda: sandbox.waiting() == 1)
    worker.kill()
    sandbox.control("gate", mode="open")

    start_worker()
    until_all("broadcast")

    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 1
    attempt = payout.attempts.get()
    assert attempt.uuid == sandbox.state()["payouts"][0]["uuid"]
    assert attempt.sources["uuid"] == "poll"


def is_record(statement, transaction):
    """Whether this ends a transaction that stores what Heleket answered."""
    stores = [each for each in transaction if "UPDATE SET" in each and "payouts_attempt" in each]
    return statement == "COMMIT" and bool(stores)


@pytest.mark.parametrize("verdict", ["swallow", "cut after"])
def test_a3_killed_while_an_answer_is_committed(
    verdict, make_approved, sandbox, start_worker, proxy, proxied
):
    """Swallowed, the commit never happens; cut after, it has, but nobody hears of it."""
    [payout] = make_approved()
    worker = start_worker(DATABASE_URL=proxied)
    met = []

    def judge(statement, transaction):
        if met or not is_record(statement, transaction):
            return "pass"
        met.append(statement)
        if verdict == "cut after":
            worker.send(signal.SIGSTOP)
        return verdict

    proxy.judge = judge
    until(lambda: met)
    until(lambda: verdict == "swallow" or Payout.objects.get().status == "broadcast")
    worker.kill()

    assert_chains_hold()
    payout = Payout.objects.get()
    half = {payout.status, payout.attempts.get().uuid is not None}
    assert half in ({"submitting", False}, {"broadcast", True})
    assert (payout.status == "submitting") == (verdict == "swallow")

    start_worker()
    until_all("broadcast")
    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 1


def test_g4_a_frozen_worker_sends_nothing_after_its_lease(make_approved, sandbox, start_worker):
    make_approved(2)
    sandbox.control("gate", mode="before")
    frozen = start_worker("--threads=1")  # one call is at the gateway, one waits for the thread
    until(lambda: sandbox.waiting() == 1)
    assert count(status="submitting") == 2
    frozen.send(signal.SIGSTOP)
    sandbox.control("gate", mode="open")
    until(lambda: not Attempt.objects.filter(lease_until__gt=clock.now()).exists())
    assert sandbox.creates() == 1

    frozen.send(signal.SIGCONT)  # its own clock says that too little of its leases is left
    until(lambda: count(status="broadcast") == 1 and count(status="approved") == 1)
    assert sandbox.creates() == 1
    Payout.objects.filter(status="approved").update(due_at=clock.now())
    until_all("broadcast")
    assert_each_paid_once(sandbox)


def test_a14_an_answer_that_comes_late_is_recorded_once(make_approved, sandbox, start_worker):
    [payout] = make_approved()
    sandbox.control("gate", mode="after")
    late = start_worker()
    until(lambda: sandbox.waiting() == 1)
    late.send(signal.SIGSTOP)
    sandbox.control("gate", mode="open")
    start_worker()
    until_all("broadcast")

    late.send(signal.SIGCONT)
    until(lambda: payout.attempts.get().unanswered == [])
    assert_each_paid_once(sandbox)
    assert payout.events.filter(event_type="accept").count() == 1


def test_f5_sigterm_finishes_what_is_under_way(make_approved, sandbox, start_worker):
    make_approved(12)
    sandbox.control("gate", mode="before")
    worker = start_worker("--threads=2")
    until(lambda: sandbox.waiting() == 2)
    assert count(status="submitting") == 4
    worker.send(signal.SIGTERM)
    sandbox.control("gate", mode="open")

    assert worker.ends() == 0
    # A call may have begun before the signal was heard; none is left open.
    assert count(status="submitting") == 0
    assert count(status="broadcast") == len(sandbox.debits())
    assert count(status="approved") >= 8
    assert not Attempt.objects.exclude(unanswered=[]).exists()


def test_a13_two_workers_pay_each_row_once(make_approved, sandbox, start_worker):
    make_approved(ROWS)
    for _ in range(2):
        start_worker()
    until_all("broadcast", seconds=60 + ROWS / 20)

    assert_each_paid_once(sandbox)
    assert sandbox.creates() == ROWS
    assert set(Attempt.objects.values_list("calls", flat=True)) == {1}
