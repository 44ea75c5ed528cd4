"""Jobs that run every so often: once over all processes, and the first of them, the price list."""

from dataclasses import replace
from datetime import timedelta

import pytest

from audit import jobs
from payouts.engine import schedule, tasks
from payouts.engine.models import ScheduledJob
from payouts.engine.worker import Worker
from payouts.gateway import rate_limit
from payouts.gateway.jobs import SyncServices
from payouts.gateway.models import Binding, RateLimit
from payouts.models import Payout, PayoutStatus
from tests.factories import PayoutFactory
from wallets.models import PayoutMethod

pytestmark = pytest.mark.django_db

SERVICES = "/v1/payout/services"


@pytest.fixture
def new_desk(account):
    """The account of a desk on which no job has had its turn yet."""
    ScheduledJob.objects.all().delete()
    return account


@pytest.fixture
def run(heleket_client, new_desk):
    """A run of the worker, as a process that was just started makes it."""
    return lambda: Worker(jobs.make_all(heleket_client, new_desk, 2)).run(once=True)


def asked(sandbox):
    return [call.path for call in sandbox.calls].count(SERVICES)


def is_offered():
    return PayoutMethod.objects.filter(network="tron", currency="USDT", is_available=True).exists()


def test_a_new_desk_reads_the_price_list_at_once_and_then_every_hour(run, sandbox, clock):
    assert run()["sync_services"] == 1
    assert PayoutMethod.objects.count() == 37

    clock.forward(minutes=59)
    assert run()["sync_services"] == 0
    sandbox.services.pop(("tron", "USDT"))
    clock.forward(minutes=1)
    assert run()["sync_services"] == 1
    assert not is_offered()
    assert asked(sandbox) == 2


def test_celery_reads_the_price_list_in_the_same_turns(
    new_desk, heleket_client, sandbox, monkeypatch
):
    monkeypatch.setattr(tasks, "signed_in", lambda: (heleket_client, new_desk))
    for _ in range(2):
        tasks.TASKS["sync_services"]()

    assert PayoutMethod.objects.count() == 37
    assert asked(sandbox) == 1


@pytest.mark.parametrize("fault", ["500", "garbage", "refuse_connection", "unauthorized"])
def test_a_price_list_that_cannot_be_read_changes_nothing_and_is_read_at_the_next_time(
    run, sandbox, clock, usdt, caplog, fault
):
    sandbox.faults.add(fault, path=SERVICES, times=1)
    run()
    assert PayoutMethod.objects.get() == usdt
    assert is_offered()
    assert "Heleket's price list stays as it was" in caplog.text

    clock.forward(minutes=59)
    run()
    assert PayoutMethod.objects.count() == 1
    clock.forward(minutes=1)
    run()
    assert PayoutMethod.objects.count() == 37


def test_f9_a_price_list_that_cannot_be_stored_stops_no_payout(
    run, sandbox, usdt, clock, monkeypatch, caplog
):
    PayoutFactory(status=PayoutStatus.APPROVED)
    with monkeypatch.context() as patch:
        patch.setattr("payouts.gateway.jobs.sync_services", lambda *_, **__: 1 / 0)
        run()
    assert Payout.objects.get().status == PayoutStatus.BROADCAST
    assert "sync_services failed, its next time is in 1:00:00" in caplog.text

    clock.forward(hours=1)
    run()
    assert PayoutMethod.objects.count() == 37


def test_a_price_list_with_nothing_in_it_stops_no_payout(run, sandbox, usdt, caplog):
    sandbox.services.clear()
    run()

    assert is_offered()
    assert "lists nothing now" in caplog.text


def test_a_job_of_which_nothing_was_recorded_comes_again_at_its_next_time(
    new_desk, heleket_client, clock
):
    job = SyncServices(heleket_client, new_desk, 1)
    assert schedule.claim(job, 1).items  # and its process is killed

    assert not schedule.claim(job, 1).items
    clock.forward(hours=1)
    assert schedule.claim(job, 1).items


AT_HOME = ["write_rights", "seal_heads"]  # they are of no account


def test_g29_a_process_of_another_account_does_not_even_take_the_turn(run, sandbox):
    Binding.objects.update(host="elsewhere.example")
    assert run()["sync_services"] == 0
    assert asked(sandbox) == 0
    assert not ScheduledJob.objects.exclude(name__in=AT_HOME).exists()


def test_f10_the_price_list_waits_for_the_rate_and_keeps_its_turn(
    new_desk, heleket_client, sandbox, clock
):
    job = SyncServices(heleket_client, replace(new_desk, calls_per_second=2), 1)
    rate_limit.consume(4, 2)

    claimed = schedule.claim(job, 1)
    assert not claimed.items
    assert claimed.look_again == 1.0

    clock.forward(seconds=claimed.look_again)
    assert schedule.claim(job, 1).items
    assert RateLimit.objects.get().free_at - clock() == timedelta(seconds=1.5)


def test_a12_a_price_list_that_meets_429_has_all_back_off(run, sandbox, clock):
    sandbox.faults.add("429_retry_after", path=SERVICES, times=1, seconds=90)
    run()
    assert RateLimit.objects.get().backoff_until - clock() == timedelta(seconds=90)

    ScheduledJob.objects.update(due_at=clock())
    run()
    assert asked(sandbox) == 1
    turns = ScheduledJob.objects.values_list("due_at", flat=True)
    assert set(turns) == {clock()}  # they keep their turns
