"""Claims and requests of one moment never pass a limit together."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from audit.refusals import Refused
from payouts import spending, submission
from payouts.controls.models import Spent
from payouts.models import Payout, PayoutStatus
from tests import policies
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.races.conftest import returned
from tests.payouts.test_limits import ask, limit
from tests.sim import bugs

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]

CLAIMERS = 12


def put_limits(*found):
    managers = [StaffFactory(roles=["Policy manager"]) for _ in range(2)]
    policies.put_in_force({**policies.LENIENT, "limits": list(found)}, managers)


@pytest.fixture
def make(transactional_db):
    people = {
        "requested_by": StaffFactory(roles=["Requester"]),
        "approved_by": StaffFactory(roles=["Approver"]),
    }
    wallet = WalletFactory()

    def make(count):
        for _ in range(count):
            PayoutFactory(wallet=wallet, status=PayoutStatus.APPROVED, amount=Decimal(10), **people)

    return make


def forget():
    """Let the next round begin with nothing spent and nothing waiting."""
    Payout.objects.update(status=PayoutStatus.REJECTED, due_at=None)
    Spent.objects.all().delete()


def test_i12_claims_of_one_moment_never_pass_a_limit(account, make, racers, rounds):
    put_limits(limit(45), limit(1000, "client", 720))
    claimers = racers(CLAIMERS)
    for _ in rounds:
        forget()
        make(6)
        returned(claimers.run(*[partial(submission.claim, 1, account)] * CLAIMERS))
        submission.claim(10, account)  # what skipping left over

        assert Payout.objects.filter(status=PayoutStatus.SUBMITTING).count() == 4
        stored = {(row.of, row.hour): row.amount for row in Spent.objects.all()}
        assert stored == spending.recount()


def test_i12_a_limit_without_its_lock_is_found(account, make, racers):
    with bugs.plant(bugs.LIMITS_UNLOCKED), pytest.raises(AssertionError):
        test_i12_claims_of_one_moment_never_pass_a_limit(account, make, racers, range(500))


def test_i12_requests_of_one_moment_never_pass_a_clients_limit(transactional_db, racers, rounds):
    put_limits(limit(45, "client"))
    askers, wallet = racers(4), WalletFactory()
    for number in rounds:
        Payout.objects.update(status=PayoutStatus.REJECTED)
        PayoutFactory(wallet=wallet, amount=Decimal(20))

        results = askers.run(
            *[partial(ask, wallet, "10", f"{number}-{asker}") for asker in range(4)]
        )

        refused = [each for each in results if isinstance(each, Refused)]
        assert [str(each.code) for each in refused] == ["client_limit"] * 2
        assert Payout.objects.exclude(status=PayoutStatus.REJECTED).count() == 3
    assert connection.vendor == "postgresql"
