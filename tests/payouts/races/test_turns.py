"""A scheduled job that many processes find due at one moment: PostgreSQL gives the turn to one."""

from dataclasses import replace
from functools import partial

import pytest

from payouts.engine import schedule
from payouts.engine.models import ScheduledJob
from payouts.gateway.jobs import SyncServices
from tests.payouts.races.conftest import returned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.mark.parametrize("rate", [None, 1000])
def test_a_scheduled_job_is_run_once_by_many_processes(
    account, heleket_client, racers, rounds, clock, rate
):
    desk = replace(account, calls_per_second=rate)
    processes = [SyncServices(heleket_client, desk, 1) for _ in range(4)]
    everybody = racers(len(processes))
    for number in rounds:
        if number % 2:  # its very first time, and a later one
            ScheduledJob.objects.all().delete()
        else:
            clock.forward(hours=1)
            ScheduledJob.objects.update(due_at=clock())
        claims = [partial(schedule.claim, each, 1) for each in processes]

        claimed = [claim.items for claim in returned(everybody.run(*claims))]

        assert sorted(map(len, claimed)) == [0, 0, 0, 1]
        assert not any(schedule.claim(each, 1).items for each in processes)
