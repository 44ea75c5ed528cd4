"""Sending goes wrong: lost, garbled and refused calls, and what the desk may conclude from each."""

import json

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.models import DeskEvent
from heleket.sandbox.records import Answer
from payouts import submission
from payouts.gateway.models import Pause, RateLimit
from payouts.models import Attempt, Discrepancy, PayoutStatus
from tests.factories import PayoutFactory
from tests.payouts.conftest import HOUR
from tests.payouts.invariants import status_history
from tests.payouts.rounds import event_types, now

pytestmark = [pytest.mark.django_db, pytest.mark.long]

EXECUTED = [
    *("timeout", "commit_then_drop", "commit_then_500", "cut_connection", "cut_json"),
    *("empty_200", "html_200", "server_error_200", "garbage", "null", "list", "no_result"),
    *("no_state", "wrong_content_type", "huge"),
]
NOT_EXECUTED = [
    *("drop", "drop_timeout", "500", "html_502", "503", "504", "404", "429", "429_retry_after"),
    *("redirect_301", "redirect_302", "redirect_307", "redirect_308"),
    *("empty_200", "html_200", "garbage", "null", "list", "no_result"),
]
NEVER_SENT = ["refuse_connection", "connect_timeout", "tls_failure", "unauthorized"]


@pytest.fixture
def payout(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


# No answer, or none that can be read


@pytest.mark.parametrize("fault", EXECUTED)
def test_a4_a8_an_executed_call_without_a_usable_answer_is_found_by_asking(office, payout, fault):
    office.sandbox.faults.add(fault, path="/v1/payout")

    office.submit()

    lost = now(payout)
    assert (lost.status, lost.waiting_for) == (PayoutStatus.SUBMITTING, "answer")
    attempt = Attempt.objects.get()
    assert attempt.unanswered == [1]
    assert len(attempt.answer) <= 4096

    office.work(minutes=1)
    assert event_types(payout) == ["request", "claim", "no_answer", "accept"] or (
        now(payout).status == PayoutStatus.CONFIRMED
    )
    assert len(office.creates()) == 1
    assert office.sandbox.order_ids == [attempt.order_id]


@pytest.mark.parametrize("fault", NOT_EXECUTED)
def test_a5_a8_a11_a_call_that_was_lost_is_repeated_with_the_same_bytes(office, payout, fault):
    office.sandbox.faults.add(fault, path="/v1/payout", commit=False)

    office.submit()
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert office.sandbox.order_ids == []

    office.work(minutes=15)
    assert now(payout).status == PayoutStatus.CONFIRMED
    attempt = Attempt.objects.get()
    assert attempt.calls == 2
    assert {call.body for call in office.creates()} == {attempt.body.encode()}
    assert len(office.sandbox.debits(attempt.order_id)) == 1
    assert "failed" not in status_history(payout)


def test_a5_nothing_is_repeated_before_the_quiet_time(office, payout):
    office.sandbox.drop_requests = True
    office.submit()
    called_at = office.clock()
    office.sandbox.drop_requests = False

    office.until(lambda: len(office.creates()) == 2)

    assert office.account.quiet > 2 * office.account.timeout - 1
    assert office.clock() - called_at >= 2 * office.account.quiet_time
    times = {event.event_type: event.at for event in payout.events.all()}
    assert times["not_found"] - called_at >= office.account.quiet_time
    assert times["allow_repeat"] - times["not_found"] >= office.account.quiet_time


def test_a6_a_request_that_arrives_after_the_repeat_is_not_paid_again(office, payout):
    office.sandbox.faults.add("delayed", seconds=600)
    office.submit()
    office.work(minutes=9)
    assert len(office.creates()) == 2
    assert now(payout).status == PayoutStatus.CONFIRMED

    office.work(minutes=5)
    assert office.sandbox.held_requests == []
    assert len(office.sandbox.debits(Attempt.objects.get().order_id)) == 1


def test_a6_a_cancelled_payout_that_arrives_late_is_found_and_shown(office, payout):
    office.sandbox.faults.add("delayed")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Wrong client")
    office.work(hours=25, every=HOUR)
    assert now(payout).status == PayoutStatus.CANCELLED

    office.sandbox.execute_held()
    office.work(days=2, every=4 * HOUR)

    assert now(payout).status == PayoutStatus.CANCELLED
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Discrepancy.Kind.FOUND_LATE, True)
    assert found.theirs["uuid"] == office.sandbox.payouts[0].uuid


# Refused or not executed, while an earlier call is unanswered


def lose_one_call(office, payout, fault="drop_timeout"):
    """Have a call go unanswered, and Heleket asked until the repeat is allowed."""
    office.sandbox.faults.add(fault, path="/v1/payout")
    office.submit()
    for _ in range(20):
        office.clock.forward(seconds=30)
        office.check()
    assert now(payout).may_repeat


@pytest.mark.parametrize(
    "fault", ["forbidden", "terminal", "unknown_refusal", *NEVER_SENT, "payout", "funds"]
)
def test_a7_no_refusal_of_a_repeat_ends_a_payout_or_sends_it_anew(office, payout, fault):
    lose_one_call(office, payout)
    if fault == "payout":
        office.sandbox.faults.add("forbidden", path="/v1/payout", text="Minimum amount 10 USDT")
    elif fault == "funds":
        office.sandbox.faults.add("forbidden", path="/v1/payout", text="Not enough funds")
    else:
        office.sandbox.faults.add(fault, path="/v1/payout")

    office.submit()

    lost = now(payout)
    assert (lost.status, lost.waiting_for) == (PayoutStatus.SUBMITTING, "answer")
    # A refusal that nobody has documented is no answer either.
    assert Attempt.objects.get().unanswered == ([1, 2] if fault == "unknown_refusal" else [1])
    assert not {"failed", "cancelled"} & set(status_history(payout))
    assert status_history(payout).count("approved") == 1


def test_a7_the_first_call_ate_the_balance_and_is_found(office, payout):
    lose_one_call(office, payout, fault="delayed")
    office.sandbox.faults.add("forbidden", path="/v1/payout", text="Not enough funds")
    office.submit()
    assert now(payout).status == PayoutStatus.SUBMITTING
    office.sandbox.execute_held()

    office.work(minutes=5)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert len(office.sandbox.debits(Attempt.objects.get().order_id)) == 1


def test_a7_a_refused_repeat_fails_only_after_the_release_time(office, payout):
    lose_one_call(office, payout)
    office.sandbox.faults.add("forbidden", path="/v1/payout", text="Minimum amount 10 USDT")
    office.submit()
    refused_at = office.clock()

    office.work(hours=23, every=HOUR)
    assert now(payout).status == PayoutStatus.SUBMITTING
    office.work(hours=2)

    failed = now(payout)
    assert failed.status == PayoutStatus.FAILED
    assert failed.reason == "Minimum amount 10 USDT"
    assert failed.finished_at - refused_at >= office.account.release_time
    assert Attempt.objects.get().watch_at is not None
    assert len(office.creates()) == 2


# Answers that cannot be read, whatever they are


@given(
    body=st.binary(max_size=300),
    status=st.sampled_from([200, 201, 204, 301, 400, 403, 404, 422, 429, 500, 502]),
    content_type=st.sampled_from(["application/json", "text/html", ""]),
)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a8_no_random_answer_moves_a_payout_out_of_submitting(office, body, status, content_type):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    random_answer = Answer(status, body, {"Content-Type": content_type})
    office.sandbox.handle, true = lambda *_: random_answer, office.sandbox.handle
    try:
        [call] = submission.claim(1, office.account, only=[payout.pk]).items
        submission.record(
            [submission.send(call, office.client, timeout=office.account.timeout)], office.account
        )
    finally:
        office.sandbox.handle = true
        Pause.objects.all().delete()
        RateLimit.objects.update(backoff_until=None)
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert payout.attempts.get().unanswered == [1]


# Not sent at all


@pytest.mark.parametrize("fault", NEVER_SENT)
def test_a9_what_never_reached_heleket_goes_back_and_the_run_stops(office, payout, fault):
    other = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add(fault, path="/v1/payout")

    office.sandbox.faults.add(fault, path="/v1/payout")
    office.submit(limit=1)
    if fault != "unauthorized":  # one connection says too little
        assert office.submit(limit=1) == 1
    assert office.submit() == 0

    for one in (payout, other):
        assert now(one).status == PayoutStatus.APPROVED
    assert now(payout).waiting_for == "gateway"
    assert {str(each.unanswered) for each in Attempt.objects.all()} == {"[]"}
    cause = "unauthorized" if fault == "unauthorized" else "unreachable"
    assert Pause.objects.get().cause == cause
    assert DeskEvent.objects.filter(event_type="trip").count() == 1
    assert office.sandbox.order_ids == []

    office.work(minutes=5)
    assert {now(payout).status, now(other).status} == {PayoutStatus.CONFIRMED}
    assert not Pause.objects.exists()
    assert Attempt.objects.get(payout=payout).calls > 1


def test_a10_a_connection_that_breaks_after_the_request_proves_nothing(office, payout):
    office.sandbox.faults.add("commit_then_drop")

    office.submit()

    assert now(payout).status == PayoutStatus.SUBMITTING
    assert not Pause.objects.exists()
    office.work(minutes=2)
    assert now(payout).status == PayoutStatus.CONFIRMED
    assert len(office.creates()) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a11_a_redirect_is_not_followed(office, payout, status):
    office.sandbox.faults.add(f"redirect_{status}", path="/v1/payout")

    office.submit()

    assert len(office.sandbox.calls) == 1
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert Attempt.objects.get().answer_status == status


def test_a12_when_heleket_asks_to_slow_down_one_probe_goes_and_no_storm(office):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(10)]
    office.sandbox.faults.add("429_retry_after", times=1, seconds=300, path="/v1/payout")

    office.submit(limit=1)
    assert now(payouts[0]).status == PayoutStatus.SUBMITTING
    for _ in range(9):
        office.clock.forward(seconds=30)
        assert office.submit() == 0
    office.clock.forward(seconds=31)
    assert office.submit() == 1
    assert not Pause.objects.exists()

    office.work(minutes=20)
    assert {now(each).status for each in payouts} == {PayoutStatus.CONFIRMED}


def test_a12_calls_stay_few_while_heleket_refuses_them(office):
    for _ in range(5):
        PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("429", rate=1.0, path="/v1/payout")
    office.submit(limit=1)

    office.work(hours=2)

    # 1, 2, 4, 8, 16 and then every 30 minutes; repeats are bound to the same pauses.
    assert len(office.creates()) <= 9
    office.sandbox.faults.clear()


# Heleket has something else


@pytest.mark.parametrize(
    "theirs",
    [
        {"amount": "6"},
        {"address": "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"},
        {"network": "bsc", "address": "0x52908400098527886E0F7030069857D2E4169EE7"},
    ],
)
def test_a15_d8_another_payout_under_our_order_id_is_not_believed(office, payout, theirs):
    order_id = payout.order_id(settings.INSTALLATION)
    known = {"amount": "5", "address": payout.address} | theirs
    office.sandbox.add_foreign_payout(order_id=order_id, **known)

    office.submit()

    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.SUBMITTING, "discrepancy")
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Discrepancy.Kind.DIFFERENT, True)
    assert Attempt.objects.get().uuid is None
    office.work(days=2, every=4 * HOUR)
    assert len(office.creates()) == 1
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert Discrepancy.objects.count() == 1


@given(
    amount=st.sampled_from(["5", "5.0", "5.00000000", 5, 5.0]),
    network=st.sampled_from(["tron", "TRON", "Tron", None]),
    currency=st.sampled_from(["USDT", "usdt", None]),
    address=st.booleans(),
)
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a16_other_spellings_of_the_same_payout_are_equal(
    office, amount, network, currency, address
):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    [call] = submission.claim(1, office.account, only=[payout.pk]).items
    body = {
        "uuid": f"uuid-{payout.number}",
        "amount": amount,
        "network": network,
        "currency": currency,
        "address": payout.address if address else None,
        "status": "process",
        "is_final": False,
    }
    reply = json.dumps({"state": 0, "result": body}).encode()
    office.sandbox.handle, true = lambda *_: Answer(200, reply), office.sandbox.handle
    try:
        answer = submission.send(call, office.client, timeout=office.account.timeout)
    finally:
        office.sandbox.handle = true
    submission.record([answer], office.account)
    assert now(payout).status == PayoutStatus.BROADCAST
    assert not Discrepancy.objects.exists()


# Outright refusals

ABOUT_THIS_PAYOUT = [
    "The currency was not found",
    "The network was not found",
    "The service was not found",
    "The withdrawal amount is too small",
    "Wallet not found",
    "Not found service to_currency",
    "Error convert to_currency",
    "Minimum amount 10 USDT",
    "Maximum amount 4 USDT",
]
ABOUT_ALL = {
    "Not enough funds": "funds",
    "Not enough balance for convert USDT to BTC": "funds",
    "You are forbidden": "forbidden",
    "The terminal was not found": "terminal",
    "Gateway error, #2": "terminal",
    "Server error, #1": "terminal",
}
UNDOCUMENTED = ["Your address is under review", "minimum amount 10 USDT", ""]


@pytest.mark.parametrize("text", ABOUT_THIS_PAYOUT)
def test_a17_a_refusal_about_this_payout_ends_it(office, payout, text):
    office.sandbox.faults.add("forbidden", text=text, path="/v1/payout")

    office.submit()

    failed = now(payout)
    assert (failed.status, failed.reason) == (PayoutStatus.FAILED, text)
    assert not Pause.objects.exists()
    office.work(hours=1)
    assert len(office.creates()) == 1


def test_a17_refused_fields_end_a_payout_with_their_names(office, payout):
    content = {"state": 1, "errors": {"amount": ["validation.regex"]}}
    office.sandbox.handle, true = lambda *_: Answer.json(422, content), office.sandbox.handle
    office.submit()
    office.sandbox.handle = true

    failed = now(payout)
    assert (failed.status, failed.reason) == (
        PayoutStatus.FAILED,
        "amount: validation.regex",
    )


@pytest.mark.parametrize(("text", "cause"), ABOUT_ALL.items())
def test_a17_g15_a_refusal_about_more_than_this_payout_pauses_and_ends_nothing(
    office, payout, text, cause
):
    other = PayoutFactory(status=PayoutStatus.APPROVED)
    content = {"state": 1, "message": text}
    office.sandbox.handle, true = lambda *_: Answer.json(422, content), office.sandbox.handle
    office.submit(limit=1)
    office.sandbox.handle = true

    waiting = now(payout)
    assert waiting.status == PayoutStatus.APPROVED
    assert waiting.waiting_for == ("funds" if cause == "funds" else "gateway")
    assert waiting.reason == text
    assert Pause.objects.get().cause == cause
    assert office.submit() == 0
    assert now(other).status == PayoutStatus.APPROVED

    office.work(minutes=4)
    assert {now(payout).status, now(other).status} == {PayoutStatus.CONFIRMED}
    assert Attempt.objects.filter(payout=payout).count() == 1


@pytest.mark.parametrize("text", UNDOCUMENTED)
def test_a17_g15_g26_a_refusal_in_unknown_words_leaves_open_what_happened(office, payout, text):
    """It may hide an execution and may concern all payouts: Heleket is asked, the others wait."""
    other = PayoutFactory(status=PayoutStatus.APPROVED)
    content = {"state": 1, "message": text}
    office.sandbox.handle, true = lambda *_: Answer.json(422, content), office.sandbox.handle
    office.submit(limit=1)
    office.sandbox.handle = true

    waiting = now(payout)
    assert (waiting.status, waiting.waiting_for) == (PayoutStatus.SUBMITTING, "answer")
    assert waiting.reason == text
    assert Attempt.objects.get().unanswered == [1]
    assert Pause.objects.get().cause == "unknown"
    assert office.submit() == 0
    assert now(other).status == PayoutStatus.APPROVED

    office.work(minutes=10)
    assert {now(payout).status, now(other).status} == {PayoutStatus.CONFIRMED}
    assert Attempt.objects.filter(payout=payout).count() == 1
