"""The emergency stop against worker processes on a slow line to the database."""

import time

import pytest

from audit import clock
from audit.actor import Actor, Channel
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.models import Attempt, PayoutEvent
from tests.factories import StaffFactory
from tests.payouts.processes.conftest import count
from tests.payouts.processes.harness import until

pytestmark = pytest.mark.processes

STATEMENT_SECONDS = 0.01


def test_g71_on_a_slow_line_at_most_one_more_claim_of_each_process_leaves(
    make_approved, sandbox, start_worker, proxy, proxied
):
    def delay(_statement, _transaction):
        time.sleep(STATEMENT_SECONDS)  # the line is what is tested
        return "pass"

    make_approved(60)
    operator = StaffFactory(roles=["Operator"])
    proxy.judge = delay
    workers = [start_worker("--threads=1", DATABASE_URL=proxied) for _ in range(2)]
    until(lambda: sandbox.creates() > 4)

    pressed_at = clock.now()
    switch.set_sending(False, reason="Stop", actor=Actor.staff(operator, Channel.COMMAND))

    stopped_at = Switch.objects.get().changed_at
    until(lambda: not Attempt.objects.exclude(unanswered=[]).exists())
    claims = PayoutEvent.objects.filter(event_type="claim", at__gt=pressed_at)
    moments = set(claims.values_list("at", flat=True))  # one of each claim
    assert len(moments) <= len(workers)
    assert all(each <= stopped_at for each in moments)
    assert count(status="approved") > 0
    assert count(status="broadcast") == sandbox.creates() == 60 - count(status="approved")
