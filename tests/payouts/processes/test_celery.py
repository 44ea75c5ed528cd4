"""Celery workers with a real Redis, before a real gateway and database."""

import os
import signal
import time

import pytest

from audit import clock, jobs
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations, wakeups
from payouts.gateway.models import Binding, RateLimit
from payouts.models import Attempt, Payout
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.processes.conftest import assert_each_paid_once, count, until_all
from tests.payouts.processes.harness import Celery, until

pytestmark = pytest.mark.processes


@pytest.fixture
def app(broker, use_broker):
    return use_broker(broker.url)


@pytest.fixture
def wake(app):
    return lambda job, times=1: [app.send_task(wakeups.task_name(job)) for _ in range(times)]


def test_a13_hosts_beats_engines_and_wakeups_pay_each_of_100_rows_once(
    make_approved, sandbox, start_celery, start_beat, start_worker, wake
):
    """Two Celery workers, two beats, a `worker` beside them, and every wakeup many times over."""
    make_approved(100)
    sandbox.control("latency", seconds=0.05)
    for _ in range(2):
        start_celery()
        start_beat()
    wake("submit", 20)
    until(lambda: sandbox.creates() > 10)
    start_worker("--threads=2")
    wake("submit", 20)
    wake("check", 20)
    until_all("broadcast")

    until(lambda: sandbox.control("advance") == 0)
    Payout.objects.update(due_at=clock.now())
    until_all("confirmed")  # beat sweeps
    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 100
    assert set(Attempt.objects.values_list("calls", flat=True)) == {1}


def test_a_commit_is_heard_without_a_sweep(database, sandbox, app, start_celery):
    start_celery(count=1)
    payout = PayoutFactory()
    approver = StaffFactory(roles=["Approver"])

    perform(operations.APPROVE, see([payout]), actor=Actor.staff(approver, Channel.ADMIN))

    until_all("broadcast")
    assert_each_paid_once(sandbox)


def test_f7_a_broker_that_is_lost_makes_all_slower_and_nothing_wrong(
    make_approved, sandbox, broker, environment, processes, start_beat, app
):
    broker.lose()
    processes.append(Celery.worker(env=environment))
    start_beat()
    make_approved(10)
    payout = PayoutFactory()
    approver = StaffFactory(roles=["Approver"])
    [outcome] = perform(
        operations.APPROVE, see([payout]), actor=Actor.staff(approver, Channel.ADMIN)
    )
    assert outcome.done
    assert wakeups._backoff_until
    until(lambda: "Cannot connect" in processes[-2].written)
    assert sandbox.calls() == 0
    assert count(status="approved") == 11
    broker.start()
    until_all("broadcast")

    sandbox.control("latency", seconds=0.1)
    for trouble in (broker.lose, broker.flush):
        done = sandbox.creates()
        make_approved(60)
        until(lambda done=done: sandbox.creates() > done)
        trouble()
        if trouble == broker.lose:
            broker.start()
        until_all("broadcast")
    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 131


def test_f5_sigterm_finishes_what_is_under_way(make_approved, sandbox, start_celery, wake):
    make_approved(40)
    sandbox.control("gate", mode="before")
    worker = start_celery(count=1)
    wake("submit")
    until(lambda: sandbox.waiting() == 8)
    assert count(status="submitting") > 8
    worker.send(signal.SIGTERM)
    until(lambda: "Warm shutdown" in worker.written)
    sandbox.control("gate", mode="open")

    assert worker.ends() == 0
    assert count(status="submitting") == 0
    assert count(status="broadcast") == len(sandbox.debits())
    assert count(status="approved") >= 20
    assert not Attempt.objects.exclude(unanswered=[]).exists()


def test_f5_a_killed_child_and_a_lost_machine_leave_leases_and_nothing_else(
    make_approved, sandbox, start_celery, wake
):
    make_approved(8)
    sandbox.control("gate", mode="after")
    lost = start_celery(count=1)
    wake("submit")
    until(lambda: sandbox.waiting() == 8)
    [child] = lost.children
    os.kill(child, signal.SIGKILL)
    until(lambda: lost.children not in ([], [child]))
    make_approved(8)
    wake("submit")
    until(lambda: sandbox.waiting() == 16)
    lost.kill()
    sandbox.control("gate", mode="open")

    start_celery(count=1)
    until(lambda: wake("check") and count(status="broadcast") == 16, every=0.5)
    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 16


def test_f10_both_engines_together_keep_to_one_rate(
    make_approved, sandbox, start_celery, start_worker, environment, wake
):
    """In no stretch of time are there more calls than the rate allows, the burst, and what is
    between its claim and the gateway: at most one call for each thread."""
    rate, burst, threads = 30, 31, 2 * 5 + 8
    environment["HELEKET_CALLS_PER_SECOND"] = str(rate)
    start_celery(count=1)
    make_approved(150)
    wake("submit")
    for _ in range(2):
        start_worker("--threads=2")
    seen = []

    def watch():
        before = time.monotonic()
        calls = sandbox.calls()
        seen.append((before, calls, time.monotonic()))
        return count(status="broadcast") == 150

    until(watch)
    assert_each_paid_once(sandbox)
    for number, (start, calls, _end) in enumerate(seen):
        for _start, later, end in seen[number:]:
            assert later - calls <= rate * (end - start) + burst + threads


def test_a12_after_a_429_both_engines_back_off(
    make_approved, sandbox, start_celery, start_beat, start_worker
):
    make_approved(4)
    start_worker()
    start_celery(count=1)
    start_beat()
    until_all("broadcast")
    sandbox.control("faults", name="429_retry_after", seconds=6, path="/v1/payout/info")
    Payout.objects.filter(pk=Payout.objects.first().pk).update(due_at=clock.now())
    until(lambda: RateLimit.objects.get().backoff_until)
    make_approved(20)
    Payout.objects.under_way().update(due_at=clock.now())

    calls = sandbox.calls()
    backoff_until = RateLimit.objects.get().backoff_until
    assert calls == 5
    until(lambda: sandbox.calls() > calls)
    assert clock.now() >= backoff_until
    until_all("broadcast")
    assert_each_paid_once(sandbox)


def test_g1_a_worker_of_another_desk_does_nothing_and_says_so(
    make_approved, sandbox, start_celery, wake
):
    make_approved()
    Binding.objects.create(
        host="elsewhere.example", merchant_id="m", installation="test", bound_at=clock.now()
    )
    worker = start_celery(count=1)
    for job in jobs.REGISTERED:
        wake(job)

    refusal = "Nothing is sent and nothing is asked."
    until(lambda: worker.written.count(refusal) == len(jobs.REGISTERED))
    assert sandbox.calls() == 0
    assert count(status="approved") == 1
