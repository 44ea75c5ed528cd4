"""What the account had paid before the desk was installed: read once, in pieces, and history."""

from datetime import timedelta

import pytest

from audit import clock as money_clock
from audit import jobs
from payouts.engine.worker import Worker
from payouts.gateway import history
from payouts.gateway.accounts import open_account
from payouts.gateway.jobs import PAGES, PER_PAGE
from payouts.gateway.models import Binding, KnownAddress
from payouts.known import Known
from payouts.notices import notices_for
from tests.factories import PayoutFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt", "clock")]

KNOWN = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
LIST = "/v1/payout/list"


@pytest.fixture
def paid_earlier(sandbox, clock):
    """Pay somebody so often, a minute apart, before there is a desk."""

    def pay(times, address=KNOWN, fate="paid"):
        for number in range(times):
            order_id = f"old-{address[-4:].lower()}-{number}"
            sandbox.set_fate(fate, order_id=order_id)
            sandbox.add_foreign_payout(
                amount="5", network="tron", address=address, order_id=order_id
            )
            clock.forward(minutes=1)
        clock.forward(days=2)
        sandbox.run_due()

    return pay


@pytest.fixture
def run(heleket_client, clock):
    """A round of the worker a minute later, which returns how much of the history it read."""

    def run():
        clock.forward(minutes=1)
        account = open_account(heleket_client)
        every = jobs.make_all(heleket_client, account, 2)
        others = [job for job in every if job.name != "reconcile"]  # which reads the list, too
        return Worker(others).run(once=True)["read_history"]

    return run


def codes(payout):
    return [str(each.code) for each in notices_for(Known([payout]))[payout.pk]]


def test_an_address_that_was_paid_before_the_desk_is_history(paid_earlier, run, sandbox):
    paid_earlier(3)
    payout = PayoutFactory(wallet=WalletFactory(address=KNOWN))
    assert codes(payout) == ["first_to_young_wallet"]

    assert run() == 1

    assert codes(payout) == []
    assert codes(PayoutFactory(amount=6)) == ["first_to_young_wallet"]
    sandbox.calls.clear()
    assert run() == 0
    assert LIST not in [call.path for call in sandbox.calls]


def test_what_was_not_paid_makes_no_address_known(paid_earlier, run):
    paid_earlier(2, fate="final_fail")

    assert run() == 1

    assert not KnownAddress.objects.exists()


def test_a_long_history_is_read_in_pieces_and_goes_on_where_it_stopped(paid_earlier, run, sandbox):
    first = money_clock.now()
    paid_earlier(1, address="TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8")
    paid_earlier(PAGES * PER_PAGE + 20)

    assert run() == 1
    assert [each.address for each in KnownAddress.objects.all()] == [KNOWN]
    assert first < history.unread_before() < Binding.objects.get().bound_at
    assert [call.path for call in sandbox.calls].count(LIST) == PAGES

    sandbox.faults.add("500", path=LIST)
    assert run() == 1
    assert KnownAddress.objects.count() == 1  # it comes again in its next turn
    assert run() == 1
    assert history.unread_before() is None
    known = dict(KnownAddress.objects.values_list("address", "first_paid_at"))
    assert known["TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8"] == first
    assert known[KNOWN] == first + timedelta(days=2, minutes=1)
    assert run() == 0
