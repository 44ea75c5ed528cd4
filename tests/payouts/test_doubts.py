"""What Heleket's refusals may hide, what comes late, and what is asked about for how long."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from heleket.sandbox.faults import CREATE
from heleket.sandbox.records import Answer
from payouts import explain, operations, polling, submission
from payouts.engine.worker import Worker
from payouts.gateway.models import Pause
from payouts.jobs import Submit
from payouts.models import Approval, Attempt, Discrepancy, Payout, PayoutStatus
from payouts.seen import see
from tests.factories import PayoutFactory
from tests.payouts.conftest import HOUR
from tests.payouts.rounds import event_types, now
from tests.sim import bugs

pytestmark = [pytest.mark.django_db, pytest.mark.long]

Kind = Discrepancy.Kind
INFO = "/v1/payout/info"


@pytest.fixture
def payout(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


def refused(status, **content):
    return Answer.json(status, content)


class Liar:
    """Answers creates with a refusal, and executes them all the same when a test says so."""

    def __init__(self, office, *texts, order_id=""):
        self.sandbox, self.texts, self.order_id = office.sandbox, list(texts), order_id
        self.true, self.kept = office.sandbox.handle, []
        office.sandbox.handle = self.handle

    def handle(self, method, path, query, headers, body):
        is_meant = path == CREATE and json.loads(body)["order_id"].startswith(self.order_id)
        if not is_meant or not self.texts:
            return self.true(method, path, query, headers, body)
        self.kept.append((method, path, query, headers, body))
        return refused(422, state=1, message=self.texts.pop(0))

    def execute(self):
        for request in self.kept:
            self.true(*request)
        self.kept = []


def edit(office, payout, **changes):
    asked = {"wallet": payout.wallet, "currency": "USDT", "amount": Decimal(4), "purpose": "Prize"}
    [seen] = see([now(payout)])
    operations.edit_payout(
        seen,
        operations.Edit(
            **asked | changes,
        ),
        reason="Less",
        actor=Actor.staff(office.person("Requester"), Channel.ADMIN),
    )


# A refusal that hides an execution


@pytest.mark.parametrize(
    "text", ["Not enough funds", "You are forbidden", "The terminal was not found"]
)
def test_g26_a_cancel_after_a_refusal_asks_heleket_first_and_finds_what_it_hid(
    office, payout, text
):
    liar = Liar(office, text)
    office.submit()
    liar.execute()
    assert now(payout).status == PayoutStatus.APPROVED

    outcome = office.act("CANCEL", payout, role="Operator", reason="Twice")

    assert outcome.done
    assert "never sent" not in outcome.text
    asked = now(payout)
    assert (asked.status, asked.waiting_for) == (PayoutStatus.APPROVED, "answer")
    assert office.submit() == 0
    office.check()
    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.APPROVED, "discrepancy")
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Kind.FOUND_LATE, True)
    office.work(days=3, every=HOUR)
    assert now(payout).status == PayoutStatus.APPROVED
    assert len(office.sandbox.order_ids) == 1


def test_g26_a_cancel_after_a_refusal_ends_the_payout_and_is_watched_for_a_month(office, payout):
    liar = Liar(office, "Not enough funds")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Twice")
    assert not Approval.objects.filter(voided_at=None).exists()
    office.work(minutes=30)
    assert now(payout).status == PayoutStatus.CANCELLED
    assert len(office.creates()) == 0

    office.work(days=27)
    liar.execute()
    office.work(days=2)

    assert now(payout).status == PayoutStatus.CANCELLED
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Kind.FOUND_LATE, True)


def test_g26_a_cancel_takes_two_answers_a_quiet_time_apart(office, payout):
    Liar(office, "Not enough funds")
    office.submit()
    office.clock.forward(hours=1)
    office.act("CANCEL", payout, role="Operator", reason="Twice")

    assert office.check() == 1
    assert now(payout).status == PayoutStatus.APPROVED
    office.clock.forward(seconds=1)
    Attempt.objects.update(watch_at=office.clock())  # as a webhook does
    assert office.check() == 1
    assert now(payout).status == PayoutStatus.APPROVED
    office.clock.forward(seconds=office.account.quiet)
    assert office.check() == 1
    assert now(payout).status == PayoutStatus.CANCELLED


def test_g26_a_cancel_after_a_final_failure_ends_the_next_try_at_once(office, payout):
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=2)
    assert office.act("RETRY", payout, role="Operator", reason="Once more").done

    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done

    assert now(payout).status == PayoutStatus.CANCELLED


def test_g26_a_cancel_after_a_refusal_in_unknown_words_waits_for_the_release_time(office, payout):
    Liar(office, "Your address is under review")
    office.submit()
    called_at = office.clock()
    office.act("CANCEL", payout, role="Operator", reason="Twice")

    office.work(hours=23, every=HOUR)
    assert now(payout).status == PayoutStatus.SUBMITTING
    office.work(hours=2)

    assert now(payout).status == PayoutStatus.CANCELLED
    assert now(payout).finished_at - called_at >= office.account.release_time


def test_g26_a_refusal_that_ended_a_payout_and_hid_its_execution_is_found(office, payout):
    liar = Liar(office, "Minimum amount 10 USDT")
    office.submit()
    assert now(payout).status == PayoutStatus.FAILED
    liar.execute()

    office.work(hours=1)

    assert now(payout).status == PayoutStatus.FAILED
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Kind.FOUND_LATE, True)


def test_g26_a_key_that_heleket_refuses_proves_nothing_about_the_call(office, payout):
    office.sandbox.faults.add("unauthorized", path="/v1/payout")
    office.submit()
    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done
    assert now(payout).status == PayoutStatus.APPROVED

    office.work(minutes=30)

    assert now(payout).status == PayoutStatus.CANCELLED
    assert len(office.questions()) >= 2


def test_g26_a_rejection_of_what_was_called_is_a_cancel_that_asks_first(office, payout):
    liar = Liar(office, "Not enough funds")
    office.submit()
    office.act("HOLD", payout, role="Approver", reason="Look again")

    assert office.act("REJECT", payout, role="Approver", reason="Fraud").done

    assert (now(payout).status, now(payout).waiting_for) == (PayoutStatus.HELD, "answer")
    liar.execute()
    office.check()
    assert now(payout).status == PayoutStatus.HELD
    assert Discrepancy.objects.get().is_critical


@pytest.mark.parametrize(
    ("act", "role"),
    [
        ("HOLD", "Approver"),
        ("CANCEL", "Operator"),
        ("EXPEDITE", "Operator"),
    ],
)
def test_g26_nothing_else_happens_to_a_payout_that_is_being_cancelled(office, payout, act, role):
    Liar(office, "Not enough funds")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Twice")
    before = Payout.objects.values().get()

    reason = {} if act == "EXPEDITE" else {"reason": "Why not"}
    outcome = office.act(act, payout, role=role, **reason)

    assert not outcome.done
    assert "being cancelled" in outcome.text
    assert Payout.objects.values().get() == before


def test_g26_a_payout_that_is_being_cancelled_is_claimed_by_no_way(office, payout):
    Liar(office, "Not enough funds")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Twice")
    Pause.objects.all().delete()
    Payout.objects.update(due_at=office.clock())  # whatever made it due
    before = Payout.objects.values().get()

    assert submission.claim(1, office.account).items == []
    assert submission.claim(1, office.account, only=[payout.pk]).items == []
    assert Attempt.objects.get().calls == 1
    assert Payout.objects.values().get() == before  # nor does it go back to the approvers


def test_g26_the_month_of_watching_begins_when_heleket_has_cleared_it(office, payout):
    liar = Liar(office, "Not enough funds")
    office.submit()
    office.clock.forward(days=40)
    office.act("CANCEL", payout, role="Operator", reason="Twice")
    assert office.check() == 1
    office.clock.forward(seconds=office.account.quiet)
    assert office.check() == 1
    assert now(payout).status == PayoutStatus.CANCELLED

    office.clock.forward(days=29)
    assert office.check() == 1
    office.clock.forward(hours=23)
    assert office.check() == 0
    liar.execute()
    office.clock.forward(hours=1)
    assert office.check() == 1

    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Kind.FOUND_LATE, True)


# A later try


def retry(office, payout):
    assert office.act("RETRY", payout, role="Operator", reason="Once more").done
    office.approve(payout)


def start_again(office, payout, act):
    """Bring a payout whose first call was refused to its second generation, approved."""
    if act == "retry":
        retry(office, payout)
        return
    if act == "release":
        office.act("HOLD", payout, role="Approver", reason="Look again")
        office.act("RELEASE", payout, role="Approver")
    edit(office, payout)
    office.approve(payout)


ACTS = {"edit": "Not enough funds", "release": "You are forbidden", "retry": "Minimum amount 10"}


@pytest.mark.parametrize("act", ACTS)
def test_g48_an_execution_that_comes_before_the_next_try_stops_it(office, payout, act):
    liar = Liar(office, ACTS[act])
    office.submit()
    start_again(office, payout, act)
    assert now(payout).generation == 2
    office.work(minutes=1)
    assert len(office.creates()) == 0
    liar.execute()

    office.work(hours=3)

    assert office.sandbox.order_ids == [payout.order_id("test", 1)]
    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.APPROVED, "discrepancy")
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Kind.EARLIER, True)


@pytest.mark.parametrize("act", ACTS)
def test_g48_an_execution_that_comes_after_the_next_try_is_found_and_shown(unchecked_office, act):
    """Nothing can be taken back, but both payments must not go unnoticed."""
    office = unchecked_office
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    liar = Liar(office, ACTS[act])
    office.submit()
    called_at = office.clock()
    start_again(office, payout, act)

    office.until(lambda: now(payout).status == PayoutStatus.CONFIRMED)
    sent = office.creates()[0]
    assert sent.at - called_at >= office.account.quiet_time
    asked = [call.at for call in office.questions() if payout.order_id("test", 1) in str(call.body)]
    assert any(called_at + office.account.quiet_time <= at <= sent.at for at in asked)

    liar.execute()
    office.work(days=1, every=HOUR)
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Kind.FOUND_LATE, True)
    assert found.attempt.generation == 1


def test_g48_after_a_call_without_an_answer_the_next_try_waits_for_the_release_time(office, payout):
    office.sandbox.faults.add("drop_timeout", path="/v1/payout")
    office.submit()
    called_at = office.clock()
    while not now(payout).may_repeat:
        office.clock.forward(seconds=30)
        office.check()
    Liar(office, "Minimum amount 10 USDT")
    office.work(hours=27, every=HOUR)
    assert now(payout).status == PayoutStatus.FAILED
    retry(office, payout)

    office.work(hours=2)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert office.sandbox.order_ids == [payout.order_id("test", 2)]
    assert office.creates()[-1].at - called_at >= office.account.release_time


@pytest.mark.parametrize("act", ["edit", "retry"])
def test_g48_heleket_is_asked_at_once_when_a_next_try_begins(office, payout, act):
    """Whoever is to approve it learns of a hidden execution, and not only the claim."""
    liar = Liar(office, ACTS[act])
    office.submit()
    office.clock.forward(hours=1)
    assert office.check() == 1
    liar.execute()

    assert office.check() == 0
    edit(office, payout) if act == "edit" else office.act(
        "RETRY", payout, role="Operator", reason="Once more"
    )
    assert office.check() == 1

    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.PENDING, "discrepancy")
    assert Discrepancy.objects.get().is_critical


def test_g48_what_heleket_said_of_an_earlier_try_holds_for_minutes_only(office, payout):
    """Asked before the approval, or long ago, it is asked again before the next try goes."""
    Liar(office, "Not enough funds")
    office.submit()
    edit(office, payout)
    office.work(hours=1)
    pause = Pause.objects.values().get()
    assert Attempt.objects.get().clear_at is not None
    asked = len(office.questions())

    office.approve(payout)
    assert office.submit() == 0
    assert Pause.objects.values().get() == pause  # its probe is for one that is sent
    office.check()
    assert len(office.questions()) == asked + 1
    assert office.submit() == 1


def test_g48_what_heleket_said_before_the_approval_is_asked_again(office, payout):
    Liar(office, "Not enough funds")
    office.submit()
    edit(office, payout)
    office.clock.forward(seconds=office.account.quiet)
    office.check()
    assert Attempt.objects.get().clear_at == office.clock()
    office.clock.forward(seconds=30)

    office.approve(payout)

    assert office.submit() == 0
    office.check()
    assert office.submit() == 1


def test_g48_a_repeat_of_the_next_try_asks_about_the_earlier_one_as_well(office, payout):
    office.account = replace(office.account, quiet=2 * submission.FRESH.total_seconds())
    Liar(office, "Not enough funds")
    office.submit()
    edit(office, payout)
    office.approve(payout)
    office.sandbox.faults.add("drop", path=CREATE)

    office.until(lambda: now(payout).status == PayoutStatus.CONFIRMED)

    assert Attempt.objects.get(generation=2).calls == 2
    sent = office.creates()[-1].at
    first = payout.order_id("test", 1)
    asked = [call.at for call in office.questions() if first in str(call.body)]
    assert any(sent - submission.FRESH <= at <= sent for at in asked)


def test_g48_a_next_try_that_goes_at_once_is_found(unchecked_office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    with bugs.plant(bugs.NEW_TRY_AT_ONCE), pytest.raises(AssertionError):
        test_g48_what_heleket_said_of_an_earlier_try_holds_for_minutes_only(
            unchecked_office, payout
        )


# What a discrepancy stops


def test_g47_a_stopped_payout_that_heleket_pays_later_is_seen(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    remote = office.sandbox.payouts[0]
    remote.address, true = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", remote.address
    office.ask_now()
    remote.address = true
    assert now(payout).waiting_for == "discrepancy"
    begun = len(office.questions())
    office.work(hours=1)
    assert len(office.questions()) - begun == 4
    office.work(days=5, hours=-1)
    assert 96 <= len(office.questions()) - begun <= 103

    office.sandbox.force_status("paid", is_final=True, uuid=remote.uuid)
    before = event_types(payout)
    office.work(days=35)

    stopped, found = now(payout), Discrepancy.objects.get()
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.BROADCAST, "discrepancy")
    assert found.theirs["status"] == "paid"
    assert Attempt.objects.get().is_final
    assert event_types(payout) == [*before, "news"]
    assert "asked for news" in explain.explain(stopped).next


def test_g47_a_stopped_payout_that_is_not_asked_about_is_found(unchecked_office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    with bugs.plant(bugs.STOPPED_NOT_ASKED), pytest.raises(AssertionError):
        test_g47_a_stopped_payout_that_heleket_pays_later_is_seen(unchecked_office, payout)


# Words that say nothing


@pytest.mark.parametrize(
    "answer",
    [
        refused(409, error="conflict"),
        refused(400, message="Bad"),
        Answer(418, b"teapot", {"Content-Type": "text/plain"}),
        refused(422, state=1, message="Your address is under review"),
    ],
)
def test_g20_the_same_words_that_say_nothing_stop_a_payout_in_the_end(office, payout, answer):
    true = office.sandbox.handle

    def handle(method, path, query, headers, body):
        if path != CREATE:
            return true(method, path, query, headers, body)
        creates.append(office.clock())
        return answer

    creates = []
    office.sandbox.handle = handle
    office.submit()
    office.work(minutes=30)
    assert now(payout).status == PayoutStatus.SUBMITTING
    words = now(payout).reason
    assert words
    assert f"The last that was heard: “{words}”" in explain.explain(now(payout)).sentence

    office.work(days=1)
    office.work(days=3, every=6 * HOUR)

    assert len(creates) == 10
    waits = [after - before for before, after in itertools.pairwise(creates)]
    assert waits == sorted(waits)
    assert len([at for at in creates if at < creates[0] + timedelta(days=1)]) <= 10
    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.SUBMITTING, "discrepancy")
    found = Discrepancy.objects.get()
    assert found.kind == Kind.UNCLEAR
    assert f"HTTP {answer.status}" in found.theirs["status"]


def test_g20_heleket_s_last_words_stand_on_the_page(office, payout):
    Liar(office, "Your address is under review")

    office.submit()

    said = now(payout)
    assert "Your address is under review" in said.why.sentence
    assert "Your address is under review" in explain.explain(said).sentence


def hear(office, texts):
    """Have one payout answered in these words, one call for each, whatever it waits for."""
    Liar(office, *texts)
    for _ in texts:
        Payout.objects.filter(status=PayoutStatus.SUBMITTING).update(
            may_repeat=True, due_at=office.clock()
        )
        Pause.objects.all().delete()
        assert office.submit() == 1
        office.clock.forward(minutes=1)


def test_g20_different_words_are_counted_apart(office, payout):
    hear(office, ["Your address is under review", "Come again"] * 9)
    assert not Discrepancy.objects.exists()

    hear(office, ["Come again"])

    assert "Come again" in Discrepancy.objects.get().theirs["status"]


def test_g20_a_good_answer_begins_the_count_anew(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    true = office.sandbox.handle
    for _ in range(2):
        office.sandbox.handle = lambda *_: refused(409, error="conflict")
        for _ in range(9):
            office.ask_now()
        office.sandbox.handle = true
        office.ask_now()

    assert not Discrepancy.objects.exists()
    assert now(payout).waiting_for == "final_word"


@pytest.mark.parametrize("fault", ["503", "timeout"])
def test_g20_an_outage_of_any_length_opens_no_discrepancy(office, payout, fault):
    office.sandbox.faults.add(fault, rate=1.0, commit=False)
    office.submit()
    office.work(days=2)
    assert not Discrepancy.objects.exists()
    assert len(office.creates()) <= 40

    office.sandbox.faults.clear()
    office.work(hours=3)
    assert now(payout).status == PayoutStatus.CONFIRMED


@pytest.mark.parametrize("status", ["refunded", "PAID", "process"])
def test_g19_a_final_word_that_we_do_not_know_is_shown_and_moves_nothing(office, payout, status):
    office.sandbox.set_fate("stuck")
    office.submit()
    order_id = payout.order_id("test")
    office.sandbox.force_status(status, is_final=True, order_id=order_id)

    office.ask_now()

    stopped, found = now(payout), Discrepancy.objects.get()
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.BROADCAST, "discrepancy")
    assert (found.kind, found.is_critical) == (Kind.UNKNOWN_WORD, True)
    assert found.theirs["status"] == status
    office.sandbox.force_status("paid", is_final=True, order_id=order_id)
    office.work(hours=1)
    assert Discrepancy.objects.get().theirs["status"] == "paid"
    assert now(payout).status == PayoutStatus.BROADCAST


def test_g21_a_payout_that_alone_is_refused_waits_alone(office):
    bad = PayoutFactory(status=PayoutStatus.APPROVED)
    good = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(6)]
    Liar(office, *["Your address is under review"] * 50, order_id=bad.order_id("test"))

    office.submit(limit=1)
    start = office.clock()
    assert Pause.objects.get().cause == "unknown"
    office.until(lambda: all(now(each).submitted_at for each in good))
    assert office.clock() - start <= timedelta(seconds=90)

    office.work(hours=3)
    assert {now(each).status for each in good} == {PayoutStatus.CONFIRMED}
    assert now(bad).status == PayoutStatus.SUBMITTING
    assert DeskEvent.objects.filter(event_type="trip").count() == 1
    late = PayoutFactory(status=PayoutStatus.APPROVED)
    office.work(minutes=2)
    assert now(late).status in (PayoutStatus.BROADCAST, PayoutStatus.CONFIRMED)


def test_g21_words_nobody_knows_pause_all_whatever_went_through_before(office):
    for _ in range(3):
        PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit(limit=1)
    Liar(office, *["Your address is under review"] * 2)

    assert office.submit(limit=1) == 1

    assert Pause.objects.get().cause == "unknown"
    assert office.submit() == 0


# Trouble on the way


def test_g23_one_connection_that_fails_among_many_pauses_nothing(office):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(6)]
    office.sandbox.faults.add("refuse_connection", path=CREATE, times=1)

    office.submit()

    assert [now(each).status for each in payouts] == ["approved", *["broadcast"] * 5]
    assert not Pause.objects.exists()
    assert not DeskEvent.objects.filter(event_type="trip").exists()
    office.clock.forward(seconds=2)
    assert office.submit() == 1
    assert now(payouts[0]).status == PayoutStatus.BROADCAST


def test_g23_failures_recorded_beside_a_success_pause_nothing(office):
    for _ in range(4):
        PayoutFactory(status=PayoutStatus.APPROVED)
    calls = submission.claim(4, office.account).items
    office.sandbox.faults.add("refuse_connection", path=CREATE, times=3)
    answers = [submission.send(call, office.client, timeout=5) for call in calls]

    submission.record(answers, office.account)

    assert not Pause.objects.exists()


def test_g23_a_success_begins_the_count_of_failures_anew(office):
    for _ in range(8):
        PayoutFactory(status=PayoutStatus.APPROVED)
    for _ in range(4):
        office.clock.forward(seconds=1)
        office.sandbox.faults.add("refuse_connection", path=CREATE, times=1)
        assert office.submit(limit=1) == 1
        office.clock.forward(seconds=1)
        assert office.submit(limit=1) == 1

    assert not Pause.objects.exists()
    assert not DeskEvent.objects.filter(event_type="trip").exists()


def test_g23_an_unreachable_gateway_is_probed_within_seconds_and_then_each_minute(office):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(3)]
    office.sandbox.faults.add("refuse_connection", rate=1.0)
    probes = []
    for second in range(600):
        probes += [second] if office.submit() else []  # the first round sends several
        office.clock.forward(seconds=1)
    assert DeskEvent.objects.filter(event_type="trip").count() == 1
    waits = [after - before for before, after in itertools.pairwise(probes)]
    assert waits[0] <= 2
    assert max(waits) <= 61
    assert len(probes) < 25
    assert {now(each).status for each in payouts} == {PayoutStatus.APPROVED}

    office.sandbox.faults.clear()
    office.work(minutes=6)
    assert {now(each).status for each in payouts} == {PayoutStatus.CONFIRMED}
    assert not Pause.counted.exists()


@pytest.mark.parametrize("fault", ["refuse_connection", "timeout", "503"])
def test_g27_a_retried_payout_writes_few_events_while_heleket_is_down(office, payout, fault):
    office.sandbox.set_fate("final_fail", order_id=payout.order_id("test"))
    office.submit()
    office.work(minutes=2)
    assert now(payout).status == PayoutStatus.FAILED
    retry(office, payout)
    begun = payout.events.count()
    office.sandbox.faults.add(fault, rate=1.0)

    office.work(hours=3)

    assert payout.events.count() - begun <= 2
    asked = len(office.questions())
    assert asked <= 40
    office.sandbox.faults.clear()
    office.work(hours=1)
    assert now(payout).status == PayoutStatus.CONFIRMED


def test_g27_a_payout_that_reaches_nobody_is_tried_ever_more_rarely(office, payout):
    office.sandbox.faults.add("refuse_connection", rate=1.0)
    office.work(hours=1)
    first = payout.events.count()
    office.work(hours=1)
    assert payout.events.count() - first <= 30

    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done
    assert now(payout).status == PayoutStatus.CANCELLED


def run(office, threads=8):
    worker = Worker([Submit(office.client, office.account, threads)])
    worker.run(once=True)


@pytest.mark.parametrize("fault", ["503", "html_502", "timeout"])
def test_g74_an_outage_drags_few_payouts_into_the_unknown(office, fault):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(25)]
    office.sandbox.faults.add(fault, rate=1.0, commit=False)

    run(office, threads=2)

    statuses = [now(each).status for each in payouts]
    assert statuses.count("submitting") <= 5
    assert statuses.count("approved") >= 20
    assert Pause.objects.get().cause == "no_answer"
    begun = len(office.creates())
    office.work(minutes=15)
    assert len(office.creates()) - begun <= 8
    waiting = Payout.objects.filter(status="approved").order_by("-number").first()
    assert office.act("CANCEL", waiting, role="Operator", reason="Twice").done
    assert now(waiting).status == PayoutStatus.CANCELLED

    office.sandbox.faults.clear()
    office.work(minutes=10)
    sent = Payout.objects.exclude(submitted_at=None).filter(status__in=["confirmed", "broadcast"])
    assert sent.count() >= 24 - 12  # all but the few that were called and are still asked about
    office.work(hours=3)
    assert Payout.objects.filter(status="confirmed").count() == 24


# A webhook's hint while an answer is recorded


@pytest.mark.parametrize("ahead", [0, 4])
def test_g24_a_hint_that_comes_while_an_answer_is_recorded_stays(office, payout, ahead):
    """The reply was asked for before the webhook came: it must not take back what that made due,
    also if the clock of the web process is a little ahead."""
    office.submit()
    office.sandbox.set_fate("stuck", order_id=payout.order_id("test"))
    office.clock.forward(minutes=1)
    [question] = polling.claim(1, office.account).items
    reply = polling.ask(question, office.client, timeout=5)
    hint = office.clock() + timedelta(seconds=ahead)
    Payout.objects.update(due_at=hint)  # as a webhook does

    polling.record([reply], office.account)

    assert now(payout).due_at == hint


@pytest.mark.parametrize("fault", ["timeout", "drop", None])
def test_g24_a_hint_that_comes_before_a_call_is_recorded_stays(office, payout, fault):
    [call] = submission.claim(1, office.account).items
    if fault:
        office.sandbox.faults.add(fault, path=CREATE)
    answer = submission.send(call, office.client, timeout=5)
    Payout.objects.update(due_at=office.clock())

    submission.record([answer], office.account)

    assert now(payout).due_at == office.clock()


@pytest.mark.parametrize("ahead", [0, 4])
def test_g24_a_watch_that_a_webhook_asks_for_is_not_cleared_by_an_older_answer(
    office, payout, ahead
):
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=2)
    assert now(payout).status == PayoutStatus.FAILED
    Attempt.objects.update(watch_at=office.clock())
    [question] = polling.claim_watched(1, office.account).items
    reply = polling.ask(question, office.client, timeout=5)
    hint = office.clock() + timedelta(seconds=ahead)
    Attempt.objects.update(watch_at=hint)

    polling.record([reply], office.account)

    assert Attempt.objects.get().watch_at == hint


def lost(office, **span):
    office.sandbox.faults.add("drop", path=CREATE)
    office.submit()
    office.clock.forward(**span)


def not_answered(office):
    office.sandbox.set_fate("stuck")
    office.submit()
    office.sandbox.faults.add("503", path=INFO)
    office.clock.forward(minutes=1)


def of_other_terms(office):
    office.sandbox.set_fate("stuck")
    office.submit()
    office.sandbox.payouts[0].amount += 1
    office.clock.forward(minutes=1)


@pytest.mark.parametrize(
    "bring",
    [
        lambda office: lost(office, seconds=31),
        lambda office: lost(office, hours=1),
        not_answered,
        of_other_terms,
    ],
    ids=["not found, too early", "not found", "no answer", "other terms"],
)
def test_g24_a_hint_stays_whatever_an_older_answer_says(unchecked_office, bring):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    bring(office)
    [question] = polling.claim(1, office.account).items
    reply = polling.ask(question, office.client, timeout=5)
    Payout.objects.update(due_at=office.clock())

    polling.record([reply], office.account)

    assert now(payout).due_at == office.clock()


@pytest.mark.parametrize(
    ("refusal", "span", "fault"),
    [
        ("Not enough funds", {}, None),
        ("Not enough funds", {"hours": 1}, None),
        ("Not enough funds", {}, "503"),
        ("Minimum amount 10 USDT", {"hours": 1}, None),
    ],
    ids=["not found, too early", "not found", "no answer", "released"],
)
def test_g24_a_watch_stays_whatever_an_older_answer_says(office, payout, refusal, span, fault):
    Liar(office, refusal)
    office.submit()
    office.clock.forward(**span)
    Attempt.objects.update(watch_at=office.clock())
    if fault:
        office.sandbox.faults.add(fault, path=INFO)
    [question] = polling.claim_watched(1, office.account).items
    reply = polling.ask(question, office.client, timeout=5)
    Attempt.objects.update(watch_at=office.clock())

    polling.record([reply], office.account)

    assert Attempt.objects.get().watch_at == office.clock()


def test_send_now_during_a_pause_does_not_put_off_the_next_probe(office, payout):
    office.sandbox.faults.add("forbidden", rate=1.0, path=CREATE)
    office.submit()
    PayoutFactory(status=PayoutStatus.APPROVED)
    before = Pause.objects.values("tries", "probe_at").get()
    for _ in range(3):
        [seen] = see([now(payout)])
        submission.send_now(
            seen,
            office.client,
            office.account,
            actor=Actor.staff(office.person("Operator"), Channel.ADMIN),
        )
        assert len(office.creates()) > 1

    assert Pause.objects.values("tries", "probe_at").get() == before


def test_g86_an_outage_that_names_its_end_is_left_alone_until_then(office):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(3)]
    answer, true = Answer(503, b"", {"Retry-After": "120"}), office.sandbox.handle
    office.sandbox.handle = lambda *_: answer
    office.submit(limit=1)
    office.sandbox.handle = true
    asked_at = office.clock()

    for _ in range(11):
        office.clock.forward(seconds=10)
        assert (office.submit(), office.check()) == (0, 0)
    office.work(minutes=10)

    assert {now(each).status for each in payouts} == {PayoutStatus.CONFIRMED}
    assert min(call.at for call in office.sandbox.calls) - asked_at >= timedelta(seconds=120)
