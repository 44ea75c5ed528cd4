"""What makes payouts wait, end unsent or start anew: pauses, cancel intents, later tries."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts import operations, recording, submission
from payouts.gateway.models import Pause
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from payouts.seen import see
from tests.every_page import unmarked
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, WalletFactory
from tests.payouts.conftest import HOUR
from tests.payouts.invariants import status_history
from tests.payouts.rounds import event_types, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def payout(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


# Pauses


def test_a18_payouts_are_sent_oldest_first_in_whatever_order_they_are_locked(office):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(8)]

    office.submit()

    assert office.sandbox.order_ids == [each.order_id("test") for each in payouts]


def test_a18_missing_funds_stop_their_currency_alone_and_no_payout_fails(office):
    PayoutMethodFactory(currency="TRX")
    office.sandbox.top_up("TRX", "1000")
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(5)]
    other = PayoutFactory(status=PayoutStatus.APPROVED, currency="TRX", wallet=WalletFactory())
    fee = office.sandbox.services["tron", "USDT"].commission(Decimal(5))
    office.sandbox.ledger.balances["USDT"] = 2 * (5 + fee)

    office.submit(limit=3)
    office.submit()
    pause = Pause.objects.get()
    assert (pause.cause, pause.currency) == ("funds", "USDT")
    office.work(minutes=3)

    assert now(other).status == PayoutStatus.CONFIRMED
    assert [now(each).status for each in payouts] == ["confirmed"] * 2 + ["approved"] * 3
    assert now(payouts[2]).waiting_for == "funds"

    office.sandbox.top_up("USDT", "1000")
    office.work(minutes=30)
    assert {now(each).status for each in payouts} == {PayoutStatus.CONFIRMED}
    assert [call.order_id for call in office.sandbox.payouts if call.currency == "USDT"] == [
        each.order_id("test") for each in payouts
    ]


def test_one_probe_goes_after_a_minute_and_then_ever_more_rarely(office):
    for _ in range(3):
        PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("forbidden", rate=1.0, path="/v1/payout")
    office.submit(limit=1)
    start = office.clock()

    office.work(hours=3)

    at = [round((call.at - start) / timedelta(minutes=1)) for call in office.creates()]
    assert at == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151]
    assert Pause.objects.get().cause == "forbidden"
    assert {payout.status for payout in Payout.objects.all()} == {PayoutStatus.APPROVED}
    assert DeskEvent.objects.filter(event_type="trip").count() == 1

    office.sandbox.faults.clear()
    office.work(hours=1)
    assert not Pause.objects.exists()
    assert {payout.status for payout in Payout.objects.all()} == {PayoutStatus.CONFIRMED}
    assert DeskEvent.objects.filter(event_type="reset").count() == 1


def test_a18_a_currency_keeps_its_probe_while_all_wait_for_another_one(office):
    """Its turn is not used up by a claim that lets one payout of another currency through."""
    PayoutMethodFactory(currency="TRX")
    office.sandbox.top_up("TRX", "1000")
    short = PayoutFactory(status=PayoutStatus.APPROVED, amount=1_000_000)
    office.submit()
    other = PayoutFactory(status=PayoutStatus.APPROVED, currency="TRX", wallet=WalletFactory())
    office.sandbox.faults.add("forbidden", times=2, path="/v1/payout")
    office.submit()
    before = Pause.objects.values().get(currency="USDT")

    office.clock.forward(minutes=1)
    assert office.submit() == 1
    assert now(other).waiting_for == "gateway"
    assert Pause.objects.values().get(currency="USDT") == before

    office.clock.forward(minutes=2)
    assert office.submit() == 1
    assert now(other).status == PayoutStatus.BROADCAST
    office.sandbox.top_up("USDT", "1000000")
    assert office.submit() == 1
    assert now(short).status == PayoutStatus.BROADCAST


def test_g15_an_unknown_refusal_about_every_payout_ends_none(office):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(4)]
    office.sandbox.faults.add("unknown_refusal", rate=1.0, path="/v1/payout")
    office.submit(limit=1)

    office.work(hours=2)

    assert {now(each).status for each in payouts} <= {"approved", "submitting"}
    assert len(office.creates()) < 10
    assert Pause.objects.get().text == "Your address is under review"

    office.sandbox.faults.clear()
    office.work(hours=8, every=HOUR)
    assert {now(each).status for each in payouts} == {PayoutStatus.CONFIRMED}


def test_g15_the_first_unknown_refusal_stops_the_others_and_every_page_says_so(office, client):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(4)]
    office.sandbox.faults.add("unknown_refusal", rate=1.0, path="/v1/payout")

    office.submit(limit=1)
    office.submit()

    assert len(office.creates()) == 1
    assert [now(each).status for each in payouts] == ["submitting", *["approved"] * 3]
    [event] = DeskEvent.objects.filter(event_type=DeskEvent.Type.TRIP)
    assert "Your address is under review" in f"{event.why.sentence} {event.facts}"
    client.force_login(StaffFactory(roles=["Operator"]))
    for payout in payouts:
        page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk]))
        assert "Your address is under review" in unmarked(page)
    listed = client.get(reverse("admin:payouts_payout_changelist"))
    assert "Your address is under review" in unmarked(listed)


def test_f9_a_payout_that_cannot_be_written_down_does_not_hold_up_the_others(office, monkeypatch):
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(3)]
    poisoned, keep_facts = payouts[1].order_id("test"), recording.keep_facts

    def refuse(attempt, *args):
        if attempt.order_id == poisoned:
            raise ValueError("poison")
        keep_facts(attempt, *args)

    monkeypatch.setattr(recording, "keep_facts", refuse)
    office.work(minutes=10)

    assert [now(each).status for each in payouts] == ["confirmed", "submitting", "confirmed"]
    assert len(office.creates()) == 3
    assert len(office.questions()) < 20

    monkeypatch.undo()
    office.work(hours=1)
    assert now(payouts[1]).status == PayoutStatus.CONFIRMED
    assert len(office.creates()) == 3


# Cancel


@pytest.mark.parametrize("status", ["pending", "held", "approved"])
def test_a20_before_the_claim_a_cancel_is_exact(office, status):
    payout = PayoutFactory(status=status)

    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done
    office.work(hours=1)

    assert now(payout).status == PayoutStatus.CANCELLED
    assert len(office.sandbox.calls) == 0


def test_a20_in_submitting_a_cancel_waits_for_the_release_time(office, payout):
    office.sandbox.drop_requests = True
    office.submit()
    office.sandbox.drop_requests = False
    called_at = office.clock()

    assert office.act("CANCEL", payout, role="Operator", reason="Twice").done
    office.work(hours=23, every=HOUR)
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert event_types(payout).count("request_cancel") == 1
    office.work(hours=2)

    cancelled = now(payout)
    assert cancelled.status == PayoutStatus.CANCELLED
    assert cancelled.finished_at - called_at >= office.account.release_time
    assert len(office.creates()) == 1
    assert office.sandbox.order_ids == []


def test_a20_an_ended_try_is_asked_about_for_thirty_days_and_no_more(office, payout):
    office.sandbox.drop_requests = True
    office.submit()
    office.sandbox.drop_requests = False
    office.act("CANCEL", payout, role="Operator", reason="Twice")
    office.work(hours=25, every=HOUR)
    asked = len(office.questions())

    office.work(days=29)
    assert 27 <= len(office.questions()) - asked <= 31
    office.work(days=3)
    asked = len(office.questions())
    office.work(days=30)

    assert len(office.questions()) == asked
    assert Attempt.objects.get().watch_at is None
    assert not Discrepancy.objects.exists()


def test_a20_a_cancelled_payout_that_heleket_has_after_all_goes_on(office, payout):
    office.sandbox.lose_answers = True
    office.submit()
    office.sandbox.lose_answers = False
    office.act("CANCEL", payout, role="Operator", reason="Twice")

    office.work(minutes=5)

    assert now(payout).status == PayoutStatus.CONFIRMED


def test_a20_at_heleket_a_cancel_is_refused_with_their_state(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()

    outcome = office.act("CANCEL", payout, role="Operator", reason="Twice")

    assert not outcome.done
    assert office.sandbox.payouts[0].uuid in outcome.text
    assert "process" in outcome.text
    assert now(payout).status == PayoutStatus.BROADCAST
    assert now(payout).cancel_asked_at is None


@pytest.mark.parametrize("fate", ["paid", "final_fail"])
def test_a20_after_the_final_word_a_cancel_is_refused(office, payout, fate):
    office.sandbox.set_fate(fate)
    office.submit()
    office.work(minutes=3)
    before = Payout.objects.values().get()

    assert not office.act("CANCEL", payout, role="Operator", reason="Twice").done
    assert Payout.objects.values().get() == before


# Later tries


def fail_first_try(office, fate="final_fail"):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate(fate, order_id=payout.order_id("test"))
    office.submit()
    office.work(minutes=2)
    assert now(payout).status == PayoutStatus.FAILED
    return payout


def test_a22_a_retry_goes_through_approval_and_a_new_order_id(office):
    payout = fail_first_try(office)
    assert office.act("RETRY", payout, role="Operator", reason="Once more").done
    assert not office.act("RETRY", payout, role="Operator", reason="Once more").done
    office.work(hours=1)
    assert now(payout).status == PayoutStatus.PENDING

    office.approve(payout)
    office.work(minutes=5)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert office.sandbox.order_ids == [payout.order_id("test", 1), payout.order_id("test", 2)]
    asked = [
        call for call in office.questions() if payout.order_id("test", 1).encode() in call.body
    ]
    assert asked[-1].at <= office.creates()[-1].at


@pytest.mark.parametrize("status", ["submitting", "broadcast", "confirmed", "pending", "held"])
def test_a22_only_a_failed_payout_is_retried(office, status):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    if status in ("pending", "held"):
        payout = PayoutFactory(status=status)
    elif status == "submitting":
        office.sandbox.drop_requests = True
    office.sandbox.set_fate("stuck" if status == "broadcast" else "paid")
    office.submit()
    if status == "confirmed":
        office.work(minutes=3)
    assert now(payout).status == status

    assert not office.act("RETRY", payout, role="Operator", reason="Once more").done
    assert now(payout).status == status
    assert now(payout).generation == 1


def test_a_new_try_is_not_sent_while_an_earlier_one_may_still_be_paid(office):
    payout = fail_first_try(office)
    office.act("RETRY", payout, role="Operator", reason="Once more")
    office.approve(payout)
    first = payout.order_id("test", 1)
    office.sandbox.force_status("process", is_final=False, order_id=first)

    office.submit()
    office.check()

    stopped = now(payout)
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.APPROVED, "discrepancy")
    found = Discrepancy.objects.get()
    assert (found.kind, found.is_critical) == (Discrepancy.Kind.EARLIER, True)
    assert office.sandbox.order_ids == [first]
    office.work(hours=5)
    assert office.sandbox.order_ids == [first]


def test_a_new_try_waits_while_heleket_does_not_answer_about_the_earlier_one(office):
    payout = fail_first_try(office)
    office.act("RETRY", payout, role="Operator", reason="Once more")
    office.approve(payout)
    office.sandbox.faults.add("timeout", rate=1.0, path="/v1/payout/info")

    office.work(minutes=20)
    assert (now(payout).status, now(payout).waiting_for) == (PayoutStatus.APPROVED, "answer")
    assert len(office.sandbox.order_ids) == 1

    office.sandbox.faults.clear()
    office.work(minutes=20)
    assert now(payout).status == PayoutStatus.CONFIRMED
    assert len(office.sandbox.order_ids) == 2


def test_other_content_after_a_try_gets_an_order_id_of_its_own(office, payout):
    office.sandbox.faults.add("forbidden", text="Not enough funds", path="/v1/payout")
    office.submit()
    assert now(payout).waiting_for == "funds"

    operations.edit_payout(
        *see([now(payout)]),
        operations.Edit(
            wallet=payout.wallet,
            currency="USDT",
            amount=Decimal(4),
            purpose="Prize",
        ),
        reason="Less",
        actor=Actor.staff(office.person("Requester"), Channel.ADMIN),
    )
    assert now(payout).status == PayoutStatus.PENDING
    office.approve(payout)
    office.work(minutes=10)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert office.sandbox.order_ids == [payout.order_id("test", 2)]
    assert [each.amount for each in office.sandbox.payouts] == [Decimal(4)]
    assert status_history(payout).count("submitting") == 2


def test_a_key_that_heleket_refuses_stops_the_sending_and_ends_nothing(office, payout):
    key, office.sandbox.payout_key = office.sandbox.payout_key, "another key"
    office.submit()
    office.work(minutes=20)

    assert now(payout).status == PayoutStatus.APPROVED
    assert Pause.objects.get().cause == "unauthorized"
    assert len(office.creates()) < 8

    office.sandbox.payout_key = key
    office.work(minutes=40)
    assert now(payout).status == PayoutStatus.CONFIRMED


def test_a17_a_payout_that_a_person_sends_probes_a_pause_for_funds_at_once(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED, amount=1_000_000)
    other = PayoutFactory(status=PayoutStatus.APPROVED, amount=1_000_000)
    office.submit()
    assert Pause.objects.get().cause == Pause.Cause.FUNDS
    office.sandbox.top_up("USDT", "5000000")
    assert office.submit() == 0
    office.clock.forward(seconds=1)

    [seen] = see([Payout.objects.get(pk=payout.pk)])
    outcome = submission.send_now(
        seen,
        office.client,
        office.account,
        actor=Actor.staff(office.person("Operator"), Channel.ADMIN),
    )

    assert outcome.done
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.BROADCAST
    assert not Pause.objects.exists()
    assert office.submit() == 1
    assert Payout.objects.get(pk=other.pk).status == PayoutStatus.BROADCAST


def test_a12_a_payout_that_a_person_sends_waits_while_heleket_asks_to_slow_down(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("429_retry_after", path="/v1/payout", seconds=60)
    PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit(1)
    calls = len(office.creates())

    [seen] = see([Payout.objects.filter(status=PayoutStatus.APPROVED).get()])
    outcome = submission.send_now(
        seen,
        office.client,
        office.account,
        actor=Actor.staff(office.person("Operator"), Channel.ADMIN),
    )

    assert not outcome.done
    assert len(office.creates()) == calls
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.SUBMITTING
