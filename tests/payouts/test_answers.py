"""What Heleket answers later: any order, any repetition, and words that are not final."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from heleket.sandbox.records import Answer
from payouts import polling, schedule
from payouts.gateway.models import Pause
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus, WebhookDelivery
from tests.factories import PayoutFactory
from tests.payouts.invariants import status_history
from tests.payouts.rounds import now

pytestmark = pytest.mark.django_db

SENT = ["pending", "approved", "submitting", "broadcast"]


@pytest.fixture
def payout(office):
    """A payout that Heleket has and that moves there when a test says so."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit()
    office.sandbox.set_fate("stuck", order_id=Attempt.objects.get().order_id)
    return now(payout)


def let_heleket_say(office, status, *, is_final):
    """Let Heleket's payout enter a state, and ask."""
    office.sandbox.force_status(status, is_final=is_final, order_id=Attempt.objects.get().order_id)
    office.ask_now()


# Not final, unknown, contradicting


def test_b9_a_failure_that_is_not_final_changes_nothing_and_may_end_paid(office, payout):
    let_heleket_say(office, "fail", is_final=False)
    waiting = now(payout)
    assert (waiting.status, waiting.waiting_for) == (PayoutStatus.BROADCAST, "final_word")
    assert Attempt.objects.get().remote_status == "fail"

    let_heleket_say(office, "paid", is_final=True)
    assert status_history(payout) == [*SENT, "confirmed"]


def test_b10_the_same_status_counts_again_once_it_is_final(office, payout):
    for status in ("fail", "process"):
        let_heleket_say(office, status, is_final=False)
    let_heleket_say(office, "fail", is_final=True)

    assert status_history(payout) == [*SENT, "failed"]
    assert Attempt.objects.get().is_final


@pytest.mark.parametrize("status", ["paid", "frozen_by_review", "system_fail", "cancel"])
def test_b11_what_is_not_final_is_waited_for(office, payout, status):
    let_heleket_say(office, status, is_final=False)

    waiting = now(payout)
    assert (waiting.status, waiting.waiting_for) == (PayoutStatus.BROADCAST, "final_word")
    assert Attempt.objects.get().remote_status == status
    assert not Discrepancy.objects.exists()


def test_b11_a_final_status_that_nobody_knows_is_left_to_people(office, payout):
    let_heleket_say(office, "refund_paid", is_final=True)

    assert now(payout).status == PayoutStatus.BROADCAST
    assert Attempt.objects.get().remote_status == "refund_paid"


def test_b11_a_payment_inside_heleket_has_no_transaction_and_is_paid(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("p2p", order_id=payout.order_id("test"))

    office.submit()
    office.work(minutes=5)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert Attempt.objects.get().txid == ""


@pytest.mark.parametrize("word", ["fail", "system_fail", "cancel"])
def test_a_final_failure_gives_the_reason(office, payout, word):
    let_heleket_say(office, word, is_final=True)

    failed = now(payout)
    assert failed.status == PayoutStatus.FAILED
    reason = "Cancelled at Heleket" if word == "cancel" else word
    assert reason in failed.why.sentence


def test_b17_a_payout_that_vanished_changes_nothing_and_is_shown_after_repeats(office, payout):
    text = {"state": 1, "message": "Payout not found"}
    office.sandbox.handle, true = lambda *_: Answer.json(422, text), office.sandbox.handle
    for _ in range(2):
        office.ask_now()
    assert now(payout).waiting_for == "final_word"
    office.ask_now()
    office.sandbox.handle = true

    assert now(payout).status == PayoutStatus.BROADCAST
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.VANISHED


# About another payout


def test_b18_an_answer_about_another_payout_is_not_believed(office):
    first, second = (PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(2))
    office.submit()
    office.sandbox.force_status("paid", is_final=True, order_id=second.order_id("test"))
    office.sandbox.faults.add("swapped")
    office.clock.forward(minutes=1)

    assert office.check(limit=1) == 1

    stopped = now(first)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.BROADCAST, "discrepancy")
    assert first.attempts.get().is_final is False
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.DIFFERENT


def test_b18_an_answer_under_another_order_id_alone_is_not_believed(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    office.clock.forward(minutes=1)
    [question] = polling.claim(1, office.account).items
    answer = polling.ask(question, office.client, timeout=5).answer
    other = replace(answer, order_id="another", status="paid", is_final=True)

    polling.record([polling.Reply(question, other)], office.account)

    assert now(payout).status == PayoutStatus.BROADCAST
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.DIFFERENT


def test_g10_heleket_s_id_of_one_payout_is_never_taken_for_another(office):
    first, second = (PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(2))
    office.submit(limit=1)
    office.sandbox.faults.add("timeout", path="/v1/payout")
    office.submit()
    office.clock.forward(minutes=1)
    office.sandbox.faults.add("swapped", order_id=second.order_id("test"))
    Payout.objects.filter(pk=first.pk).update(due_at=office.clock() + office.account.release_time)

    office.check()

    stopped = now(second)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.SUBMITTING, "discrepancy")
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.UUID_TAKEN
    assert second.attempts.get().uuid is None


def test_g10_of_two_equal_payouts_one_id_confirms_only_one(unchecked_office):
    """Both answers are lost, so that the swapped one is believed: the other stops and is shown."""
    office = unchecked_office
    first, second = (PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(2))
    office.sandbox.faults.add("timeout", path="/v1/payout", times=2)
    office.submit()
    office.sandbox.force_status("paid", is_final=True, order_id=first.order_id("test"))
    office.sandbox.faults.add("swapped", order_id=second.order_id("test"))
    Payout.objects.filter(pk=first.pk).update(due_at=office.clock() + office.account.release_time)
    office.clock.forward(minutes=1)
    office.check()
    assert now(second).status == PayoutStatus.CONFIRMED

    Payout.objects.filter(pk=first.pk).update(due_at=office.clock())
    office.check()

    stopped, shown = now(first), Discrepancy.objects.get()
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.SUBMITTING, "discrepancy")
    assert (shown.kind, shown.is_critical) == (Discrepancy.Kind.UUID_TAKEN, True)
    assert shown.ours["order_id"] == second.order_id("test")


@pytest.mark.parametrize("changed", [{"amount": "6"}, {"currency": "BTC"}, {"network": "bsc"}])
def test_b14_an_answer_with_other_terms_stops_the_payout(office, payout, changed):
    remote = office.sandbox.payouts[0]
    office.sandbox.force_status("paid", is_final=True, uuid=remote.uuid)
    true = {name: getattr(remote, name) for name in changed}
    for name, value in changed.items():
        setattr(remote, name, Decimal(value) if name == "amount" else value)

    office.ask_now()

    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.BROADCAST, "discrepancy")
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.DIFFERENT
    for name, value in true.items():
        setattr(remote, name, value)


def test_b14_another_address_stops_the_payout_and_a_person_lets_it_go_on(office, payout):
    remote = office.sandbox.payouts[0]
    office.sandbox.force_status("paid", is_final=True, uuid=remote.uuid)
    remote.address, true = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC", remote.address
    office.ask_now()
    assert now(payout).status == PayoutStatus.BROADCAST
    found = Discrepancy.objects.get()
    assert found.ours["address"] == true
    assert found.theirs["address"] == "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"

    remote.address = true
    office.ask_now()
    office.end(found, Discrepancy.Outcome.EXPLAINED)
    office.work(minutes=1)
    assert now(payout).status == PayoutStatus.CONFIRMED


# Texts that say "not found" and mean nothing


@pytest.mark.parametrize(
    "text",
    ["The terminal was not found", "Wallet not found", "payout not found", "Payout not found.", ""],
)
def test_g6_only_the_exact_text_means_not_found(office, text):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.drop_requests = True
    office.submit()
    office.sandbox.drop_requests = False
    content = {"state": 1, "message": text}
    office.sandbox.handle, true = lambda *_: Answer.json(422, content), office.sandbox.handle

    office.work(hours=2)

    office.sandbox.handle = true
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert Attempt.objects.get().not_found_at is None
    assert not now(payout).may_repeat
    assert not Pause.objects.exists()


def test_g6_a_wrong_path_means_nothing(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.drop_requests = True
    office.submit()
    office.sandbox.drop_requests = False
    office.sandbox.faults.add("404", rate=1.0, path="/v1/payout/info")

    office.work(hours=2)

    assert now(payout).status == PayoutStatus.SUBMITTING
    assert len(office.creates()) == 1


# Confluence

EVENTS = st.lists(
    st.sampled_from(["advance", "ask", "wait", *(f"webhook {number}" for number in range(6))]),
    max_size=14,
)
FATES = st.sampled_from(
    ["paid", "final_fail", "fail_then_paid", "fail_process_fail", "system_fail_then_paid", "p2p"]
)


@given(events=EVENTS, fate=FATES, announces=st.booleans(), lost=st.booleans())
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_b8_any_order_of_webhooks_and_questions_ends_in_heleket_s_truth(
    office, client, settings, events, fate, announces, lost
):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    order_id = payout.order_id("test")
    office.sandbox.announces_creation = announces
    office.sandbox.set_fate(fate, order_id=order_id)
    if lost:
        office.sandbox.faults.add("timeout", path="/v1/payout")
    office.submit()
    letters = []
    for event in events:
        if event == "advance" and office.sandbox.find(order_id).next_step_at:
            office.sandbox.advance(order_id)
        elif event == "ask":
            office.ask_now()
        elif event == "wait":
            office.clock.forward(seconds=1)
        letters += [delivery.body for delivery in office.sandbox.take_webhooks()]
        if event.startswith("webhook") and letters:
            body = letters[int(event[-1]) % len(letters)]
            sent = {"content_type": "application/json", "secure": True}
            assert client.post("/webhooks/heleket/", body, **sent).status_code == 200

    office.work(hours=1)

    remote = office.sandbox.find(order_id)
    ended = now(payout)
    assert remote.is_final
    assert ended.status == ("confirmed" if remote.status == "paid" else "failed")
    assert len(set(status_history(payout))) == len(status_history(payout))
    attempt = payout.attempts.get()
    assert (attempt.uuid, attempt.txid) == (remote.uuid, remote.txid or "")
    assert attempt.merchant_amount == remote.merchant_amount
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize("fate", ["paid", "final_fail", "fail_then_paid", "p2p"])
def test_b16_without_a_single_webhook_asking_ends_a_payout(office, fate):
    """Heleket takes an hour for each step, longer than the longest wait between questions."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate(fate, order_id=payout.order_id("test"))
    office.sandbox.pace_seconds = 3600
    assert schedule.LONGEST_CHECK.total_seconds() < office.sandbox.pace_seconds

    office.submit()
    office.work(hours=5)

    remote = office.sandbox.find(payout.order_id("test"))
    assert remote.is_final
    assert now(payout).status == ("confirmed" if remote.status == "paid" else "failed")
    assert now(payout).due_at is None
    assert not WebhookDelivery.objects.exists()
