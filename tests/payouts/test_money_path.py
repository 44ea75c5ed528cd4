"""From request to the final word: what the desk sends, asks and concludes."""

import pytest

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.models import Payout, PayoutStatus
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.rounds import check_due, submit_due

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


def submit(heleket_client, account):
    return submit_due(10, heleket_client, account)


def check(heleket_client, account):
    return check_due(10, heleket_client, account)


def test_an_approved_payout_is_paid_and_confirmed(sandbox, heleket_client, account, clock):
    payout = PayoutFactory()
    approver = StaffFactory(roles=["Approver"])

    [outcome] = perform(
        operations.APPROVE, see([payout]), actor=Actor.staff(approver, Channel.ADMIN)
    )
    assert outcome.done, outcome
    assert submit(heleket_client, account) == 1
    assert Payout.objects.get().status == PayoutStatus.BROADCAST

    clock.forward(minutes=5)
    sandbox.run_due()
    assert check(heleket_client, account) == 1

    paid = Payout.objects.get()
    assert paid.status == PayoutStatus.CONFIRMED
    assert [event.event_type for event in paid.events.order_by("number")] == [
        "request",
        "approve",
        "claim",
        "accept",
        "confirm",
    ]
    assert sandbox.order_ids == [paid.attempts.get().order_id]


def test_a4_a_lost_answer_never_pays_twice(sandbox, heleket_client, account, clock):
    PayoutFactory(status=PayoutStatus.APPROVED)
    sandbox.lose_answers = True

    submit(heleket_client, account)
    submit(heleket_client, account)

    payout = Payout.objects.get()
    assert payout.status == PayoutStatus.SUBMITTING
    assert sandbox.order_ids == [payout.attempts.get().order_id]

    clock.forward(minutes=1)
    check(heleket_client, account)
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


def test_a5_a_lost_request_is_repeated_with_the_same_bytes(sandbox, heleket_client, account, clock):
    PayoutFactory(status=PayoutStatus.APPROVED)
    sandbox.drop_requests = True
    submit(heleket_client, account)
    sandbox.drop_requests = False

    asked = 0
    for _ in range(60):
        clock.forward(seconds=30)
        asked += check(heleket_client, account)
        if submit(heleket_client, account):
            break

    payout = Payout.objects.get()
    assert payout.status == PayoutStatus.BROADCAST
    assert [e.event_type for e in payout.events.order_by("number")] == [
        "request",
        "approve",
        "claim",
        "no_answer",
        "not_found",
        "allow_repeat",
        "repeat",
        "accept",
    ]
    assert sandbox.order_ids == [payout.attempts.get().order_id]
