"""Everybody locks the same rows at once, each in another order: nobody deadlocks."""

import random
from datetime import timedelta
from functools import partial

import pytest

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.operations import perform
from payouts import destinations, endings, operations, outcomes, polling, submission
from payouts.codes import PayoutCode
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.gateway.models import Pause
from payouts.models import Discrepancy, Payout, PayoutStatus
from payouts.outcomes import LEFT
from payouts.seen import see
from tests.factories import (
    AttemptFactory,
    DiscrepancyFactory,
    PayoutFactory,
    StaffFactory,
    WalletFactory,
)
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.races.conftest import returned
from wallets import operations as wallet_operations

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]

ANSWERS = [
    heleket.Unavailable("Connection refused"),
    heleket.OutcomeUnknown("No answer"),
    heleket.RequestRejected("Not enough funds"),
    submission.Unsent(Reason(PayoutCode.LEASE_RAN_OUT)),
]


@pytest.fixture
def make(transactional_db):
    """Make payouts of two wallets: two to approve, four to send; one of them with a discrepancy."""
    maker, approver = StaffFactory(roles=["Requester"]), StaffFactory(roles=["Approver"])

    def make():
        wallets = [WalletFactory() for _ in range(2)]
        statuses = [PayoutStatus.PENDING] * 2 + [PayoutStatus.APPROVED] * 4
        payouts = [
            PayoutFactory(
                wallet=wallets[place % 2], status=status, requested_by=maker, approved_by=approver
            )
            for place, status in enumerate(statuses)
        ]
        return wallets, payouts

    return make


def test_g11_acts_on_the_same_rows_in_any_order_never_deadlock(make, account, racers, rounds):
    chance, everybody = random.Random(11), racers(10)
    approver, operator = StaffFactory(roles=["Approver"]), StaffFactory(roles=["Operator"])
    by_approver = {"actor": Actor.staff(approver, Channel.ADMIN)}
    by_requester = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
    by_operator = {"reason": "Stop", "actor": Actor.staff(operator, Channel.ADMIN)}

    def end(found, person):
        wish = outcomes.Wish(found.pk, found.facts, LEFT, "Stop", clock.now() + timedelta(days=1))
        heard = outcomes.Heard(answer_to_a_question, None, clock.now())
        by = Actor.staff(person, Channel.ADMIN)
        with endings.judged(wish, heard, account, by) as (case, locked):
            endings.end(case, locked, wish, heard, by, None)

    def turn():
        switch.set_sending(False, **by_operator)
        switch.set_sending(True, **by_operator)

    def work(answer, seed):
        calls = submission.claim(4, account).items
        random.Random(seed).shuffle(calls)
        submission.record([submission.Answer(call, answer) for call in calls], account)
        polling.record(
            [polling.Reply(each, answer_to_a_question) for each in polling.claim(4, account).items],
            account,
        )

    answer_to_a_question = heleket.PayoutNotFound("Payout not found")
    for number in rounds:
        Pause.objects.all().delete()
        Switch.objects.update(is_on=True)
        wallets, payouts = make()
        Payout.objects.filter(pk=payouts[0].pk).update(waiting_for="wallet")
        seen = see(payouts)
        mixed = chance.sample(seen, len(seen))
        acts = [
            partial(perform, operations.CANCEL, seen, **by_operator),
            partial(perform, operations.APPROVE, mixed, **by_approver),
            partial(perform, operations.HOLD, seen[::-1], reason="Stop", **by_approver),
            partial(end, discrepancy_of(payouts[-1]), operator),
            partial(
                perform,
                wallet_operations.FREEZE,
                wallet_operations.see(each.pk for each in wallets[::-1]),
                reason="Stop",
                **by_approver,
            ),
            partial(perform, operations.RELEASE, mixed[::-1], **by_approver),
            partial(
                perform,
                destinations.ARCHIVE,
                wallet_operations.see(each.pk for each in wallets),
                actor=by_requester,
            ),
            turn,
            *[partial(work, chance.choice(ANSWERS), number) for _ in range(2)],
        ]
        returned(everybody.run(*acts))
    assert_chains_hold()


def discrepancy_of(payout):
    """A discrepancy of another try than the one that is sent meanwhile."""
    attempt = AttemptFactory(payout=payout, generation=9, order_id=payout.order_id("test", 9))
    return DiscrepancyFactory(payout=payout, attempt=attempt, kind=Discrepancy.Kind.VANISHED)
