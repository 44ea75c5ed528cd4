"""Reconciliation that is killed in its middle, before a real gateway and database."""

import pytest

from audit import clock
from payouts.days import day_of
from payouts.models import Discrepancy
from payouts.reconciliation.models import Run
from tests.payouts.processes.conftest import until_all
from tests.payouts.processes.harness import Process, until

pytestmark = pytest.mark.processes

MADE_ELSEWHERE = 4


@pytest.fixture
def reconcile(environment, processes):
    def start(**variables):
        day = f"{day_of(clock.now()):%Y-%m-%d}"
        span = (f"--from={day}", f"--to={day}", "--skip-checks")
        env = {**environment, **variables}
        processes.append(Process("reconcile_payouts", *span, env=env))
        return processes[-1]

    return start


def opened():
    return sorted(Discrepancy.objects.filter(kind="foreign").values_list("key", flat=True))


def test_b22_killed_in_the_middle_it_finds_the_same_once_when_it_is_repeated(
    make_approved, sandbox, start_worker, reconcile, proxy, proxied
):
    make_approved()
    worker = start_worker()
    until_all("broadcast")
    worker.kill()
    for _number in range(MADE_ELSEWHERE):
        sandbox.control("foreign", amount="7")
    made = sorted(each["uuid"] for each in sandbox.state()["payouts"] if not each["order_id"])
    assert len(made) == MADE_ELSEWHERE
    met = []

    def judge(statement, transaction):
        if statement != "COMMIT" or not opens(transaction):
            return "pass"
        met.append(statement)
        return "swallow" if len(met) == 2 else "pass"

    proxy.judge = judge
    killed = reconcile(DATABASE_URL=proxied)
    until(lambda: len(met) == 2)
    killed.kill()
    assert len(opened()) == 1
    assert Run.objects.get().finished_at is None

    assert reconcile().ends() == 2
    assert opened() == made
    assert reconcile().ends() == 2  # people have ended none of them
    assert opened() == made


def opens(transaction):
    return any("INSERT INTO" in each and "payouts_discrepancy" in each for each in transaction)
