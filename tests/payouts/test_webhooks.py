"""Webhooks: only what Heleket signed is stored, once, and all it does is have Heleket asked."""

import pytest
from django.conf import settings
from django.db import DatabaseError

from heleket.signing import sign
from heleket.webhooks import MAX_BODY_BYTES, sign_webhook
from payouts import checks, submission
from payouts.models import (
    Attempt,
    Discrepancy,
    Payout,
    PayoutEvent,
    PayoutStatus,
    WebhookDelivery,
)
from tests.factories import PayoutFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

URL = "/webhooks/heleket/"


def post(client, body, **headers):
    return client.post(URL, body, content_type="application/json", secure=True, **headers)


def said(**changes):
    """What Heleket would write about the one payout of a test."""
    attempt = Attempt.objects.get()
    return {
        "type": "payout",
        "uuid": attempt.uuid,
        "order_id": attempt.order_id,
        "amount": "5.00000000",
        "merchant_amount": "5.50000000",
        "commission": "0.50000000",
        "is_final": True,
        "status": "paid",
        "txid": "4f/5+a=",
        "currency": "USDT",
        "network": "tron",
        "payer_currency": "USDT",
        "payer_amount": "5.00000000",
    } | changes


def signed(members, key=settings.HELEKET_API_KEY):
    return sign_webhook(members, key)


def state():
    """All that a webhook must not change, and what it may."""
    return [
        list(table.objects.order_by("pk").values())
        for table in (Payout, Attempt, PayoutEvent, Discrepancy, WebhookDelivery)
    ]


@pytest.fixture
def broadcast(sandbox, heleket_client, desk, clock):
    """A payout that Heleket has, to be asked about in half a minute."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    submission.submit_due(1, heleket_client, desk)
    return Payout.objects.get(pk=payout.pk)


def test_b_a_genuine_webhook_is_stored_and_makes_its_payout_due(client, broadcast, clock):
    body = signed(said())

    assert post(client, body).status_code == 200

    delivery = WebhookDelivery.objects.get()
    assert (delivery.body, delivery.outcome, delivery.count) == (body.decode(), "known", 1)
    payout = Payout.objects.get()
    assert payout.due_at == clock()
    assert payout.status == PayoutStatus.BROADCAST
    assert payout.last_event == broadcast.last_event
