"""How often all processes together call Heleket: our own rate, and the backoff it asks for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from audit import clock, jobs
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts import explain, polling, submission
from payouts.engine.models import ScheduledJob
from payouts.engine.worker import Worker
from payouts.gateway import rate_limit
from payouts.gateway.models import RateLimit
from payouts.heartbeats import Heartbeat, Pulse
from payouts.jobs import Submit
from payouts.models import Attempt, Payout, PayoutStatus
from payouts.reconciliation import starting
from payouts.seen import see
from tests.factories import PayoutFactory
from tests.payouts.rounds import now

pytestmark = pytest.mark.django_db


def approved(count):
    return [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(count)]


@pytest.fixture
def paced(office):
    """The office, calling Heleket twice a second at most: three at once, then two a second."""
    office.account = replace(office.account, calls_per_second=2)
    return office


def test_f10_submissions_and_questions_share_the_rate(paced):
    approved(8)
    for expected in (3, 0):
        assert paced.submit() == expected
    paced.clock.forward(seconds=1)
    assert paced.submit() == 2
    paced.clock.forward(seconds=1)

    Payout.objects.under_way().update(due_at=paced.clock())
    questions = polling.claim(100, paced.account).items
    assert len(questions) == 2
    assert polling.claim_watched(100, paced.account).items == []
    assert paced.submit() == 0
    paced.clock.forward(seconds=60)
    assert paced.submit() == 3  # time that nobody used does not add up


def test_f10_a_rate_below_one_call_a_second_is_kept_too(office):
    office.account = replace(office.account, calls_per_second=0.1)
    approved(4)
    called = []
    for second in range(25):
        called += [second] * office.submit()
        office.clock.forward(seconds=1)
    assert called == [0, 9, 19]


def test_f10_questions_about_earlier_tries_count(paced):
    payout, other = approved(2)
    paced.sandbox.set_fate("final_fail", order_id=payout.order_id("test"))
    paced.submit(limit=1)
    paced.work(minutes=2)
    paced.act("RETRY", payout, role="Operator", reason="Once more")
    paced.approve(payout)
    paced.clock.forward(minutes=1)
    before = len(paced.sandbox.calls)

    assert paced.submit() == 0
    assert now(other).status == PayoutStatus.CONFIRMED
    assert paced.check() == 1
    assert paced.submit() == 1
    assert len(paced.sandbox.calls) - before == 2
    assert RateLimit.objects.get().free_at - paced.clock() == timedelta(seconds=1)


def test_f10_calls_beyond_the_rate_are_made_up_for(paced):
    """A slower rate may have been set meanwhile."""
    approved(1)
    rate_limit.consume(8, 2)
    waited = 0
    while not paced.submit():
        paced.clock.forward(seconds=0.5)
        waited += 0.5
    assert waited == 3


def test_f10_a_run_goes_on_until_all_is_sent(account, heleket_client, sandbox, usdt):
    """The rate does not look like the end of the work, and nothing claimed waits for a thread."""
    with clock.replaced(clock.database_now):
        approved(12)
        paced = replace(account, calls_per_second=8)
        worker = Worker([Submit(heleket_client, paced, 2)])
        most = []
        [lane] = worker.lanes
        worker.run(once=True, on_round=lambda _done: most.append(len(lane.under_way)))

    assert len(sandbox.order_ids) == 12
    assert max(most) == 2


def after_one_round(job):
    """The worker of one job, which would go on until nothing is left, after its first round."""
    worker, rounds = Worker([job]), []
    worker.run(once=True, on_round=lambda _done: rounds.append(worker.is_dry) or worker.stop())
    return worker


def all_jobs(office):
    return jobs.make_all(office.client, office.account, 2)


def test_f10_without_a_call_left_a_job_with_nothing_to_do_ends_at_once(paced):
    rate_limit.consume(8, 2)
    assert all(after_one_round(job).is_dry for job in all_jobs(paced))


def test_f10_without_a_call_left_a_job_with_something_to_do_goes_on(paced):
    sent, _waiting = approved(2)
    paced.submit(limit=1)
    rate_limit.consume(8, 2)
    Payout.objects.filter(pk=sent.pk).update(due_at=paced.clock())
    Attempt.objects.update(watch_at=paced.clock())
    ScheduledJob.objects.update(due_at=paced.clock())
    starting.begin()

    calls = len(paced.sandbox.calls)
    # These do not call Heleket, or only once people have agreed to something.
    at_home = {"reopen", "guard", "feed", "deliver", "forget"}
    at_home |= {"write_rights", "seal_heads", "close_month"}
    callers = [job for job in all_jobs(paced) if job.name not in at_home]
    assert not any(after_one_round(job).is_dry for job in callers)
    assert len(paced.sandbox.calls) == calls


def test_f10_a_rate_of_one_call_at_a_time_serves_each_job_in_its_turn(paced):
    payouts = approved(6)
    paced.submit(limit=3)
    Payout.objects.under_way().update(due_at=paced.clock())
    worker = Worker(all_jobs(paced))
    paced.sandbox.calls.clear()

    while len(paced.sandbox.calls) < len(payouts):
        leave_one_call(paced)
        for lane in worker.lanes:
            lane.look_again = 0.0
        worker.make_round()
        worker.gather()

    paths = [call.path for call in paced.sandbox.calls]
    assert paths == ["/v1/payout", "/v1/payout/info"] * 3


def leave_one_call(office):
    RateLimit.objects.update(free_at=office.clock() + timedelta(seconds=rate_limit.BURST_SECONDS))


def test_f10_a_call_left_after_a_claim_in_vain_is_no_end_of_the_work(paced, monkeypatch):
    approved(1)
    rate_limit.consume(4, 2)
    job = Submit(paced.client, paced.account, 2)
    claim = job.claim

    def claim_for_long(most):
        found = claim(most)
        paced.clock.forward(seconds=30)
        return found

    monkeypatch.setattr(job, "claim", claim_for_long)
    assert not after_one_round(job).is_dry


def test_f10_what_is_overdue_keeps_its_place_when_a_person_hurries_it(office):
    first, second = approved(2)
    office.clock.forward(minutes=1)
    assert office.act("EXPEDITE", first, role="Operator").done
    office.submit(limit=1)
    assert office.sandbox.order_ids == [first.order_id("test")]

    office.submit()
    office.clock.forward(minutes=1)
    assert office.act("REQUEST_CHECK", first, role="Operator").done
    office.check(limit=1)
    [asked] = office.questions()
    assert first.order_id("test").encode() in asked.body
    assert now(second).status == PayoutStatus.BROADCAST


def test_f10_a_payout_that_waits_is_due_at_once_when_a_person_hurries_it(office):
    [payout] = approved(1)
    Payout.objects.update(due_at=office.clock() + timedelta(minutes=5))
    assert office.submit() == 0

    assert office.act("EXPEDITE", payout, role="Operator").done
    assert office.submit() == 1


def test_a12_a_question_that_meets_429_has_all_back_off(office):
    payouts = approved(3)
    office.submit(limit=2)
    office.sandbox.faults.add("429_retry_after", times=1, seconds=40, path="/v1/payout/info")
    Payout.objects.under_way().update(due_at=office.clock())
    assert office.check(limit=1) == 1
    calls = len(office.sandbox.calls)

    office.clock.forward(seconds=39)
    Payout.objects.under_way().update(due_at=office.clock())
    assert (office.submit(), office.check()) == (0, 0)
    explained = explain.explain(now(payouts[2]))
    assert explained.waiting_for == "gateway"
    assert "call less often" in explained.sentence
    assert len(office.sandbox.calls) == calls
    assert now(payouts[2]).status == PayoutStatus.APPROVED

    office.clock.forward(seconds=1)
    assert (office.submit(), office.check()) == (1, 2)
    assert explain.explain(now(payouts[2])).waiting_for == "final_word"


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [("429", 60), ("429_retry_after", 1800)],
    ids=["no time named", "days"],
)
def test_a12_a_backoff_is_a_minute_or_half_an_hour_at_most(office, fault, seconds):
    approved(1)
    office.submit()
    office.sandbox.faults.add(fault, seconds=999_999, path="/v1/payout/info")
    office.ask_now()

    assert RateLimit.objects.get().backoff_until - office.clock() == timedelta(seconds=seconds)


def test_a12_a_shorter_backoff_does_not_end_a_longer_one(office):
    approved(2)
    office.submit()
    for wait in (300, 20):
        office.sandbox.faults.add("429_retry_after", seconds=wait, path="/v1/payout/info")
    office.ask_now()

    assert RateLimit.objects.get().backoff_until - office.clock() == timedelta(seconds=300)


def test_f6_what_a_clock_wrote_that_was_days_ahead_stops_nothing(paced):
    approved(6)
    ahead = paced.clock() + timedelta(days=3)
    RateLimit.objects.update(backoff_until=ahead, free_at=ahead)

    assert paced.submit() == 3
    assert paced.submit() == 0  # the rate is kept from here on

    paced.sandbox.faults.add("429", path="/v1/payout/info")
    paced.clock.forward(seconds=5)
    paced.ask_now()
    calls = len(paced.sandbox.calls)
    paced.clock.forward(seconds=59)
    assert paced.submit() == 0
    assert len(paced.sandbox.calls) == calls
    paced.clock.forward(seconds=1)
    assert paced.submit() == 3


def test_a12_the_beginning_of_a_backoff_is_a_desk_event_and_its_later_answers_are_none(office):
    approved(2)
    office.submit()

    for wait in (20, 300):  # both calls were under way
        office.sandbox.faults.add("429_retry_after", seconds=wait, path="/v1/payout/info")
    office.ask_now()
    [event] = DeskEvent.objects.filter(event_type="back_off")
    assert event.reason

    office.clock.forward(minutes=6)
    office.sandbox.faults.add("429", path="/v1/payout/info")
    office.ask_now()
    assert DeskEvent.objects.filter(event_type="back_off").count() == 2


def test_a12_what_heleket_knows_of_says_when_calls_go_on(office):
    """Until then nobody can ask either, however soon that is due."""
    lost, sent, cancelled = approved(3)
    office.sandbox.lose_answers = True
    office.submit(limit=1)
    office.sandbox.lose_answers = False
    office.submit(limit=1)
    office.sandbox.drop_requests = True
    office.submit(limit=1)
    office.sandbox.drop_requests = False
    office.act("CANCEL", cancelled, role="Operator", reason="Twice")
    Pulse(Heartbeat.Kind.WORKER).beat()
    assert "Heleket is asked at" in explain.explain(now(sent)).next
    with transaction.atomic():
        rate_limit.back_off(20 * 60)

    for payout in (lost, sent, cancelled):
        explained = explain.explain(now(payout))
        assert explained.next == "Heleket asks us to call less often; calls go on at 09:20:00."
        assert "can ask Heleket now" not in explained.who
    office.clock.forward(minutes=20)
    assert "Heleket is asked at" in explain.explain(now(sent)).next


def test_a12_a_question_about_an_earlier_try_that_meets_429_has_all_back_off(office):
    [payout] = approved(1)
    office.sandbox.set_fate("final_fail", order_id=payout.order_id("test"))
    office.submit()
    office.work(minutes=2)
    office.act("RETRY", payout, role="Operator", reason="Once more")
    office.approve(payout)
    office.sandbox.faults.add("429_retry_after", seconds=90, path="/v1/payout/info")

    office.submit()
    office.check()

    assert now(payout).status == PayoutStatus.APPROVED
    assert RateLimit.objects.get().backoff_until - office.clock() == timedelta(seconds=90)


def test_a12_no_person_calls_while_heleket_asks_for_a_backoff(office):
    sent, waiting = approved(2)
    office.submit(limit=1)
    office.sandbox.faults.add("429", path="/v1/payout/info")
    office.ask_now()
    calls = len(office.sandbox.calls)
    seen_sent, seen_waiting = see([now(sent), now(waiting)])
    by_person = {"actor": Actor.staff(office.person("Operator"), Channel.ADMIN)}

    polling.ask_now(seen_sent, office.client, office.account, **by_person)
    outcome = submission.send_now(seen_waiting, office.client, office.account, **by_person)

    assert not outcome.done
    assert "call less often" in outcome.text
    assert len(office.sandbox.calls) == calls
