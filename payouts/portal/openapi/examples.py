"""Examples for the description of the API: one client, one wallet, one payout, all the way."""

from datetime import UTC, datetime
from typing import Any

from payouts.client_sentences import ClientCode
from payouts.portal.codes import PortalCode
from payouts.portal.feed import FeedShape
from payouts.portal.shapes import (
    ClientShape,
    EstimateShape,
    LimitShape,
    PayoutInFullShape,
    PayoutShape,
    ServiceShape,
    SimulationShape,
    WalletShape,
)
from payouts.portal.values import Json
from payouts.portal.webhooks.shapes import DeliveryShape, EndpointShape, SecretShape, WebhookShape
from wallets.codes import WalletCode

ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"
WALLET_ID, PAYOUT_ID = (
    "0b1d7a52-8f0e-4a37-9a64-3f1f1f0f6c11",
    "7a0c1a86-51f2-5d0b-8a53-0f3a7c1d2e90",
)
MORNING, NOON = "2026-03-02T09:00:00.000Z", "2026-03-02T12:00:00.000Z"
TXID = "5f2a6c1e8d3b4f7092a1c4e6b8d0f2134657a9bcde0f1122334455667788990a"
MONEY = {"money": "12.5 USDT", "network": "TRON", "end": ADDRESS[-6:]}

SERVICE: ServiceShape = {
    "network": "tron",
    "currency": "USDT",
    "available": True,
    "minimum": "5",
    "maximum": "100000",
}
ASKED_CLIENT = {"name": "Anna Nguyen", "email": "anna@example.com", "language": "en"}
CLIENT: ClientShape = {
    "id": "C-1042",
    "name": "Anna Nguyen",
    "email": "anna@example.com",
    "language": "en",
    "active": True,
    "created_at": MORNING,
}
ASKED_WALLET = {"network": "tron", "address": ADDRESS, "label": "Main"}
WALLET: WalletShape = {
    "id": WALLET_ID,
    "network": "tron",
    "address": ADDRESS,
    "memo": "",
    "label": "Main",
    "status": "active",
    "created_at": MORNING,
}
NEW_WALLET: WalletShape = {**WALLET, "status": "waits_for_approval"}
ARCHIVED_WALLET: WalletShape = {**WALLET, "status": "archived"}
ASKED_ESTIMATE = {"network": "tron", "currency": "USDT", "amount": "12.5"}
ESTIMATE: EstimateShape = {
    "network": "tron",
    "currency": "USDT",
    "amount": "12.5",
    "receives": "12.5",
    "detail": "The client receives all of it: the fee is paid by the desk.",
    "minimum": "5",
    "maximum": "100000",
}
LIMIT: LimitShape = {
    "hours": 24,
    "currency": "USD",
    "limit": "1000",
    "used": "990",
    "left": "10",
    "frees_at": NOON,
}
ASKED_PAYOUT = {
    "wallet": WALLET_ID,
    "currency": "USDT",
    "amount": "12.5",
    "purpose": "Prize of May",
    "reference": "may-17",
}
NEW_PAYOUT: PayoutShape = {
    "id": PAYOUT_ID,
    "number": "P-340",
    "status": "requested",
    "code": "client_checked",
    "detail": ClientCode.CHECKED.sentence(**MONEY),
    "wallet": WALLET_ID,
    "network": "tron",
    "address": ADDRESS,
    "memo": "",
    "currency": "USDT",
    "amount": "12.5",
    "purpose": "Prize of May",
    "reference": "may-17",
    "category": "",
    "pay_from": None,
    "payable_from": MORNING,
    "txid": None,
    "idempotency_key": "may-17",
    "requested_at": MORNING,
    "paid_at": None,
}
PAID: PayoutShape = {
    **NEW_PAYOUT,
    "status": "paid",
    "code": "client_paid",
    "detail": f"{ClientCode.PAID.sentence(**MONEY)} The transaction is {TXID}.",
    "txid": TXID,
    "payable_from": None,
    "paid_at": NOON,
}
REQUESTED_IN_FULL: PayoutInFullShape = {
    **NEW_PAYOUT,
    "timeline": [{"status": "requested", "at": MORNING}],
    "next": "approval",
}
PAID_IN_FULL: PayoutInFullShape = {
    **PAID,
    "timeline": [
        {"status": "requested", "at": MORNING},
        {"status": "sending", "at": "2026-03-02T11:58:00.000Z"},
        {"status": "paid", "at": NOON},
    ],
    "next": None,
}
ASKED_CANCEL = {"reason": "It was asked for twice."}
CANCELLED_IN_FULL: PayoutInFullShape = {
    **NEW_PAYOUT,
    "payable_from": None,
    "status": "cancelled",
    "code": "client_cancelled",
    "detail": ClientCode.CANCELLED.sentence(**MONEY),
    "timeline": [
        {"status": "requested", "at": MORNING},
        {"status": "cancelled", "at": "2026-03-02T09:05:00.000Z"},
    ],
    "next": None,
}
EVENT_ID = "evt_9c1f4be0a2d7_17"
FEED: FeedShape = {
    "results": [
        {
            "id": EVENT_ID,
            "type": "payout.paid",
            "client": "C-1042",
            "at": NOON,
            "data": {
                "payout": PAYOUT_ID,
                "number": "P-340",
                "status": "paid",
                "code": "client_paid",
                "currency": "USDT",
                "amount": "12.5",
                "reference": "may-17",
                "txid": TXID,
            },
        }
    ],
    "next": "OWMxZjRiZTBhMmQ3NGI1OGE2ZDBjM2YxZTJiN2E5ODQ6MTc",
    "has_more": False,
}


SIMULATION: SimulationShape = {"payout": PAYOUT_ID, "number": "P-340", "fault": "stuck"}
ENDPOINT: EndpointShape = {
    "id": "3d6f0a94-5c1b-4a7e-8f20-9b7c2e6d1a55",
    "url": "https://portal.example/hooks",
    "name": "Live",
    "event_types": ["payout.paid", "payout.failed"],
    "status": "active",
    "detail": "",
    "failing_since": None,
    "created_at": MORNING,
}
ASKED_ENDPOINT = {each: ENDPOINT[each] for each in ("url", "name", "event_types")}
STOPPED_ENDPOINT: EndpointShape = {
    **ENDPOINT,
    "status": "stopped",
    "detail": str(PortalCode.STOPPED_BY_PEOPLE.label),
}
SECRET: SecretShape = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
DELIVERED: DeliveryShape = {
    "event": EVENT_ID,
    "type": "payout.paid",
    "payout": PAYOUT_ID,
    "at": NOON,
    "state": "delivered",
    "tries": 1,
    "answer": 200,
    "trouble": "",
    "last_tried_at": NOON,
    "next_try_at": None,
}
WAITING: DeliveryShape = {**DELIVERED, "state": "waiting", "next_try_at": NOON}


def page_of(example: Any) -> Json:
    return {"next": None, "previous": None, "results": [example]}


def webhook(event_type: str) -> WebhookShape:
    return {
        "id": EVENT_ID,
        "type": event_type,
        "at": NOON,
        "client": "C-1042",
        "data": {"payout": PAYOUT_ID, "number": "P-340"},
    }


# What the sentences of refusals name, by the code where it is not the same in all
FACTS: dict[str, object] = {
    "address": "203.0.113.9",
    "scope": "payouts:request",
    "kilobytes": 64,
    "seconds": 40,
    "most": 200,
    "made": "P-340",
    "words": "5 USDT on TRON",
    "category": "Prizes",
    "days": 366,
    "place": 3,
    "name": "RIGHT-TO-LEFT OVERRIDE",
    "host": "portal.example",
    "event_type": "payout.lost",
    "names": "lost_answer, stuck",
    **LIMIT,
    "frees_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
}
WHY = {
    PortalCode.UNREADABLE: "a member stands in it twice",
    WalletCode.ADDRESS: "The checksum of the address does not match: a character is wrong.",
    WalletCode.AMOUNT: "The amount may have at most 6 decimals here.",
    WalletCode.INVALID: "email: Enter a valid email address.",
}
