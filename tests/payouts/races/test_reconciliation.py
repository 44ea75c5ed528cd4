"""Two reconciliations at once, on real connections: what both find is opened once."""

from functools import partial

import pytest

from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts.days import DAY, day_of
from payouts.gateway.models import Binding
from payouts.models import Discrepancy, Payout, PayoutEvent, PayoutStatus
from payouts.reconciliation.runs import reconcile
from tests.factories import PayoutFactory
from tests.payouts.races.conftest import returned
from tests.payouts.rounds import check_due, submit_due

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]

ROUNDS_EACH = 10  # of those asked for, one here: a round reads and asks for half a second


def test_b22_two_at_once_find_the_same_and_open_it_once(
    account, heleket_client, sandbox, clock, racers, rounds
):
    Binding.objects.update(history_before=None)
    numbers, both = rounds[::ROUNDS_EACH], racers(2)
    sandbox.set_fate("stuck")
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(2 * len(numbers))]
    submit_due(len(payouts), heleket_client, account)
    pairs = list(zip(payouts[::2], payouts[1::2], strict=True))
    for paid, _missed in pairs:
        sandbox.force_status("paid", is_final=True, order_id=paid.order_id("test"))
    Payout.objects.under_way().update(due_at=money_clock.now())
    check_due(len(payouts), heleket_client, account)
    for paid, missed in pairs:
        sandbox.force_status("fail", is_final=True, order_id=paid.order_id("test"))
        sandbox.force_status("paid", is_final=True, order_id=missed.order_id("test"))
        made = sandbox.add_foreign_payout(amount="7")
        clock.forward(minutes=1)
        today = day_of(clock())
        run = partial(
            reconcile,
            *(today - DAY, today, heleket_client, account),
            actor=Actor.system(Channel.COMMAND),
        )

        runs = returned(both.run(run, run))

        of_paid = Discrepancy.objects.filter(payout=paid)
        assert [each.kind for each in of_paid] == ["contradiction"]
        assert Discrepancy.objects.filter(key=made.uuid).count() == 1
        assert DeskEvent.objects.filter(event_type="foreign").last().facts["uuid"] == made.uuid
        confirmed = PayoutEvent.objects.filter(payout=missed, event_type="confirm")
        assert confirmed.count() == 1
        assert all(each.is_whole for each in runs)
        found = [each for run in runs for each in run.findings if each.uuid == made.uuid]
        assert sorted(each.state for each in found) == ["open", "opened"]
