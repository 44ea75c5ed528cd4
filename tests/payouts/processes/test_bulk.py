"""A process that dies in the middle of an act on many payouts."""

import pytest

from benchmarks import stage
from payouts.models import Approval, Payout, PayoutEvent
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.processes.conftest import count
from tests.payouts.processes.harness import Process, until

pytestmark = pytest.mark.processes

CHUNK = 100  # of these processes; a tenth of the usual one says the same
EVENTS = 'INSERT INTO "payouts_payoutevent"'


@pytest.fixture
def start_approving(environment, processes, proxied):
    """Start a process that approves all that waits for it."""
    approver = stage.approver()

    def start():
        module = "tests.payouts.processes.approve_all"
        env = {**environment, "DATABASE_URL": proxied}
        processes.append(Process(approver.username, str(CHUNK), module=module, env=env))
        return processes[-1]

    return start


@pytest.mark.parametrize(
    ("place", "verdict", "chunks"),
    [(EVENTS, "swallow", 1), ("COMMIT", "swallow", 1), ("COMMIT", "cut after", 2)],
    ids=["before its events", "before its commit", "after its commit"],
)
def test_c7_killed_in_the_second_of_three_chunks_approves_whole_chunks(
    place, verdict, chunks, database, start_approving, proxy
):
    stage.pending_payouts(3 * CHUNK, stage.wallets())
    met = []

    def judge(statement, transaction):
        if not (statement.startswith(place) and approves([*transaction, statement])):
            return "pass"
        met.append(statement)
        if len(met) != 2:
            return "pass"
        approving.freeze()
        return verdict

    approving = start_approving()
    proxy.judge = judge
    until(lambda: len(met) == 2)
    until(lambda: count(status="approved") == chunks * CHUNK)
    approving.kill()

    assert_approved(chunks * CHUNK)
    proxy.judge = lambda _statement, _transaction: "pass"
    again = start_approving()
    assert again.ends() == 0, again.written
    assert_approved(3 * CHUNK)


def approves(statements):
    return any(each.startswith('INSERT INTO "payouts_approval"') for each in statements)


def assert_approved(expected):
    """So many are, each by one approval and one event; the others have neither."""
    approved = sorted(Payout.objects.filter(status="approved").values_list("pk", flat=True))
    assert len(approved) == expected
    assert sorted(Approval.objects.values_list("payout", flat=True)) == approved
    events = PayoutEvent.objects.filter(event_type="approve")
    assert sorted(events.values_list("payout", flat=True)) == approved
    assert count(status="pending") == 3 * CHUNK - expected
    assert_chains_hold()
