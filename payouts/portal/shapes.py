"""The shapes of what the API takes and gives. Amounts are strings, moments are in UTC."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from audit.codes import Reason
from payouts.client_sentences import (
    STATUSES,
    ClientCode,
    ClientStatus,
    code_for_client,
    sentence_of,
    txid_for_client,
)
from payouts.models import Payout, PayoutEvent, PayoutStatus
from payouts.portal.bodies import Amount, Asked, Moment, Text, stamp
from payouts.portal.event_types import EVENT_TYPES, type_of
from payouts.portal.feed import id_of
from payouts.portal.models import Delivery, Feed, WebhookEndpoint
from payouts.portal.wallet_steps import STEPS
from wallets.amounts import format_amount
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus

# What is asked


class AskedClient(Asked):
    name = Text(max_length=200)
    email = Text(max_length=254, allow_blank=True, required=False)
    language = Text(max_length=12, allow_blank=True, required=False)
    active = serializers.BooleanField(required=False)


class AskedWallet(Asked):
    network = Text(max_length=16)
    address = Text(max_length=128)
    memo = Text(max_length=30, allow_blank=True, required=False)
    label = Text(  # type: ignore[assignment]  # a member, not the serializer's own
        max_length=64, allow_blank=True, required=False
    )


class AskedEstimate(Asked):
    network = Text(max_length=16)
    currency = Text(max_length=12)
    amount = Amount()


class AskedPayout(Asked):
    wallet = serializers.UUIDField()
    currency = Text(max_length=12)
    amount = Amount()
    purpose = Text(max_length=200)
    reference = Text(max_length=100, allow_blank=True, required=False)
    category = Text(max_length=64, allow_blank=True, required=False)
    pay_from = Moment(required=False, allow_null=True)


class AskedCancel(Asked):
    reason = Text(max_length=500, required=False)


class AskedEndpoint(Asked):
    url = Text(max_length=500)
    name = Text(max_length=64, allow_blank=True, required=False)
    event_types = serializers.ListField(child=Text(max_length=100), required=False, max_length=50)


class AskedChange(Asked):
    url = Text(max_length=500, required=False)
    name = Text(max_length=64, allow_blank=True, required=False)
    event_types = serializers.ListField(child=Text(max_length=100), required=False, max_length=50)
    active = serializers.BooleanField(required=False)


class AskedNothing(Asked):
    pass


# What is given


def service(method: PayoutMethod) -> dict[str, Any]:
    return {
        "network": method.network,
        "currency": method.currency,
        "available": method.is_available,
        "minimum": format_amount(method.min_amount),
        "maximum": format_amount(method.max_amount),
    }


def client(row: Client) -> dict[str, Any]:
    return {
        "id": row.external_id,
        "name": row.name,
        "email": row.email,
        "language": row.language,
        "active": row.is_active,
        "created_at": stamp(row.created_at),
    }


def wallet(row: Wallet) -> dict[str, Any]:
    return {
        "id": str(row.public_id),
        "network": row.network,
        "address": row.address,
        "memo": row.memo,
        "label": row.label,
        "status": STEPS[WalletStatus(row.status)],
        "created_at": stamp(row.created_at),
    }


def payout(row: Payout, *, differs: bool) -> dict[str, Any]:
    """`row` has its wallet, and its attempts where it is under way or paid."""
    code = code_for_client(row, differs=differs)
    status = STATUSES[code]
    txid = txid_for_client(row, code)
    return {
        "id": str(row.pk),
        "number": str(row),
        "status": str(status),
        "code": str(code),
        "detail": sentence_of(row, code, txid),
        "wallet": str(row.wallet.public_id),
        "network": row.network,
        "address": row.address,
        "memo": row.memo,
        "currency": row.currency,
        "amount": format_amount(row.amount),
        "purpose": row.purpose,
        "reference": row.reference,
        "category": row.category,
        "pay_from": stamp(row.pay_from) if row.pay_from else None,
        "txid": txid or None,
        "idempotency_key": key_of(row),
        "requested_at": stamp(row.requested_at),
        "paid_at": paid_at(row) if status == ClientStatus.PAID else None,
    }


def key_of(row: Payout) -> str | None:
    """Return the key that the client chose; what the desk asked for itself shows none."""
    origin, _colon, key = row.idempotency_key.partition(":")
    return key if origin == row.origin == "api" else None


def paid_at(row: Payout) -> str | None:
    at = row.effective_at or row.finished_at
    return stamp(at) if at else None


NEXT = {
    ClientCode.CHECKED: "approval",
    ClientCode.REVIEWED: "decision",
    ClientCode.PREPARED: "sending",
    ClientCode.DATED: "sending",
    ClientCode.SENT_NOW: "confirmation",
    ClientCode.UNCONFIRMED: "confirmation",
}

REACHED = {
    PayoutStatus.PENDING: ClientStatus.REQUESTED,
    PayoutStatus.HELD: ClientStatus.IN_REVIEW,
    PayoutStatus.APPROVED: ClientStatus.SENDING,
    PayoutStatus.SUBMITTING: ClientStatus.SENDING,
    PayoutStatus.BROADCAST: ClientStatus.SENDING,
    PayoutStatus.CONFIRMED: ClientStatus.PAID,
    PayoutStatus.FAILED: ClientStatus.FAILED,
    PayoutStatus.REJECTED: ClientStatus.CANCELLED,
    PayoutStatus.CANCELLED: ClientStatus.CANCELLED,
}


def timeline(row: Payout, events: list[PayoutEvent], *, differs: bool) -> dict[str, Any]:
    """Say which steps it took and when, and what comes next. What moved no step is left out."""
    steps: list[dict[str, str]] = []
    for event in events:
        reached = str(REACHED[PayoutStatus(event.to_status)])
        if not steps or steps[-1]["status"] != reached:
            steps.append({"status": reached, "at": stamp(event.at)})
    code = code_for_client(row, differs=differs)
    now = str(STATUSES[code])
    if steps[-1]["status"] != now:
        steps.append({"status": now, "at": stamp(events[-1].at)})
    return {"timeline": steps, "next": NEXT.get(code)}


def estimate(method: PayoutMethod, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "network": method.network,
        "currency": method.currency,
        "amount": format_amount(asked["amount"]),
        "receives": format_amount(asked["amount"]),
        "detail": _("The client receives all of it: the fee is paid by the desk."),
        "minimum": format_amount(method.min_amount),
        "maximum": format_amount(method.max_amount),
    }


# Webhooks


def endpoint(row: WebhookEndpoint) -> dict[str, Any]:
    state = state_of(row)
    return {
        "id": str(row.pk),
        "url": row.url,
        "name": row.name,
        "event_types": row.event_types or list(EVENT_TYPES),
        "status": state,
        "detail": Reason(row.stop_code).sentence if state == "stopped" else "",
        "failing_since": stamp(row.failing_since) if row.failing_since else None,
        "created_at": stamp(row.created_at),
    }


def state_of(row: WebhookEndpoint) -> str:
    if row.stopped_at is not None:
        return "stopped"
    return "failing" if row.failing_since else "active"


def delivery(row: Delivery, ours: Feed) -> dict[str, Any]:
    """`row` has its event."""
    said = row.event
    is_waiting = row.state == Delivery.State.WAITING
    return {
        "event": id_of(said.number, ours),
        "type": type_of(said.status),
        "payout": str(row.payout_id),
        "at": stamp(said.at),
        "state": row.state,
        "tries": row.tries,
        "answer": row.answer,
        "trouble": row.trouble,
        "last_tried_at": stamp(row.last_tried_at) if row.last_tried_at else None,
        "next_try_at": stamp(row.due_at) if is_waiting else None,
    }
