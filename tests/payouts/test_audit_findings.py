"""Faults that a second look at the money path found: late, odd and crossing answers."""

from collections import deque

import pytest
from django.conf import settings

import heleket
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.operations import perform
from heleket.webhooks import sign_webhook
from payouts import operations, polling, submission
from payouts.codes import PayoutCode
from payouts.gateway.models import Pause
from payouts.models import Attempt, Discrepancy, PayoutStatus
from payouts.seen import see
from tests.factories import PayoutFactory
from tests.payouts.conftest import HOUR
from tests.payouts.rounds import event_types, now
from wallets.models import Wallet, WalletStatus

pytestmark = pytest.mark.django_db

NOT_SENT = submission.Unsent(Reason(PayoutCode.LEASE_RAN_OUT))
NO_ANSWER = heleket.OutcomeUnknown("Heleket's answer broke off.")
TOO_SMALL = heleket.RequestRejected("Minimum amount 10 USDT", status_code=422)
NO_FUNDS = heleket.RequestRejected("Not enough funds", status_code=422)
WHO_KNOWS = heleket.RequestRejected("Your address is under review", status_code=422)
UNREACHABLE = heleket.Unavailable("Heleket cannot be reached.")


@pytest.fixture
def payout(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


def send(call, office):
    return submission.send(call, office.client, timeout=office.account.timeout)


def post_webhook(client, **changes):
    attempt = Attempt.objects.get()
    members = {
        "type": "payout",
        "uuid": attempt.uuid or "a-uuid",
        "order_id": attempt.order_id,
        "amount": "5.00000000",
        "is_final": True,
        "status": "paid",
        "currency": "USDT",
        "network": "tron",
    }
    body = sign_webhook(members | changes, settings.HELEKET_API_KEY)
    answer = client.post("/webhooks/heleket/", body, content_type="application/json", secure=True)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "outcome", [NOT_SENT, NO_ANSWER, TOO_SMALL, NO_FUNDS, WHO_KNOWS, UNREACHABLE]
)
def test_b14_what_became_of_a_call_does_not_set_a_stopped_payout_going(
    client, office, payout, outcome
):
    [call] = submission.claim(1, office.account).items
    post_webhook(client, amount="6.00000000")
    assert now(payout).waiting_for == "discrepancy"

    submission.record([submission.Answer(call, outcome)], office.account)

    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.SUBMITTING, "discrepancy")
    Pause.objects.all().delete()
    office.work(days=2, every=2 * HOUR)
    assert not office.creates()
    assert now(payout).status == PayoutStatus.SUBMITTING

    office.end(Discrepancy.objects.get(), Discrepancy.Outcome.EXPLAINED)
    office.work(hours=30, every=HOUR)
    refused = outcome is TOO_SMALL
    assert now(payout).status == (PayoutStatus.FAILED if refused else PayoutStatus.CONFIRMED)


@pytest.mark.parametrize("outcome", [NOT_SENT, UNREACHABLE])
def test_a20_a_cancel_asked_during_a_call_that_never_left_ends_the_payout(office, payout, outcome):
    [call] = submission.claim(1, office.account).items
    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done

    submission.record([submission.Answer(call, outcome)], office.account)

    cancelled = now(payout)
    assert (cancelled.status, cancelled.waiting_for) == (PayoutStatus.CANCELLED, "")
    assert cancelled.due_at is None
    assert event_types(payout)[-2:] == ["put_back", "cancel"]
    office.work(hours=1)
    assert office.sandbox.calls == deque()


def test_a20_g26_a_cancel_asked_during_a_refused_call_ends_the_payout_once_heleket_is_asked(
    office, payout
):
    [call] = submission.claim(1, office.account).items
    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done

    submission.record([submission.Answer(call, NO_FUNDS)], office.account)

    assert (now(payout).status, now(payout).waiting_for) == (PayoutStatus.APPROVED, "answer")
    office.work(hours=1)
    cancelled = now(payout)
    assert (cancelled.status, cancelled.waiting_for) == (PayoutStatus.CANCELLED, "")
    assert cancelled.due_at is None
    assert event_types(payout)[-2:] == ["put_back", "cancel"]
    first, second, *_later = office.questions()
    assert second.at - first.at >= office.account.quiet_time
    assert office.creates() == []


@pytest.mark.parametrize("fate", ["paid", "final_fail"])
def test_b7_an_answer_from_before_the_final_word_does_not_contradict_it(office, payout, fate):
    office.sandbox.set_fate(fate)
    [call] = submission.claim(1, office.account).items
    late = send(call, office)
    assert late.outcome.status == "process"
    [question] = polling.claim(1, office.account, only=[payout.pk]).items
    late_reply = polling.ask(question, office.client, timeout=office.account.timeout)
    office.work(minutes=5)
    ended = now(payout)
    assert ended.status == (PayoutStatus.CONFIRMED if fate == "paid" else PayoutStatus.FAILED)

    submission.record([late], office.account)
    polling.record([late_reply], office.account)

    assert not Discrepancy.objects.exists()
    assert now(payout).status == ended.status
    assert Attempt.objects.get().is_final


def test_b7_an_answer_from_before_the_final_word_does_not_take_it_back(office, payout):
    """It says paid, but not finally: recorded late, it must not undo "final" on a paid payout."""
    office.submit()
    attempt = Attempt.objects.get()
    question = polling.Question(attempt.pk, attempt.order_id, office.clock(), False)
    office.sandbox.force_status("paid", is_final=False, order_id=attempt.order_id)
    late_reply = polling.ask(question, office.client, timeout=5)
    office.sandbox.force_status("paid", is_final=True, order_id=attempt.order_id)
    polling.record([polling.ask(question, office.client, timeout=5)], office.account)
    known = Attempt.objects.values().get()
    assert (now(payout).status, known["is_final"]) == (PayoutStatus.CONFIRMED, True)

    polling.record([late_reply], office.account)

    assert Attempt.objects.values().get() == known
    assert not Discrepancy.objects.exists()


def test_b14_the_same_difference_found_again_is_not_written_down_again(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    office.sandbox.payouts[0].amount += 1
    [seen] = see([payout])
    by = office.person("Operator")
    perform(operations.REQUEST_CHECK, [seen], actor=Actor.staff(by, Channel.ADMIN))
    assert office.check() == 1  # a worker was faster
    before = event_types(payout)
    assert now(payout).waiting_for == "discrepancy"

    office.work(days=3, every=HOUR)

    assert event_types(payout) == before
    assert Discrepancy.objects.count() == 1
    office.sandbox.payouts[0].amount -= 1


def test_b12_paid_but_not_final_contradicts_a_failure(office, payout):
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=2)
    assert now(payout).status == PayoutStatus.FAILED
    order_id = Attempt.objects.get().order_id
    office.sandbox.force_status("paid", is_final=False, order_id=order_id)
    question = polling.Question(Attempt.objects.get().pk, order_id, office.clock(), False)

    polling.record([polling.ask(question, office.client, timeout=5)], office.account)

    assert Discrepancy.objects.get().kind == Discrepancy.Kind.CONTRADICTION
    assert now(payout).status == PayoutStatus.FAILED


def test_b11_texts_that_are_longer_than_ours_do_not_hide_heleket_s_word(office, payout):
    office.submit()
    attempt = Attempt.objects.get()
    office.sandbox.force_status("paid", is_final=True, order_id=attempt.order_id)
    office.clock.forward(minutes=1)
    [question] = polling.claim(1, office.account).items
    remote = heleket.RemotePayout(
        uuid=attempt.uuid, status="paid", is_final=True, txid="t" * 255, payer_currency="C" * 255
    )
    polling.record([polling.Reply(question, remote)], office.account)
    assert now(payout).status == PayoutStatus.CONFIRMED


def test_b11_an_unknown_status_of_any_length_is_waited_for(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    order_id = Attempt.objects.get().order_id
    office.sandbox.force_status("s" * 255, is_final=False, order_id=order_id)

    office.ask_now()

    assert now(payout).status == PayoutStatus.BROADCAST
    assert Attempt.objects.get().remote_status.startswith("sss")


def test_a12_a_call_made_before_a_pause_does_not_end_it(office):
    for _ in range(3):
        PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("429_retry_after", times=1, seconds=300, path="/v1/payout")
    calls = submission.claim(2, office.account).items

    submission.record([send(call, office) for call in calls], office.account)

    assert Pause.objects.get().cause == "slow_down"
    assert office.submit() == 0
    office.clock.forward(seconds=301)
    assert office.submit() == 1
    assert not Pause.objects.exists()


def test_a14_the_lost_answer_of_an_earlier_call_does_not_shorten_the_quiet_time(office, payout):
    [first] = submission.claim(1, office.account).items
    while not now(payout).may_repeat:
        office.clock.forward(seconds=30)
        office.check()
    [second] = submission.claim(1, office.account).items
    quiet_until = Attempt.objects.get().quiet_until

    submission.record([submission.Answer(first, NO_ANSWER)], office.account)

    assert Attempt.objects.get().quiet_until == quiet_until
    submission.record([submission.Answer(second, NO_ANSWER)], office.account)
    assert Attempt.objects.get().quiet_until == office.clock() + 2 * office.account.quiet_time


def test_a6_a_lost_payout_is_asked_about_while_its_wallet_is_frozen(office, payout):
    office.sandbox.faults.add("delayed")
    office.submit()
    wallet = Wallet.objects.filter(pk=payout.wallet_id)
    wallet.update(status=WalletStatus.FROZEN)
    office.until(lambda: now(payout).waiting_for == "wallet")
    office.work(hours=1)
    assert len(office.creates()) == 1
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert event_types(payout).count("allow_repeat") == 1

    office.sandbox.execute_held()
    office.work(hours=1)

    assert now(payout).status == PayoutStatus.CONFIRMED


def test_a_lost_payout_is_repeated_once_its_wallet_is_active_again(office, payout):
    office.sandbox.faults.add("drop")
    office.submit()
    wallet = Wallet.objects.filter(pk=payout.wallet_id)
    wallet.update(status=WalletStatus.FROZEN)
    office.until(lambda: now(payout).waiting_for == "wallet")

    wallet.update(status=WalletStatus.ACTIVE)
    office.work(hours=1)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert len(office.creates()) == 2


def test_b12_a_webhook_that_contradicts_a_refusal_has_heleket_asked(client, office, payout):
    office.sandbox.faults.add("forbidden", text="Minimum amount 10 USDT", path="/v1/payout")
    office.submit()
    assert now(payout).status == PayoutStatus.FAILED
    office.sandbox.add_foreign_payout(
        order_id=Attempt.objects.get().order_id, amount="5", address=payout.address
    )

    post_webhook(client)
    office.work(minutes=5)

    assert now(payout).status == PayoutStatus.FAILED
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Discrepancy.Kind.FOUND_LATE, True)


def test_a12_no_wait_that_heleket_asks_for_stops_the_desk_for_days(office, payout):
    office.sandbox.faults.add("429_retry_after", times=1, seconds=999_999, path="/v1/payout")
    office.submit()

    office.work(hours=1)

    assert now(payout).status == PayoutStatus.CONFIRMED


def test_a6_a_payout_found_late_is_shown_once_and_stays_closed(office, payout):
    office.sandbox.faults.add("delayed")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Wrong client")
    office.work(hours=25, every=HOUR)
    office.sandbox.execute_held()
    office.work(days=2, every=HOUR)
    office.end(Discrepancy.objects.get(), Discrepancy.Outcome.AS_HELEKET)

    office.work(days=5, every=6 * HOUR)

    assert Discrepancy.objects.filter(closed_at=None).count() == 0
    assert Discrepancy.objects.count() == 1
