"""What the worker reads by itself: two days again and again, and ninety each night."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from payouts.days import day_of
from payouts.engine.models import ScheduledJob
from payouts.engine.worker import Worker
from payouts.gateway.models import RateLimit
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from payouts.reconciliation.jobs import Reconcile
from payouts.reconciliation.models import ListedDay, Run, Sweep
from payouts.reconciliation.sweeps import Asked, Window
from tests.factories import PayoutFactory

pytestmark = pytest.mark.django_db

LIST = "/v1/payout/list"


@pytest.fixture
def turn(desk):
    """Let the worker take its turns; each half a minute after the one before."""
    ScheduledJob.objects.all().delete()

    def turn(times=1, account=desk.account):
        for _number in range(times):
            Worker([Reconcile(desk.client, account, 4)]).run(once=True)
            desk.clock.forward(seconds=30)

    return turn


def listed(desk):
    return [call for call in desk.sandbox.calls if call.path == LIST]


def test_the_last_two_days_are_read_every_quarter_of_an_hour(desk, pay, turn):
    pay(1)
    [stuck] = pay(1, fate="stuck")
    desk.sandbox.force_status("paid", is_final=True, order_id=stuck.order_id("test"))
    desk.sandbox.add_foreign_payout(amount="7")
    desk.clock.forward(minutes=1)

    turn(4)

    assert Payout.objects.get(pk=stuck.pk).status == PayoutStatus.CONFIRMED
    assert [each.kind for each in Discrepancy.objects.all()] == ["foreign"]
    run = Run.objects.get()
    assert (run.channel, run.rows, run.healed, run.opened) == ("worker", 3, 1, 1)
    assert (run.is_whole, run.error, run.last_day) == (True, "", day_of(desk.clock()))
    assert ListedDay.objects.count() == 2
    assert Sweep.objects.get(pk="fresh").suspects == []
    calls = len(listed(desk))
    turn(10)
    assert len(listed(desk)) == calls

    desk.clock.forward(minutes=15)
    turn(4)

    assert Run.objects.count() == 2
    assert Discrepancy.objects.count() == 1
    assert len(listed(desk)) > calls


def test_the_last_ninety_days_are_read_in_the_course_of_each_night(desk, pay, turn, at_heleket):
    [old] = pay(1)
    desk.clock.forward(days=80)
    desk.sandbox.force_status("fail", is_final=True, order_id=old.order_id("test"))
    turn(4)
    assert not Discrepancy.objects.exists()  # nobody looks so far back by day
    desk.clock.time = Sweep.objects.get(pk="all").due_at
    turn(25)

    found = Discrepancy.objects.get()
    assert (found.kind, found.payout) == ("contradiction", old)
    run = Run.objects.filter(first_day__lt=day_of(desk.clock()) - timedelta(days=5)).get()
    assert (run.is_whole, run.rows, run.opened) == (True, 1, 1)
    assert run.last_day - run.first_day == timedelta(days=90)
    assert ListedDay.objects.count() == 91


def test_b22_a_turn_that_was_killed_is_taken_again_where_it_stopped(desk, pay, turn):
    pay(1)
    desk.sandbox.add_foreign_payout(amount="7")
    desk.clock.forward(minutes=1)
    job = Reconcile(desk.client, desk.account, 4)
    items = job.claim(100).items
    assert items
    results = [job.call(each) for each in items]  # and nothing of it is recorded

    turn(3)
    assert not Discrepancy.objects.exists()  # it may still be under way
    desk.clock.forward(minutes=10)
    turn(4)

    assert Discrepancy.objects.count() == 1
    run = Run.objects.get()
    assert (run.rows, run.is_whole) == (2, True)
    job.record(results)  # it was not killed after all, and is too late
    assert Discrepancy.objects.count() == 1
    run.refresh_from_db()
    assert run.rows == 2


def test_a_list_that_fails_is_read_again_in_the_next_turn(desk, pay, turn):
    pay(1)
    desk.clock.forward(minutes=1)
    desk.sandbox.faults.add("500", path=LIST, times=6)

    turn(1)
    assert Sweep.objects.get(pk="fresh").failures
    turn(5)

    assert Run.objects.get().is_whole


def test_a_day_is_read_in_pieces_within_the_rate(desk, pay, turn, monkeypatch):
    """Three calls at once, and two days: a turn reads what it may, and the next one goes on."""
    pay(20)
    desk.clock.forward(minutes=1)
    account = replace(desk.account, calls_per_second=2.0)
    monkeypatch.setattr("payouts.reconciliation.jobs.time.sleep", lambda _seconds: None)

    turn(8, account=account)

    run = Run.objects.get()
    assert (run.rows, run.is_whole, run.error) == (20, True, "")
    assert RateLimit.objects.get().free_at is not None
    [today] = ListedDay.objects.order_by("-day")[:1]
    assert (today.sums.get().paid_count, today.sums.get().paid_sum) == (20, Decimal(100))


def test_an_attempt_of_which_no_list_has_ever_said_anything_is_looked_for(desk, pay, turn):
    [payout] = pay(1)
    remote = desk.sandbox.find(payout.order_id("test"))
    remote.created_at -= timedelta(days=400)
    del desk.sandbox._by_order_id[remote.order_id], desk.sandbox._by_uuid[remote.uuid]

    turn(5)

    assert [each.kind for each in Discrepancy.objects.all()] == ["vanished"]


def test_i19_an_unknown_payout_is_recorded_with_what_became_of_lost_calls(desk):
    """Results are recorded as they come, in whatever order and in as many batches."""
    PayoutFactory(status=PayoutStatus.APPROVED)
    desk.sandbox.lose_answers = True
    desk.submit()
    desk.sandbox.lose_answers = False
    desk.clock.forward(minutes=1)
    job = Reconcile(desk.client, desk.account, 4)

    while isinstance((items := take(job))[0], Window | Asked):
        for result in reversed([job.call(each) for each in items]):
            job.record([result])

    assert Attempt.objects.get().uuid == desk.sandbox.payouts[0].uuid
    assert not Discrepancy.objects.exists()


@transaction.atomic
def take(job):
    return job.take(1).items
