"""Claims of one moment never send more of a coin together than its balance is known to cover."""

from decimal import Decimal
from functools import partial

import pytest

import heleket
from payouts import submission
from payouts.gateway import balance
from payouts.gateway.models import Pause
from payouts.models import Attempt, Payout, PayoutStatus
from tests import policies
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.races.conftest import returned
from tests.sim import bugs

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]

CLAIMERS = 6
AMOUNTS = [40, 25, 10, 10]  # with a fee of 0.5 each
KNOWN = Decimal(80)


def put_in_force(order):
    managers = [StaffFactory(roles=["Policy manager"]) for _ in range(2)]
    policies.put_in_force(policies.with_values(policies.LENIENT, funds_order=order), managers)


@pytest.fixture
def make(transactional_db):
    people = {
        "requested_by": StaffFactory(roles=["Requester"]),
        "approved_by": StaffFactory(roles=["Approver"]),
    }
    wallet = WalletFactory()

    def make(amounts):
        return [
            PayoutFactory(
                wallet=wallet, status=PayoutStatus.APPROVED, amount=Decimal(each), **people
            )
            for each in amounts
        ]

    return make


def begin_round(clock):
    """Let nothing wait or be under way, and the balance be asked for once all is over."""
    Payout.objects.update(status=PayoutStatus.REJECTED, due_at=None)
    Pause.objects.all().delete()
    Attempt.objects.update(lease_until=None)
    balance.store([heleket.Balance("merchant", "USDT", KNOWN)], asked_at=clock())


def claimed():
    rows = Payout.objects.filter(status=PayoutStatus.SUBMITTING).order_by("number")
    return [int(amount) for amount in rows.values_list("amount", flat=True)]


def test_i12_claims_of_one_moment_never_pass_the_balance(account, make, racers, rounds, clock):
    put_in_force("strict")
    claimers = racers(CLAIMERS)
    for _ in rounds:
        begin_round(clock)
        make(AMOUNTS)
        returned(claimers.run(*[partial(submission.claim, 1, account)] * CLAIMERS))
        submission.claim(10, account)  # what skipping left over

        assert claimed() == [40, 25, 10]
        assert sum(claimed()) + Decimal("0.5") * len(claimed()) <= KNOWN


def test_g39_claims_of_one_moment_send_what_fits_and_no_more(account, make, racers, rounds, clock):
    put_in_force("what_fits")
    claimers = racers(CLAIMERS)
    for _ in rounds:
        begin_round(clock)
        large, *_others = make([900, *AMOUNTS])
        returned(claimers.run(*[partial(submission.claim, 1, account)] * CLAIMERS))
        submission.claim(10, account)

        assert 900 not in claimed()
        assert sum(claimed()) + Decimal("0.5") * len(claimed()) <= KNOWN
        assert large.passings.count() == len(claimed()) == 3


def test_i12_funds_without_their_lock_are_found(account, make, racers, clock):
    with bugs.plant(bugs.FUNDS_UNLOCKED), pytest.raises(AssertionError):
        test_i12_claims_of_one_moment_never_pass_the_balance(
            account, make, racers, range(500), clock
        )
