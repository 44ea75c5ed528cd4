"""A wallet is approved while people have payouts wait for it: none waits for it afterwards."""

from functools import partial

import pytest

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import destinations, operations, send_backs
from payouts.models import Origin, Payout
from payouts.requests import request_payout
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.races.conftest import returned
from wallets import operations as wallet_operations

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]

OTHER = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


@pytest.fixture
def people(transactional_db):
    return {
        role: Actor.staff(StaffFactory(roles=[role]), Channel.ADMIN)
        for role in ("Requester", "Approver", "Operator")
    }


def ask(wallet, amount, number, by):
    return request_payout(
        client=wallet.client,
        wallet=wallet,
        currency="USDT",
        amount=amount,
        purpose=f"Prize of round {number}",
        idempotency_key=f"manual:{number} {amount}",
        origin=Origin.MANUAL,
        actor=by,
        installation="test",
    )


def done(operation, payout, by, **options):
    [outcome] = perform(operation, see([payout]), actor=by, **options)
    assert outcome.done, outcome.text
    return outcome


def test_nothing_waits_for_a_wallet_that_was_approved_meanwhile(people, racers, rounds):
    requester, approver = people["Requester"], people["Approver"]
    everybody, was_early = racers(6), set()
    for number in rounds:
        wallet = WalletFactory(status="new")
        other = WalletFactory(client=wallet.client, address=OTHER)
        held, asked, elsewhere = (PayoutFactory(wallet=each) for each in (wallet, wallet, other))
        done(operations.HOLD, held, approver, reason="Look")
        done(send_backs.SEND_BACK, asked, approver, reason="Which invoice?")
        edit = operations.Edit(wallet=wallet, currency="USDT", amount=5, purpose="Prize")
        seen = wallet_operations.see([wallet.pk])

        results = everybody.run(
            partial(perform, destinations.Approve(has_reason=True), seen, actor=approver),
            partial(ask, wallet, 5, number, requester),
            partial(ask, wallet, 6, number, requester),
            partial(done, operations.RELEASE, Payout.objects.get(pk=held.pk), approver),
            partial(
                done, send_backs.ANSWER, Payout.objects.get(pk=asked.pk), requester, reason="May"
            ),
            partial(done, edit, elsewhere, requester, reason="Moved"),
            head_start=(number % 5 - 2) * 0.002,
        )

        [[approved], *_others] = returned(results)
        assert approved.done, approved.text
        assert not Payout.objects.awaiting_wallet().exists()
        went_on = Payout.objects.filter(wallet=wallet, events__event_type="go_on").count()
        was_early.add(went_on > 0)
    assert was_early == {True, False}  # both orders were met
    assert_chains_hold()
