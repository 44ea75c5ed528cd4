"""Wakeups: sent on commit, once, and never at the cost of whoever causes one."""

import subprocess
import sys
from dataclasses import replace
from queue import Empty

import pytest
from celery import Celery
from django.db import transaction
from kombu.exceptions import OperationalError

import config.celery
from audit import jobs
from audit.actor import Actor, Channel
from audit.operations import perform
from config import environment
from heleket.webhooks import sign_webhook
from payouts import operations, submission, wakeups
from payouts.controls import switch
from payouts.engine import tasks
from payouts.gateway import rate_limit
from payouts.models import Attempt, Payout, PayoutStatus
from payouts.portal import feed
from payouts.portal.models import FeedEvent, UnfedEvent
from payouts.seen import see
from tests.factories import PayoutFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(use_broker):
    """A broker in this process: a function that takes the messages out of it."""
    app = use_broker("memory://")
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.conf.task_default_queue)
        queue.clear()

        def taken():
            messages = []
            try:
                while True:
                    messages.append(queue.get_nowait())
            except Empty:
                assert all(each.headers["expires"] for each in messages)
                return sorted(each.headers["task"] for each in messages)

        yield taken
        queue.close()


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def test_each_job_has_a_wakeup_and_a_task(account, heleket_client):
    names = [each.name for each in jobs.make_all(heleket_client, account, 1)]
    core = ["submit", "check", "watch", "reopen", "guard"]
    reading = ["read_back", "reconcile", "fetch_rates", "sync_services", "fetch_balances"]
    above = [
        "feed",
        "deliver",
        "forget",
        "write_rights",
        "close_month",
        "read_history",
        "seal_heads",
    ]
    assert sorted(names) == sorted([*core, *reading, *above])
    assert [tasks.TASKS[name].name for name in names] == list(map(wakeups.task_name, names))
    config.celery.app.finalize()
    assert set(config.celery.app.conf.beat_schedule) == set(names)


def test_a_desk_has_a_queue_of_its_own(settings, broker):
    """Other applications may use the broker, and so may another desk."""
    wakeups.send("submit")
    with config.celery.app.connection_for_read("memory://") as connection:
        queue = connection.SimpleQueue(f"payouts-{settings.INSTALLATION}")
        assert queue.get_nowait().headers["task"] == "payouts.submit"
        queue.close()


def test_who_writes_to_the_broker_cannot_command_workers():
    assert config.celery.app.conf.worker_enable_remote_control is False
    assert config.celery.app.conf.accept_content == ["json"]


def test_an_approval_of_many_wakes_once(office, broker, commit):
    pending = [PayoutFactory() for _ in range(3)]

    with commit():
        perform(
            operations.APPROVE,
            see(pending),
            actor=Actor.staff(office.person("Approver"), Channel.ADMIN),
        )
        assert broker() == []

    assert broker() == ["payouts.feed", "payouts.submit"]


def test_f10_a_wakeup_without_work_ends_and_causes_no_other_when_the_rate_is_used_up(
    office, broker, commit, monkeypatch
):
    paced = replace(office.account, calls_per_second=2)
    monkeypatch.setattr(tasks, "signed_in", lambda: (office.client, paced))
    monkeypatch.setattr(tasks, "may_send", lambda: True)  # no start, which has something to do
    rate_limit.consume(8, 2)
    for task in tasks.TASKS.values():
        with commit():
            task()
    assert broker() == []


def test_what_is_not_due_wakes_the_feed_alone(office, broker, commit):
    with commit():
        payout = PayoutFactory()
        office.act("HOLD", payout, role="Approver", reason="Wait")
        approved = PayoutFactory(status=PayoutStatus.APPROVED)
        office.act("CANCEL", approved, role="Operator", reason="Twice")

    assert broker() == ["payouts.feed"]


def test_a_call_that_begins_is_no_news_and_its_answer_is(office, broker, commit):
    PayoutFactory(status=PayoutStatus.APPROVED)
    feed.take_up()
    with commit():
        calls = submission.claim(1, office.account).items
    assert broker() == []
    assert not UnfedEvent.objects.exists()
    with commit():
        answers = [submission.send(call, office.client, timeout=5) for call in calls]
        submission.record(answers, office.account)
    assert "payouts.feed" in broker()
    assert UnfedEvent.objects.exists()


def test_the_feed_follows_a_commit_at_once_and_then_ends(office, broker, commit, monkeypatch):
    monkeypatch.setattr(tasks, "signed_in", lambda: (office.client, office.account))
    with commit():
        office.act("HOLD", PayoutFactory(), role="Approver", reason="Wait")
    assert broker() == ["payouts.feed"]
    with commit():
        tasks.TASKS["feed"]()
    assert [each.status for each in FeedEvent.objects.all()] == ["in_review"]
    assert not UnfedEvent.objects.exists()
    assert broker() == []


def test_what_a_person_makes_due_wakes_its_own_job(office, broker, commit):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    with commit():
        office.act("EXPEDITE", payout, role="Operator")
    assert broker() == ["payouts.feed", "payouts.submit"]

    office.sandbox.set_fate("stuck")
    with commit():
        office.submit()
    assert broker() == []
    with commit():
        office.act("REQUEST_CHECK", payout, role="Operator")
    assert broker() == ["payouts.check"]


def test_sending_that_goes_on_wakes_for_what_has_waited(office, broker, commit):
    operator = {"actor": Actor.staff(office.person("Operator"), Channel.ADMIN), "reason": "Update"}
    with commit():
        switch.set_sending(False, **operator)
    assert broker() == []

    for expected in (["payouts.submit"], []):  # it goes on already
        with commit():
            switch.set_sending(True, **operator)
        assert broker() == expected


def test_a_lost_payout_wakes_when_it_may_be_sent_again(office, broker, commit):
    office.sandbox.drop_requests = True
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit()
    with commit():
        while not Payout.objects.get(pk=payout.pk).may_repeat:
            office.clock.forward(seconds=30)
            office.check()
    assert broker() == ["payouts.submit"]


def test_a_webhook_wakes_for_a_question(office, broker, commit, client):
    PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("stuck")
    office.submit()
    members = {"type": "payout", "order_id": Attempt.objects.get().order_id, "status": "paid"}
    body = sign_webhook(members, office.sandbox.payout_key)

    for expected in (["payouts.check"], []):  # a repeat is only counted
        with commit():
            answer = client.post("/webhooks/heleket/", body, content_type="application/json")
        assert answer.status_code == 200
        assert broker() == expected


def test_f7_what_is_rolled_back_wakes_nobody(office, broker, commit):
    first, second = PayoutFactory(), PayoutFactory()
    approver = {"actor": Actor.staff(office.person("Approver"), Channel.ADMIN)}

    with commit():
        try:
            with transaction.atomic():
                perform(operations.APPROVE, see([first]), **approver)
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
    assert broker() == []

    with commit():  # nor does it keep the next one from waking
        perform(operations.APPROVE, see([second]), **approver)
    assert broker() == ["payouts.feed", "payouts.submit"]


@pytest.mark.django_db(transaction=True)
def test_f7_a_broker_that_does_not_answer_is_left_alone_for_a_while(
    office, broker, monkeypatch, caplog
):
    payouts, tried = [PayoutFactory() for _ in range(3)], []

    def refuse(*_args, **_options):
        tried.append(1)
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(Celery, "send_task", refuse)
        for payout in payouts[:2]:
            office.approve(payout)
            assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.APPROVED
    assert len(tried) == 1
    assert "connection refused" in caplog.text

    monkeypatch.setattr(wakeups, "_backoff_until", 0.0)  # the while is over
    office.approve(payouts[2])
    assert broker() == ["payouts.feed", "payouts.submit"]


def test_without_a_broker_celery_is_not_even_read():
    script = (
        "import django; django.setup(); import sys; from payouts import wakeups; "
        "wakeups.wake('submit'); "
        "import config.wsgi, payouts.webhooks; print('celery' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=environment.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "False\n"
