"""The emergency stop against worker processes on a slow line to the database."""

import re
import time

import pytest

from audit import clock
from audit.actor import Actor, Channel
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.models import Attempt, PayoutEvent, PayoutStatus
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, WalletFactory
from tests.payouts.processes.conftest import assert_each_paid_once, count, until_all
from tests.payouts.processes.harness import Process, until

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


def test_a23_g14_i14_a_pause_of_a_coin_waits_for_its_calls_while_others_are_sent(
    make_approved, sandbox, start_worker, environment, processes
):
    """16 threads hold calls of two coins: those of the paused one end, the other's go on."""
    PayoutMethodFactory(currency="TRX")
    sandbox.control("top-up", currency="TRX", amount="1000000")
    wallet = WalletFactory()
    for _ in range(20):
        make_approved(2)
        PayoutFactory(status=PayoutStatus.APPROVED, currency="TRX", wallet=wallet)
    StaffFactory(username="olga", roles=["Operator"])
    sandbox.control("gate", mode="before")
    environment["HELEKET_TIMEOUT_SECONDS"] = "20"
    start_worker("--threads=16")
    until(lambda: sandbox.waiting() == 16)
    by = ["--by=olga", "--reason=Test", "--currency=USDT"]
    pause = Process("pause_payouts", *by, env=environment)
    processes.append(pause)
    until(lambda: Switch.objects.filter(currency="USDT", is_on=False).exists())
    assert pause.popen.poll() is None
    sandbox.control("gate", mode="open")

    assert pause.ends() == 0
    paid = count(currency="USDT", status="broadcast")
    assert re.search(r"It waited for \d+ calls; none is under way now\.", pause.written)
    until(lambda: count(currency="TRX", status="broadcast") == 20)
    until(lambda: not Attempt.objects.exclude(unanswered=[]).exists())
    assert count(currency="USDT", status="broadcast") == paid == sandbox.creates() - 20
    assert count(currency="USDT", status="approved") == 40 - paid > 0

    resume = Process("resume_payouts", *by, env=environment)
    processes.append(resume)
    assert resume.ends() == 0
    until_all("broadcast")
    assert_each_paid_once(sandbox)
