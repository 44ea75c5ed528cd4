"""The shapes of what the API takes and gives. Amounts are strings, moments are in UTC.

They are the API's description as well: `openapi` reads them, with what is said of each member.
"""

from typing import Annotated, Any, TypedDict

from django.conf import settings
from django.utils.translation import gettext as _

from payouts.client_sentences import (
    STATUSES,
    ClientCode,
    ClientStatus,
    code_for_client,
    sentence_of,
    txid_for_client,
)
from payouts.controls.limits import OwnLimit
from payouts.models import Payout, PayoutEvent, PayoutStatus
from payouts.portal.bodies import Amount, Asked, Flag, Id, Moment, Text
from payouts.portal.values import AmountText, IdText, Instant, Says, known, stamp
from payouts.portal.wallet_steps import STATUSES_OF_STEP, STEPS
from wallets.amounts import format_amount
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus

NETWORK = "A network like `tron`; those that are paid on are in `services/`."
CURRENCY = "A coin like `USDT`, in capitals or small letters."
RECEIVER = "Where webhooks are sent: by https, to an address that anybody can reach."
MEMO = "The memo or tag that some networks and exchanges need beside the address."

# What is asked


class AskedClient(Asked):
    name = Text(
        max_length=200,
        required=False,
        help_text="The name of the person or company. Only a new client needs it.",
    )
    email = Text(
        max_length=254, allow_blank=True, required=False, help_text="Where they are written to."
    )
    language = Text(
        max_length=12, allow_blank=True, required=False, help_text="A code like `en` or `pt-br`."
    )
    active = Flag(required=False, help_text="False closes the client: nothing is paid any more.")


class AskedWallet(Asked):
    network = Text(max_length=16, help_text=NETWORK)
    address = Text(max_length=128, help_text="Checked at once by the rules of its network.")
    memo = Text(max_length=30, allow_blank=True, required=False, help_text=MEMO)
    label = Text(  # type: ignore[assignment]  # a member, not the serializer's own
        max_length=64, allow_blank=True, required=False, help_text="What you call it."
    )


class AskedEstimate(Asked):
    network = Text(max_length=16, help_text=NETWORK)
    currency = Text(max_length=12, help_text=CURRENCY)
    amount = Amount()


class AskedPayout(Asked):
    wallet = Id(help_text="The id of one of the client's wallets.")
    currency = Text(max_length=12, help_text=CURRENCY)
    amount = Amount()
    purpose = Text(max_length=200, help_text="What it is paid for.")
    reference = Text(
        max_length=100,
        allow_blank=True,
        required=False,
        help_text="Your own number for it, if any.",
    )
    category = Text(
        max_length=64, allow_blank=True, required=False, help_text="One of the desk's categories."
    )
    pay_from = Moment(
        required=False, allow_null=True, help_text="Not to be paid before; at most 366 days ahead."
    )


class AskedCancel(Asked):
    reason = Text(max_length=500, required=False, help_text="Why; only the desk reads it.")


class AskedFault(Asked):
    fault = Text(max_length=64, help_text="What the sandbox is to do to it.")


# What is given


Said = Annotated[str, Says("A sentence that can be shown to the client.")]
Network = Annotated[str, Says(NETWORK)]
Status = Annotated[str, Says("Where the payout stands.", enum=ClientStatus.values)]


class ServiceShape(TypedDict):
    """A coin on a network that can be paid."""

    network: Network
    currency: str
    available: Annotated[bool, Says("Whether it is paid at the moment.")]
    minimum: AmountText
    maximum: AmountText


def service(method: PayoutMethod) -> ServiceShape:
    return {
        "network": method.network,
        "currency": method.currency,
        "available": method.is_available,
        "minimum": format_amount(method.min_amount),
        "maximum": format_amount(method.max_amount),
    }


class ServicesShape(TypedDict):
    """All that can be paid."""

    results: list[ServiceShape]


class ClientShape(TypedDict):
    """A person or company that is paid."""

    id: Annotated[str, Says("The client's number in your own system.")]
    name: str
    email: str
    language: str
    active: Annotated[bool, Says("Nothing is paid to one who is not.")]
    created_at: Instant


def client(row: Client) -> ClientShape:
    return {
        "id": row.external_id,
        "name": row.name,
        "email": row.email,
        "language": row.language,
        "active": row.is_active,
        "created_at": stamp(row.created_at),
    }


class WalletShape(TypedDict):
    """A destination: an address on a network."""

    id: IdText
    network: Network
    address: Annotated[str, Says("In the form that its network's programs write.")]
    memo: str
    label: str
    status: Annotated[str, Says("The step it is at.", enum=list(STATUSES_OF_STEP))]
    created_at: Instant


def wallet(row: Wallet) -> WalletShape:
    return {
        "id": str(row.public_id),
        "network": row.network,
        "address": row.address,
        "memo": row.memo,
        "label": row.label,
        "status": STEPS[WalletStatus(row.status)],
        "created_at": stamp(row.created_at),
    }


class PayoutShape(TypedDict):
    """A payout as its client sees it."""

    id: IdText
    number: Annotated[str, Says("By which the desk's people know it, such as P-340.")]
    status: Status
    code: Annotated[str, Says("More, in one word.", **known(ClientCode.values))]
    detail: Said
    wallet: IdText
    network: Network
    address: str
    memo: str
    currency: str
    amount: AmountText
    purpose: str
    reference: str
    category: str
    pay_from: Instant | None
    payable_from: Annotated[Instant | None, Says("It is not paid before; null if not known yet.")]
    txid: Annotated[str | None, Says("The transaction, once it is certain.")]
    idempotency_key: Annotated[
        str | None, Says("With which it was asked for; null if the desk did.")
    ]
    requested_at: Instant
    paid_at: Instant | None


def payout(row: Payout, *, differs: bool) -> PayoutShape:
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
        "payable_from": payable_from(row),
        "txid": txid or None,
        "idempotency_key": key_of(row),
        "requested_at": stamp(row.requested_at),
        "paid_at": paid_at(row) if status == ClientStatus.PAID else None,
    }


def payable_from(row: Payout) -> str | None:
    """Return from when its wallet and its own date let it be paid: not known while the wallet is on
    its way, and of no meaning once it has ended."""
    if row.is_ended or row.wallet.status != WalletStatus.ACTIVE:
        return None
    moments = (row.requested_at, row.wallet.approved_at, row.pay_from)
    return stamp(max(each for each in moments if each))


def key_of(row: Payout) -> str | None:
    """Return the key that the client chose; what the desk asked for itself shows none."""
    origin, _colon, key = row.idempotency_key.partition(":")
    return key if origin == row.origin == "api" else None


def paid_at(row: Payout) -> str | None:
    at = row.effective_at or row.finished_at
    return stamp(at) if at else None


NEXT = {
    ClientCode.CHECKED: "approval",
    ClientCode.WALLET_CHECKED: "wallet_approval",
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


class Step(TypedDict):
    status: Status
    at: Instant


class TimelineShape(TypedDict):
    timeline: Annotated[list[Step], Says("The steps so far, the oldest first.")]
    next: Annotated[str | None, Says("What comes now.", **known(dict.fromkeys(NEXT.values())))]


class PayoutInFullShape(PayoutShape, TimelineShape):
    """A payout with its steps and what comes next."""


def timeline(row: Payout, events: list[PayoutEvent], *, differs: bool) -> TimelineShape:
    """Say which steps it took and when, and what comes next. What moved no step is left out."""
    steps: list[Step] = []
    for event in events:
        reached = str(REACHED[PayoutStatus(event.to_status)])
        if not steps or steps[-1]["status"] != reached:
            steps.append({"status": reached, "at": stamp(event.at)})
    code = code_for_client(row, differs=differs)
    now = str(STATUSES[code])
    if steps[-1]["status"] != now:
        steps.append({"status": now, "at": stamp(events[-1].at)})
    return {"timeline": steps, "next": NEXT.get(code)}


class EstimateShape(TypedDict):
    """What arrives of an amount."""

    network: Network
    currency: str
    amount: AmountText
    receives: Annotated[AmountText, Says("What the client gets.")]
    detail: Said
    minimum: AmountText
    maximum: AmountText


def estimate(method: PayoutMethod, asked: dict[str, Any]) -> EstimateShape:
    return {
        "network": method.network,
        "currency": method.currency,
        "amount": format_amount(asked["amount"]),
        "receives": format_amount(asked["amount"]),
        "detail": _("The client receives all of it: the fee is paid by the desk."),
        "minimum": format_amount(method.min_amount),
        "maximum": format_amount(method.max_amount),
    }


class LimitShape(TypedDict):
    """What one client may be paid within some hours: all its coins together, in one currency."""

    hours: int
    currency: Annotated[str, Says("Not that of a payout: the one in which all are compared.")]
    limit: AmountText
    used: Annotated[AmountText, Says("What waits, is under way or was paid within these hours.")]
    left: AmountText
    frees_at: Annotated[
        Instant | None, Says("When some of what was paid counts no more; null if none was.")
    ]


class LimitsShape(TypedDict):
    """The limits of one client. It may have none."""

    results: list[LimitShape]


def limit(own: OwnLimit) -> LimitShape:
    return {
        "hours": own.hours,
        "currency": settings.REFERENCE_CURRENCY,
        "limit": format_amount(own.at_most),
        "used": format_amount(own.used),
        "left": format_amount(own.left),
        "frees_at": stamp(own.frees_at) if own.frees_at else None,
    }


class SimulationShape(TypedDict):
    """What the sandbox was asked to do."""

    payout: IdText
    number: str
    fault: str
