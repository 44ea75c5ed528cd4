"""The embedded worker: jobs in one loop, answers in batches, trouble that does not stop it."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from audit import jobs
from audit.jobs import Claimed
from payouts import polling, submission
from payouts.engine import tasks, worker
from payouts.engine.start import FirstQuestions
from payouts.engine.worker import LONGEST_BACKOFF, TOGETHER_SECONDS, Outage, Worker
from payouts.gateway import rate_limit
from payouts.jobs import Submit
from payouts.models import Attempt, Payout, PayoutStatus
from tests.factories import PayoutFactory, StaffFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


@pytest.fixture
def approved(db):
    """Payouts of one wallet, approved."""
    wallet, approver = WalletFactory(), StaffFactory(roles=["Approver"])
    maker = StaffFactory(roles=["Requester"])

    def make(count):
        return [
            PayoutFactory(
                wallet=wallet, status="approved", requested_by=maker, approved_by=approver
            )
            for _ in range(count)
        ]

    return make


@pytest.fixture
def run(heleket_client, account):
    def run(threads=4, limit=None):
        all_jobs = jobs.make_all(heleket_client, account, threads)
        return Worker(all_jobs, limit=limit).run(once=True)

    return run


def statuses():
    return list(Payout.objects.order_by("number").values_list("status", flat=True))


def test_a_run_sends_what_is_approved_and_asks_about_what_is_due(approved, run, sandbox, clock):
    approved(30)

    assert run()["submit"] == 30
    assert set(statuses()) == {"broadcast"}

    clock.forward(minutes=5)
    sandbox.run_due()
    assert run()["check"] == 30
    assert set(statuses()) == {"confirmed"}
    assert len(sandbox.order_ids) == 30


def test_a_run_goes_on_behind_what_cannot_be_sent(approved, run, sandbox, monkeypatch):
    """More than one claim finds only payouts that are not to be sent."""
    monkeypatch.setattr("payouts.engine.worker.IDLE_SECONDS", 0.001)
    approved(12)
    Payout.objects.update(amount=7)  # their approvals were for another amount
    approved(2)

    assert run(threads=2)["submit"] == 2
    assert statuses() == [*["pending"] * 12, *["broadcast"] * 2]


def test_a_limit_ends_the_run(approved, run, sandbox):
    approved(30)

    assert run(limit=7)["submit"] == 7

    assert statuses().count("broadcast") == 7
    assert statuses().count("approved") == 23


def test_f2_a_failing_database_repeats_the_step_and_not_the_call(
    approved, run, sandbox, monkeypatch
):
    approved(5)
    record, failures = submission.record, [OperationalError("deadlock detected")] * 2

    def failing_record(answers, account):
        if failures:
            raise failures.pop()
        record(answers, account)

    monkeypatch.setattr(submission, "record", failing_record)
    monkeypatch.setattr("payouts.engine.worker.time.sleep", lambda _seconds: None)
    monkeypatch.setattr(connection, "close", lambda: None)  # it holds the test's transaction
    run()

    assert set(statuses()) == {"broadcast"}
    assert [call.path for call in sandbox.calls] == ["/v1/payout"] * 5


def test_f9_a_payout_whose_answer_cannot_be_stored_does_not_hold_up_others(
    approved, run, sandbox, clock, monkeypatch, caplog
):
    poison = approved(6)[2]
    apply = submission.apply

    def raise_for_poison(case, *rest):
        if case.payout.pk == poison.pk:
            raise ZeroDivisionError("poison")
        apply(case, *rest)

    monkeypatch.setattr(submission, "apply", raise_for_poison)
    run()

    assert statuses().count("broadcast") == 5
    assert Payout.objects.get(pk=poison.pk).status == PayoutStatus.SUBMITTING
    assert "ZeroDivisionError" in caplog.text

    clock.forward(minutes=5)  # its lease is over: Heleket is asked
    run()
    assert Payout.objects.get(pk=poison.pk).status == PayoutStatus.BROADCAST
    assert len(sandbox.order_ids) == 6


def test_f9_a_payout_that_cannot_be_written_down_for_heleket_waits_and_says_why(
    approved, run, sandbox, monkeypatch, caplog
):
    poison = approved(6)[0]
    new_attempt = submission.new_attempt

    def raise_for_poison(payout, account):
        if payout.pk == poison.pk:
            raise ValueError("An order id has 1 to 32 characters.")
        return new_attempt(payout, account)

    monkeypatch.setattr(submission, "new_attempt", raise_for_poison)
    run()

    assert statuses().count("broadcast") == 5
    poison = Payout.objects.get(pk=poison.pk)
    assert poison.status == PayoutStatus.APPROVED
    assert "1 to 32 characters" in poison.why.sentence
    assert poison.due_at > poison.requested_at
    assert not Attempt.objects.filter(payout=poison).exists()


def test_a_call_that_breaks_the_client_leaves_its_payout_to_a_question(
    approved, run, sandbox, monkeypatch, clock
):
    approved(1)
    with monkeypatch.context() as patch:
        patch.setattr(submission, "create", lambda *_: 1 / 0)
        run()
    assert statuses() == ["submitting"]

    clock.forward(minutes=5)
    run()
    assert Payout.objects.get().events.order_by("-number").first().event_type == "not_found"
    assert sandbox.order_ids == []


def test_f5_a_stopped_worker_finishes_its_calls_and_gives_back_what_waits(
    approved, heleket_client, account, sandbox
):
    approved(4)
    worker = Worker(jobs.make_all(heleket_client, account, 2))
    sandbox.gate.set("before")
    threading.Thread(target=stop_when, args=(worker, sandbox, 2)).start()
    worker.run()

    assert statuses().count("broadcast") == 2
    assert statuses().count("approved") == 2
    assert len(sandbox.order_ids) == 2
    back = Payout.objects.filter(status="approved").first()
    assert back.attempts.get().unanswered == []
    assert [event.event_type for event in back.events.order_by("number")][-1] == "put_back"


def test_a12_what_is_not_called_yet_when_heleket_asks_for_a_backoff_is_given_back(
    approved, run, sandbox, clock
):
    approved(4)
    sandbox.faults.add("429_retry_after", seconds=60, path="/v1/payout", times=1)
    run(threads=1)
    assert [call.path for call in sandbox.calls] == ["/v1/payout"]
    assert statuses() == ["submitting", *["approved"] * 3]
    back = Payout.objects.order_by("number")[1]
    assert back.attempts.get().unanswered == []
    assert "takes no calls now" in back.why.sentence

    for _ in range(30):
        clock.forward(minutes=1)
        run(threads=1)
    assert set(statuses()) == {"broadcast"}
    assert len(sandbox.order_ids) == 4


def test_g74_what_is_claimed_and_not_called_when_failures_are_too_many_is_given_back(
    approved, run, sandbox
):
    approved(4)
    sandbox.faults.add("503", path="/v1/payout", rate=1, commit=False)

    run(threads=1)

    assert [call.path for call in sandbox.calls] == ["/v1/payout"] * 3
    assert statuses() == [*["submitting"] * 3, "approved"]
    back = Payout.objects.get(status="approved")
    assert back.attempts.get().unanswered == []
    assert "takes no calls now" in back.why.sentence


def test_a12_questions_that_are_not_asked_yet_are_asked_after_the_backoff(
    approved, run, sandbox, clock
):
    approved(4)
    run()
    clock.forward(minutes=1)
    calls = len(sandbox.calls)
    sandbox.faults.add("429_retry_after", seconds=60, path="/v1/payout/info", times=1)
    run(threads=1)
    assert len(sandbox.calls) == calls + 1

    clock.forward(minutes=5)
    sandbox.run_due()
    run()
    assert set(statuses()) == {"confirmed"}


def stop_when(worker, sandbox, waiting):
    try:
        assert sandbox.gate.wait_for(waiting)
    finally:  # a worker that nobody stops would hang instead of failing
        worker.stop()
        sandbox.gate.set("open")


def test_a_worker_that_is_stopped_early_does_nothing(approved, heleket_client, account, sandbox):
    approved(2)
    worker = Worker(jobs.make_all(heleket_client, account, 2))
    worker.stop()

    assert not worker.run().total()
    assert statuses() == ["approved", "approved"]
    assert sandbox.order_ids == []


def test_a_hint_that_comes_while_heleket_is_asked_is_not_lost(
    approved, run, heleket_client, account, clock
):
    """A webhook makes the payout due while an older answer is on its way."""
    [payout] = approved(1)
    run()
    clock.forward(minutes=1)
    [question] = polling.claim(1, account).items
    reply = polling.ask(question, heleket_client, timeout=account.timeout)
    Payout.objects.filter(pk=payout.pk).update(due_at=clock())

    polling.record([reply], account)

    assert [each.attempt_id for each in polling.claim(1, account).items] == [question.attempt_id]


def test_without_a_hint_the_next_question_waits(approved, run, heleket_client, account, clock):
    approved(1)
    run()
    clock.forward(minutes=1)
    run()

    assert polling.claim(1, account).items == []
    assert Payout.objects.get().due_at > clock()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that a worker wanted to wait for its database, which it does not."""
    waits = []
    monkeypatch.setattr("payouts.engine.worker.time.sleep", waits.append)
    monkeypatch.setattr("payouts.engine.worker.IDLE_SECONDS", 0.001)
    monkeypatch.setattr(connection, "close", lambda: None)  # it holds the test's transaction
    monkeypatch.setattr("payouts.engine.worker.outage", Outage())
    return waits


def test_g73_an_outage_is_logged_once_and_its_end_once_with_growing_waits(
    approved, run, sandbox, monkeypatch, waits, caplog
):
    approved(3)
    record, failures = submission.record, [OperationalError("it only reads")] * 7

    def failing_record(answers, account):
        if failures:
            raise failures.pop()
        record(answers, account)

    monkeypatch.setattr(submission, "record", failing_record)
    run()

    assert set(statuses()) == {"broadcast"}
    assert len(sandbox.calls) == 3
    logged = [each.message for each in caplog.records if "database" in each.message]
    assert logged == [
        "the database failed, the step is repeated: it only reads",
        "the database answers again, after 7 failures",
    ]
    long = [each for each in waits if each > TOGETHER_SECONDS]
    assert long == [0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_BACKOFF, LONGEST_BACKOFF]
    assert worker.backoff(10**6) == LONGEST_BACKOFF  # an outage of two hours has thousands


def test_g73_a_worker_that_stops_in_a_long_outage_still_tries_a_few_times(
    approved, heleket_client, account, monkeypatch, waits
):
    approved(1)
    worker = Worker([Submit(heleket_client, account, 1)])
    record, tries = submission.record, []

    def failing_record(answers, account):
        tries.append(1)
        if len(tries) == 30:
            worker.stop()
        if len(tries) < 33:
            raise OperationalError("no connection")
        record(answers, account)

    monkeypatch.setattr(submission, "record", failing_record)
    worker.run(once=True)

    assert statuses() == ["broadcast"]


def test_g73_a_claim_that_cannot_be_made_is_logged_once_and_tried_ever_more_rarely(
    heleket_client, account, waits, caplog, monkeypatch
):
    failures = [ZeroDivisionError("no such column")] * 3

    def claim(most):
        if failures:
            raise failures.pop()
        return Claimed()

    job = Submit(heleket_client, account, 1)
    monkeypatch.setattr(job, "claim", claim)
    [lane] = Worker([job]).lanes
    looks = []
    for _ in range(4):
        lane.look_again = 0.0
        assert lane.claim() == []
        looks.append(round(lane.look_again - time.monotonic(), 1))

    assert looks == [0.2, 0.4, 0.8, 0.1]
    assert caplog.text.count("nothing could be claimed") == 1


def test_g73_a_wakeup_without_a_database_leaves_the_work_to_the_next(monkeypatch, waits, caplog):
    def fail():
        raise OperationalError("no connection")

    monkeypatch.setattr(tasks, "outage", worker.outage)
    monkeypatch.setattr(tasks, "signed_in", fail)
    for _ in range(3):
        tasks.work("submit")

    assert waits == [0.2, 0.4, 0.8]
    assert [each.levelname for each in caplog.records] == ["WARNING"]


@pytest.fixture
def start(heleket_client, account):
    """Start a worker as the command does, and let it do what is due."""

    def start(threads=4):
        first = FirstQuestions()
        all_jobs = jobs.make_all(heleket_client, account, threads)
        return Worker(all_jobs, may_send=first.are_put).run(once=True)

    return start


@pytest.fixture
def lost(approved, run, sandbox, clock):
    """Payouts whose calls Heleket has executed and never answered, no lease running any more and
    no question due; their order ids."""

    def lose(count):
        payouts = approved(count)
        sandbox.faults.add("timeout", path="/v1/payout", times=count)
        run(threads=count)
        clock.forward(minutes=5)
        Payout.objects.update(due_at=clock() + timedelta(minutes=10))
        sandbox.calls.clear()
        return [payout.pk for payout in payouts]

    return lose


def paths(sandbox):
    return [call.path for call in sandbox.calls if call.path != LISTED]


ASKED, SENT, LISTED = "/v1/payout/info", "/v1/payout", "/v1/payout/list"


def test_a2_a_starting_worker_asks_about_every_lost_call_before_it_sends(
    lost, approved, run, start, sandbox
):
    lost(3)
    run()
    assert paths(sandbox) == []  # none of them is due

    approved(2)
    start()
    assert paths(sandbox) == [ASKED] * 3 + [SENT] * 2
    assert set(statuses()) == {"broadcast"}


def test_a2_a_starting_worker_sends_although_a_question_is_not_answered(
    lost, approved, start, sandbox
):
    lost(2)
    approved(1)
    sandbox.faults.add("500", path=ASKED, times=2)
    start()

    assert paths(sandbox) == [ASKED, ASKED, SENT]
    assert sorted(statuses()) == ["broadcast", "submitting", "submitting"]


def test_a2_a_starting_worker_leaves_calls_to_the_worker_whose_lease_still_runs(
    lost, approved, start, sandbox, clock
):
    [its_own, _other] = lost(2)
    approved(1)
    Attempt.objects.filter(payout=its_own).update(lease_until=clock() + timedelta(minutes=1))
    start()

    assert paths(sandbox) == [ASKED, SENT]
    assert Payout.objects.get(pk=its_own).status == PayoutStatus.SUBMITTING


def test_a2_a_worker_that_starts_in_a_backoff_waits_with_both(lost, approved, start, sandbox):
    lost(1)
    approved(1)
    rate_limit.back_off(60)
    start()

    assert paths(sandbox) == []
    assert sorted(statuses()) == ["approved", "submitting"]


def test_a2_a_starting_celery_sends_once_its_questions_are_put(
    lost, approved, sandbox, heleket_client, account, monkeypatch
):
    """All its processes start together: one that comes later makes nothing due again."""
    lost(2)
    approved(1)
    monkeypatch.setattr(tasks, "signed_in", lambda: (heleket_client, account))
    monkeypatch.setattr(tasks, "begun_at", bytearray(8))
    tasks.first_questions.cache_clear()
    sandbox.faults.add("500", path=ASKED, times=2)

    for job in ("submit", "read_back", "check", "submit", "check"):
        tasks.work(job)
        assert SENT not in paths(sandbox)[:2]
    tasks.first_questions.cache_clear()  # another process
    tasks.work("submit")
    tasks.work("check")
    tasks.first_questions.cache_clear()

    assert paths(sandbox) == [ASKED, ASKED, SENT]
