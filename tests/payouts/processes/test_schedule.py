"""Real processes of both engines that find a scheduled job due, and say that they are there."""

import pytest

from audit import clock
from payouts import wakeups
from payouts.engine.models import Heartbeat, ScheduledJob
from tests.payouts.processes.harness import until
from wallets.models import PayoutMethod

pytestmark = pytest.mark.processes


def test_both_engines_read_the_price_list_once_in_each_turn(
    sandbox, start_worker, start_celery, broker, use_broker
):
    app = use_broker(broker.url)
    ScheduledJob.objects.all().delete()
    workers = [start_worker(), start_worker()]
    until(lambda: PayoutMethod.objects.count() == 37)
    workers.append(celery := start_celery(count=2))
    begun = sandbox.state()["calls"]["/v1/payout/services"]

    ScheduledJob.objects.update(due_at=clock.now())
    PayoutMethod.objects.update(is_available=False)
    for _ in range(6):
        app.send_task(wakeups.task_name("sync_services"))
    until(lambda: PayoutMethod.objects.available().count() == 37)

    logged = "Heleket's price list: 37 services"
    until(lambda: "".join(each.written for each in workers).count(logged) == 2)
    assert sandbox.state()["calls"]["/v1/payout/services"] == begun + 1
    assert pids("worker") == {each.popen.pid for each in workers[:2]}
    assert pids("celery") <= set(celery.children)
    assert pids("celery")


def pids(kind):
    """The processes that have left a heartbeat."""
    return set(Heartbeat.objects.filter(kind=kind).values_list("pid", flat=True))
