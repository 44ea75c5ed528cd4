from dataclasses import asdict

import pytest

from benchmarks import recovery, stage
from payouts.models import Attempt, Payout, PayoutStatus
from tests.factories import PayoutFactory


class SandboxAside:
    """A sandbox in this process, asked as benchmarks ask one in a process of its own."""

    def __init__(self, gateway):
        self.gateway = gateway

    def debits(self):
        return stage.debits(asdict(entry) for entry in self.gateway.ledger)


@pytest.fixture
def aside(sandbox):
    return SandboxAside(sandbox)


@pytest.fixture
def payout(db, sandbox):
    """One that was tried twice, and both tries were paid."""
    payout = PayoutFactory()
    for generation in (1, 2):
        order_id = payout.order_id("test", generation)
        remote = sandbox.add_foreign_payout(order_id=order_id)
        Attempt.objects.create(
            payout=payout,
            generation=generation,
            order_id=order_id,
            uuid=remote.uuid,
            gateway_host="gateway",
            merchant_id="merchant",
            body="{}",
            created_at=payout.requested_at,
        )
    Payout.objects.update(status=PayoutStatus.BROADCAST)
    return payout


def test_a_payout_that_is_paid_under_two_order_ids_is_paid_twice(payout, aside):
    assert set(aside.debits().values()) == {1}
    assert stage.second_debits(aside.debits()) == {payout.pk: 1}
    assert recovery.debits_too_many(aside) == 1


def test_what_was_given_back_is_not_paid(payout, sandbox, aside):
    first = payout.order_id("test", 1)
    sandbox.force_status("fail", is_final=True, order_id=first)
    assert aside.debits() == {payout.order_id("test", 2): 1}
    assert stage.second_debits(aside.debits()) == {}

    sandbox.force_status("paid", is_final=True, order_id=first)
    assert stage.second_debits(aside.debits()) == {payout.pk: 1}
