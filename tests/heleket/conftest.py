from decimal import Decimal

import pytest

import heleket
from tests.heleket.wire import MERCHANT, PAYMENT_KEY, PAYOUT_KEY, Script


@pytest.fixture
def body():
    return heleket.payout_body(
        order_id="testabc00",
        amount=Decimal("3"),
        currency="USDT",
        network="TRON",
        address="TJ",
        url_callback="https://desk.example/webhooks/heleket/",
    )


@pytest.fixture
def make_client():
    """Make clients that are closed at the end of the test."""
    clients = []

    def make(**options):
        keys = {"payout_key": PAYOUT_KEY, "payment_key": PAYMENT_KEY}
        clients.append(heleket.HeleketClient(**({"merchant_id": MERCHANT} | keys | options)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def scripted(make_client):
    """Make a client over scripted answers: `client, script = scripted((200, b"..."))`."""

    def make(*answers, **options):
        script = Script(*answers)
        return make_client(adapter=script, **options), script

    return make
