"""Heartbeats: who is at work, as pages can read it."""

import os
import socket

import pytest
from django.db import OperationalError, ProgrammingError

from audit import jobs
from payouts import heartbeats
from payouts.engine import tasks
from payouts.engine.worker import Worker
from payouts.heartbeats import Heartbeat, Pulse
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pulse():
    """The heartbeat of a worker whose next beat is always due."""
    pulse = Pulse(Heartbeat.Kind.WORKER)

    def beat():
        pulse.next_beat = 0.0
        pulse.beat()

    pulse.beat_now = beat
    return pulse


def test_a_process_leaves_one_row_and_says_again_and_again_that_it_is_there(pulse, clock):
    started_at = clock()
    pulse.beat_now()
    clock.forward(minutes=5)
    pulse.beat_now()

    [row] = Heartbeat.objects.all()
    assert (row.kind, row.host, row.pid) == ("worker", socket.gethostname(), os.getpid())
    assert (row.started_at, row.seen_at) == (started_at, clock())
    assert heartbeats.last_seen() == clock()


def test_a_heartbeat_is_written_every_few_seconds_at_most(
    pulse, clock, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr(heartbeats.time, "monotonic", lambda: 100.0)
    pulse.beat_now()
    with django_assert_num_queries(0):
        pulse.beat()
    monkeypatch.setattr(heartbeats.time, "monotonic", lambda: 105.0)
    with django_assert_num_queries(1):
        pulse.beat()


def test_rows_of_processes_that_are_gone_are_removed_after_a_day(pulse, clock):
    Pulse(Heartbeat.Kind.CELERY).beat()
    clock.forward(days=1)
    Pulse(Heartbeat.Kind.CELERY).beat()
    clock.forward(seconds=1)
    pulse.beat_now()
    assert [each.kind for each in Heartbeat.objects.order_by("seen_at")] == ["celery", "worker"]

    Heartbeat.objects.all().delete()  # one that hung for days is there again
    pulse.beat_now()
    assert Heartbeat.objects.get().started_at == clock()


@pytest.mark.parametrize(
    ("trouble", "logged"), [(OperationalError("gone"), 0), (ProgrammingError("no table"), 1)]
)
def test_g73_a_heartbeat_that_cannot_be_written_stops_no_work(
    pulse, clock, monkeypatch, caplog, trouble, logged
):
    def fail(_now):
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(pulse, "write", fail)
        pulse.beat_now()
        pulse.beat_now()
    assert caplog.text.count("no heartbeat could be written") == logged

    pulse.beat_now()
    assert heartbeats.last_seen() == clock()


def test_both_engines_leave_heartbeats(account, heleket_client, clock, monkeypatch):
    worker = Worker(jobs.make_all(heleket_client, account, 1), pulse=Pulse(Heartbeat.Kind.WORKER))
    worker.run(once=True)
    monkeypatch.setattr(tasks, "signed_in", lambda: (heleket_client, account))
    monkeypatch.setattr(tasks, "pulse", Pulse(Heartbeat.Kind.CELERY))
    tasks.work("check")

    assert {each.kind for each in Heartbeat.objects.filter(seen_at=clock())} == {"worker", "celery"}


def test_the_desk_page_says_when_a_worker_was_last_seen(client, clock, pulse):
    client.force_login(StaffFactory(roles=["Operator"]))

    def page():
        return client.get("/admin/payouts_controls/switch/").content.decode().replace("\xa0", " ")

    assert "No worker has been seen yet, so nothing happens by itself" in page()
    pulse.beat_now()
    clock.forward(seconds=3)
    assert "Worker seen 3 s ago" in page()
    clock.forward(seconds=27)
    assert "Worker seen 30 s ago" in page()
    clock.forward(seconds=1)
    assert "No worker has been seen since 09:00:00, so nothing happens by itself" in page()
    assert "Worker seen" not in page()
