"""What is approved and goes later: once its day has come, once the money has."""

from decimal import Decimal

import pytest

from payouts.gateway import balance
from payouts.models import Payout
from tests.browser.test_payouts import act, page_of, request_payout
from tests.factories import WalletFactory
from tests.payouts.rounds import submit_due

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt"),
]


def test_a_payout_of_tomorrow_and_small_ones_behind_a_large_one_go_in_their_time(
    visitor, account, heleket_client, sandbox, clock
):
    wallet, approver = WalletFactory(), visitor("Approver", "Operator")
    requester = visitor("Requester")
    sandbox.ledger.balances["USDT"] = Decimal(160_333)

    def send():
        submit_due(1, heleket_client, account)
        return sandbox.order_ids

    def fetch_balance():
        balance.store(heleket_client.get_balance(), asked_at=clock())

    def sent(*payouts):
        return [payout.order_id("test") for payout in payouts]

    tomorrow = request_payout(requester, wallet, "7", pay_from="2026-03-03T09:00")
    act(approver, tomorrow, "Approve")
    assert send() == []
    requester.go(page_of(tomorrow))
    assert requester.reads("3 Mar 2026, 09:00")
    large = request_payout(requester, wallet, "900000")
    small = request_payout(requester, wallet, "40")
    for payout in (large, small):
        act(approver, payout, "Approve")
    assert send() == []
    fetch_balance()

    approver.go(page_of(small))
    assert approver.reads(f"It waits behind {large}, which needs 900,000.5 USDT;")
    assert approver.reads("the balance is 160,333 USDT at 09:00:00, so 739,667.5 USDT are missing.")
    act(approver, large, "Hold")
    clock.forward(minutes=1)
    assert send() == sent(small)

    clock.forward(hours=23, minutes=58)
    assert send() == sent(small)
    clock.forward(minutes=1)
    assert send() == sent(small, tomorrow)
    act(approver, large, "Release")
    act(approver, large, "Approve")
    sandbox.top_up("USDT", "1000000")
    assert send() == sent(small, tomorrow, large)
    requester.go(page_of(large))
    assert requester.reads("Heleket has it and has not said its final word")
    assert set(Payout.objects.values_list("status", flat=True)) == {"broadcast"}
    assert approver.complaints + requester.complaints == []
