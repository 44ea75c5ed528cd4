"""What a payout waits for, said the same on the page and on the command line."""

import pytest

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import explain, operations, polling, submission
from payouts.controls.models import Switch
from payouts.models import Payout, PayoutStatus, WaitingFor
from payouts.seen import see
from tests import policies
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.conftest import HOUR
from tests.payouts.rounds import check_due, event_types, now, submit_due
from wallets.models import PayoutMethod, Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


@pytest.fixture
def operator(db):
    return StaffFactory(roles=["Operator"])


def test_every_state_has_words_for_who_can_act_and_what_comes_next(clock):
    for status in PayoutStatus:
        explained = explain.explain(PayoutFactory(status=status, wallet__address=f"T{status}"))
        assert explained.sentence
        assert explained.next
        assert bool(explained.waiting_for) == (explained.since is not None)


def test_an_approved_payout_waits_for_the_switch_while_sending_is_paused(clock):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    assert explain.explain(payout).waiting_for == WaitingFor.WORKER

    Switch.objects.update(is_on=False, changed_at=clock(), reason="audit")

    explained = explain.explain(payout)
    assert (explained.waiting_for, explained.since) == (WaitingFor.SWITCH, clock())
    assert "audit" in explained.sentence


def test_an_approved_payout_waits_for_funds_until_heleket_takes_one(
    sandbox, heleket_client, account, clock
):
    payout = PayoutFactory(status=PayoutStatus.APPROVED, amount=1_000_000)
    submit_due(1, heleket_client, account)

    explained = explain.explain(Payout.objects.get(pk=payout.pk))

    assert explained.waiting_for == WaitingFor.FUNDS
    assert "Not enough funds" in explained.sentence


def test_send_now_ends_with_what_heleket_said(sandbox, heleket_client, account, clock, operator):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)

    outcome = submission.send_now(
        see([payout])[0], heleket_client, account, actor=Actor.staff(operator, Channel.ADMIN)
    )

    assert outcome.done
    assert "process" in outcome.text
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


def test_send_now_says_why_nothing_was_sent(sandbox, heleket_client, account, clock, operator):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    Switch.objects.update(is_on=False, reason="audit")

    outcome = submission.send_now(
        see([payout])[0], heleket_client, account, actor=Actor.staff(operator, Channel.ADMIN)
    )

    assert not outcome.done
    assert "audit" in outcome.text
    assert Payout.objects.get().status == PayoutStatus.APPROVED
    assert sandbox.order_ids == []


def test_a13_send_now_is_done_when_a_worker_was_faster(
    sandbox, heleket_client, account, clock, operator, monkeypatch
):
    """The act itself wakes a worker, which may claim it before the one who asked."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)

    def perform_and_be_heard(*args, **options):
        outcomes = perform(*args, **options)
        submit_due(1, heleket_client, account)
        return outcomes

    monkeypatch.setattr(submission, "perform", perform_and_be_heard)
    outcome = submission.send_now(
        see([payout])[0], heleket_client, account, actor=Actor.staff(operator, Channel.ADMIN)
    )

    assert outcome.done
    assert sandbox.order_ids == [payout.order_id("test")]


def test_send_now_is_not_done_when_the_payout_goes_back_to_the_approvers(
    sandbox, heleket_client, account, clock, operator
):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    Wallet.objects.update(status="frozen")

    outcome = submission.send_now(
        see([payout])[0], heleket_client, account, actor=Actor.staff(operator, Channel.ADMIN)
    )

    assert not outcome.done
    assert Payout.objects.get().status == PayoutStatus.PENDING
    assert sandbox.order_ids == []


def test_ask_now_ends_with_what_heleket_said(sandbox, heleket_client, account, clock, operator):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    submit_due(1, heleket_client, account)
    clock.forward(minutes=5)
    sandbox.run_due()

    outcome = polling.ask_now(
        see([payout])[0], heleket_client, account, actor=Actor.staff(operator, Channel.ADMIN)
    )

    assert "paid" in outcome.text
    assert Payout.objects.get().status == PayoutStatus.CONFIRMED


def test_a_lost_payout_whose_wallet_is_frozen_waits_for_the_wallet_until_it_is_cancelled(
    sandbox, heleket_client, account, clock, operator
):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    sandbox.drop_requests = True
    submit_due(1, heleket_client, account)
    sandbox.drop_requests = False
    Wallet.objects.update(status="frozen")
    for _ in range(20):
        clock.forward(minutes=1)
        check_due(1, heleket_client, account)
        submit_due(1, heleket_client, account)
    lost = Payout.objects.get(pk=payout.pk)
    assert explain.explain(lost).waiting_for == WaitingFor.WALLET
    assert sandbox.order_ids == []

    perform(
        operations.CANCEL, see([lost]), reason="frozen", actor=Actor.staff(operator, Channel.ADMIN)
    )

    lost = Payout.objects.get(pk=payout.pk)
    assert explain.explain(lost).waiting_for == WaitingFor.ANSWER
    assert lost.status == PayoutStatus.SUBMITTING


@pytest.fixture
def tried(office):
    """A payout that failed at Heleket and waits for approval again."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=5)
    assert office.act("RETRY", payout, role="Third Operator", reason="Once more").done
    return payout


ENDS = [("REJECT", "Approver", "rejected"), ("CANCEL", "Operator", "cancelled")]


@pytest.mark.parametrize(("act", "role", "ended"), ENDS)
def test_what_was_sent_in_an_earlier_try_is_not_called_never_sent(office, tried, act, role, ended):
    outcome = office.act(act, tried, role=role, reason="No")

    assert "never sent" not in outcome.text
    explained = explain.explain(now(tried))
    assert explained.sentence == f"It was {ended}. An earlier try was sent and not paid. No"


@pytest.mark.parametrize(("act", "role", "ended"), ENDS)
def test_what_was_not_sent_is_called_never_sent(office, act, role, ended):
    payout = PayoutFactory()

    office.act(act, payout, role=role, reason="No")

    assert explain.explain(now(payout)).sentence == f"It was {ended} and never sent. No"


def test_what_heleket_never_had_is_not_called_never_sent(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.drop_requests = True
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="No")
    office.work(hours=25, every=HOUR)

    assert explain.explain(now(payout)).sentence == (
        "It was cancelled. Cancelled as asked: Heleket never had it."
    )


def test_what_waits_for_its_service_is_held_by_an_approver_and_cancelled_by_an_operator(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    PayoutMethod.objects.update(is_available=False)
    office.submit()

    explained = explain.explain(now(payout))
    assert explained.waiting_for == WaitingFor.SERVICE
    assert explained.who == "An approver can put it on hold, an operator can cancel it."


def test_the_newest_thing_that_was_heard_of_a_call_without_an_answer_is_quoted(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("drop_timeout", path="/v1/payout")
    office.submit()
    assert "The last that was heard: “" in explain.explain(now(payout)).sentence

    office.until(lambda: "not_found" in event_types(payout))

    assert explain.explain(now(payout)).sentence == (
        "It was sent, and it is not known yet whether Heleket has it. "
        "The last that was heard: Heleket does not know it."
    )


def test_who_has_approved_it_is_one_or_are_several():
    people = [StaffFactory(username=name, roles=["Approver"]) for name in ("amira", "arno")]
    document = {**policies.LENIENT, "rules": [policies.require(3)]}
    policies.put_in_force(document, people)
    payout = PayoutFactory()
    said = []
    for person in people:
        actor = Actor.staff(person, Channel.ADMIN)
        [outcome] = perform(operations.APPROVE, see([now(payout)]), actor=actor)
        assert outcome.done
        said.append(explain.explain(now(payout)).who)

    whom = "Another approver who had no hand in it:"
    assert said == [f"{whom} amira has approved it.", f"{whom} amira, arno have approved it."]
