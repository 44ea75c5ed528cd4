"""The endpoints of the client API, as its OpenAPI document describes them.

A new one needs an entry in OPERATIONS; what it takes and gives is read from its `Asked` and its
shape, what every endpoint has is added by `document`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.codes import AuditCode, Code
from payouts.codes import PayoutCode
from payouts.controls.codes import ControlsCode
from payouts.portal import feed, shapes
from payouts.portal.bodies import Asked, Text
from payouts.portal.codes import PortalCode
from payouts.portal.event_types import EVENT_TYPES
from payouts.portal.filters import (
    DeliveryFilters,
    Page,
    Pages,
    PayoutFilters,
    Strict,
    WalletFilters,
)
from payouts.portal.openapi import examples
from payouts.portal.values import Json
from payouts.portal.webhooks import shapes as webhook_shapes
from wallets.codes import WalletCode

Parameters = dict[str, tuple[str, Json]]  # by name: what is said of it, and its schema

ABOUT = """\
The back end of your portal asks for payouts here, from server to server. A wallet is approved \
by a person of the desk before anything is paid to it, and each payout before it is sent.

Send your key with each request: `Authorization: Bearer desk_…`. A key of the portal's own names \
the client it acts for in `Desk-Client`, by the external id; a client's own key acts for that \
client and leaves the header out.

Amounts are strings of plain digits, moments are in UTC, ids are opaque. Members and filters \
that are not known are refused by name. What belongs to another client is answered as if it did \
not exist.

A POST that creates takes an `Idempotency-Key` of your choice. The same key with the same \
content is answered as it was first, with `Idempotent-Replayed: true`; with other content it is \
refused. A request that was refused, or broke, has used no key: send it again.

Every error is `application/problem+json` by RFC 9457, with a `code` for programs and a `detail` \
for people: also 405 for a method that is not here, and 500 for a fault of the desk, of which \
nothing is stored. Each answer has an `X-Request-Id`: give it to the desk's people when \
something is odd.
"""

# What an endpoint may refuse besides its own

EVERYWHERE = [
    *(PortalCode.INVALID_REQUEST, PortalCode.KEY_IN_URL, PortalCode.CLIENT_NOT_YOURS),
    PortalCode.CLIENT_UNREADABLE,
    *(PortalCode.KEY_ABSENT, PortalCode.KEY_UNKNOWN),
    *(PortalCode.KEY_REVOKED, PortalCode.KEY_WAITING, PortalCode.KEY_EXPIRED),
    *(PortalCode.KEY_ELSEWHERE, PortalCode.KEY_OF_CLOSED),
    *(PortalCode.NOT_FOUND, PortalCode.THROTTLED),
]
WITH_SCOPE = [PortalCode.SCOPE_MISSING]
WITH_BODY = [
    *(PortalCode.NOT_JSON, PortalCode.UNREADABLE, PortalCode.TOO_LARGE, PortalCode.TOO_DEEP),
]
WITH_KEY = [
    *(PortalCode.IDEMPOTENCY_ABSENT, PortalCode.IDEMPOTENCY_UNFIT),
    *(PortalCode.IDEMPOTENCY_REUSED, PortalCode.IDEMPOTENCY_BUSY),
]
OF_CLIENT = (PortalCode.CLIENT_ABSENT,)
OF_PORTAL = (PortalCode.PORTAL_ONLY,)
OF_RECEIVER = (
    *(PortalCode.URL_UNFIT, PortalCode.URL_INSECURE, PortalCode.URL_NOWHERE),
    *(PortalCode.EVENT_TYPE_UNKNOWN, AuditCode.UNSEEN),
)
OF_COIN = (
    *(WalletCode.METHOD_UNKNOWN, WalletCode.METHOD_UNAVAILABLE, WalletCode.AMOUNT),
    *(WalletCode.BELOW_MINIMUM, WalletCode.ABOVE_MAXIMUM),
)


OWN_ENDPOINTS = (
    "With a key of the portal's own that names no client it is the portal's, and hears of all "
    "clients; else it is the client's, and hears of that one."
)

UUID = {"type": "string", "format": "uuid"}
EXTERNAL_ID = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": Text.FILLED}
EVENT_ID = {"type": "string", "pattern": "^evt_[0-9a-f]{12}_[1-9][0-9]{0,17}$"}
PATHS: Parameters = {
    "external_id": ("The client's number in your own system.", EXTERNAL_ID),
    "wallet_id": ("The wallet's id.", UUID),
    "endpoint_id": ("The webhook endpoint's id.", UUID),
    "event_id": ("The event's id, as the feed and the webhook have it.", EVENT_ID),
    "payout_id": ("The payout's id; its `number` is for people.", UUID),
}
SIZE = {"type": "integer", "minimum": 1, "maximum": Pages.max_page_size, "default": Pages.page_size}
PAGING: Parameters = {
    "cursor": ("What `next` or `previous` of a page has in it.", {"type": "string"}),
    "page_size": ("How many entries there are at most.", SIZE),
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    name: str
    summary: str
    description: str
    gives: Any  # its shape; None for an answer without a body
    example: Any = None  # of what it gives
    statuses: Mapping[int, str] = field(default_factory=lambda: {200: "As it is now."})
    asks: type[Asked] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)  # an example
    filters: type[Strict] | None = None
    query: Parameters = field(default_factory=dict)  # besides the filters
    creates: bool = False  # so that it takes an Idempotency-Key
    refuses: tuple[Code, ...] = ()


OPERATIONS = {
    "GET services/": Operation(
        name="list_services",
        summary="List what can be paid",
        description="Each coin on each network, with the least and the most of one payout.",
        gives=shapes.ServicesShape,
        example={"results": [examples.SERVICE]},
    ),
    "GET clients/": Operation(
        name="list_clients",
        summary="List clients",
        description="The newest first.",
        gives=Page[shapes.ClientShape],
        example=examples.page_of(examples.CLIENT),
        query=PAGING,
        refuses=OF_PORTAL,
    ),
    "GET clients/{external_id}/": Operation(
        name="get_client",
        summary="Get a client",
        description="By the external id.",
        gives=shapes.ClientShape,
        example=examples.CLIENT,
        refuses=OF_PORTAL,
    ),
    "PUT clients/{external_id}/": Operation(
        name="put_client",
        summary="Add or change a client",
        description=(
            "Add a client, which needs a `name`, or have it as it is said here; what is left out "
            "stays as it is. The portal opens again what it has closed, and nothing that the "
            "desk's people have."
        ),
        asks=shapes.AskedClient,
        asked=examples.ASKED_CLIENT,
        gives=shapes.ClientShape,
        example=examples.CLIENT,
        statuses={200: "The client was known.", 201: "The client is added."},
        refuses=(
            *OF_PORTAL,
            *(PortalCode.NAME_MISSING, PortalCode.CLOSED_BY_DESK, PortalCode.NOT_POSSIBLE),
            *(WalletCode.JUST_ADDED, WalletCode.INVALID),
        ),
    ),
    "GET wallets/": Operation(
        name="list_wallets",
        summary="List wallets",
        description="The client's wallets and the step each is at, the newest first.",
        gives=Page[shapes.WalletShape],
        example=examples.page_of(examples.WALLET),
        filters=WalletFilters,
        query=PAGING,
        refuses=OF_CLIENT,
    ),
    "POST wallets/": Operation(
        name="add_wallet",
        summary="Add a wallet",
        description=(
            "The address is checked at once, and refused with the reason. Nothing is paid to the "
            "wallet before a person of the desk has approved it."
        ),
        asks=shapes.AskedWallet,
        asked=examples.ASKED_WALLET,
        gives=shapes.WalletShape,
        example=examples.NEW_WALLET,
        statuses={201: "The wallet is added, and waits for approval."},
        creates=True,
        refuses=(
            *OF_CLIENT,
            *(WalletCode.JUST_ADDED, PortalCode.NOT_POSSIBLE),
            *(WalletCode.ADDRESS, PortalCode.ADDRESS_DOUBTFUL, PortalCode.ADDRESS_NEEDS_MEMO),
            *(WalletCode.CLIENT_CLOSED, WalletCode.INVALID),
        ),
    ),
    "GET wallets/{wallet_id}/": Operation(
        name="get_wallet",
        summary="Get a wallet",
        description="One wallet and the step it is at.",
        gives=shapes.WalletShape,
        example=examples.WALLET,
        refuses=OF_CLIENT,
    ),
    "POST wallets/{wallet_id}/archive/": Operation(
        name="archive_wallet",
        summary="Archive a wallet",
        description="Put it out of use for good; one that is already stays so.",
        gives=shapes.WalletShape,
        example=examples.ARCHIVED_WALLET,
        refuses=(*OF_CLIENT, PortalCode.WALLET_NOT_READY, PortalCode.NOT_POSSIBLE),
    ),
    "GET events/": Operation(
        name="list_events",
        summary="Follow what changed",
        description=(
            "The feed, oldest first: start without a cursor, then go on with `next` as `after`. "
            "Nothing is skipped or repeated. A key of the portal's own that names no client reads "
            "the events of all."
        ),
        gives=feed.FeedShape,
        example=examples.FEED,
        query={
            "after": ("What `next` was, to go on from there.", {"type": "string"}),
            "page_size": PAGING["page_size"],
        },
        refuses=(PortalCode.CURSOR, PortalCode.FEED_RENEWED),
    ),
    "POST payouts/estimate/": Operation(
        name="estimate_payout",
        summary="Ask what arrives",
        description="Whether an amount can be paid, and what arrives. Nothing is stored.",
        asks=shapes.AskedEstimate,
        asked=examples.ASKED_ESTIMATE,
        gives=shapes.EstimateShape,
        example=examples.ESTIMATE,
        statuses={200: "It can be paid."},
        refuses=OF_COIN,
    ),
    "GET limits/": Operation(
        name="list_limits",
        summary="See how much may still be asked for",
        description=(
            "The client's own limits, the shortest first: none if it has none. What would pass one "
            "of them is refused with `client_limit`."
        ),
        gives=shapes.LimitsShape,
        example={"results": [examples.LIMIT]},
        refuses=(*OF_CLIENT, PortalCode.NOT_POSSIBLE),
    ),
    "GET payouts/": Operation(
        name="list_payouts",
        summary="List payouts",
        description="The client's payouts, the newest first.",
        gives=Page[shapes.PayoutShape],
        example=examples.page_of(examples.PAID),
        filters=PayoutFilters,
        query=PAGING,
        refuses=OF_CLIENT,
    ),
    "POST payouts/": Operation(
        name="request_payout",
        summary="Ask for a payout",
        description="It is paid once the desk's people have approved it.",
        asks=shapes.AskedPayout,
        asked=examples.ASKED_PAYOUT,
        gives=shapes.PayoutInFullShape,
        example=examples.REQUESTED_IN_FULL,
        statuses={201: "The payout is stored, and waits for approval."},
        creates=True,
        refuses=(
            *OF_CLIENT,
            *(PortalCode.NOT_POSSIBLE, WalletCode.CLIENT_CLOSED),
            *(PortalCode.WALLET_NOT_READY, PortalCode.ARCHIVED),
            *OF_COIN,
            *(PayoutCode.CATEGORY_UNKNOWN, PayoutCode.DATE_TOO_FAR),
            *(PayoutCode.PURPOSE_MISSING, AuditCode.UNSEEN, ControlsCode.CLIENT_LIMIT),
        ),
    ),
    "GET payouts/{payout_id}/": Operation(
        name="get_payout",
        summary="Get a payout",
        description="One payout with its timeline and what comes next.",
        gives=shapes.PayoutInFullShape,
        example=examples.PAID_IN_FULL,
        refuses=OF_CLIENT,
    ),
    "POST payouts/{payout_id}/cancel/": Operation(
        name="cancel_payout",
        summary="Cancel a payout",
        description=(
            "One that this client asked for through the API and that was not sent; one that is "
            "cancelled already stays so."
        ),
        asks=shapes.AskedCancel,
        asked=examples.ASKED_CANCEL,
        gives=shapes.PayoutInFullShape,
        example=examples.CANCELLED_IN_FULL,
        refuses=(
            *OF_CLIENT,
            *(PortalCode.TOO_LATE, PortalCode.BEING_REVIEWED, PortalCode.NOT_POSSIBLE),
            *(PortalCode.NOT_ASKED_HERE, AuditCode.UNSEEN),
        ),
    ),
    "POST sandbox/payouts/{payout_id}/simulate/": Operation(
        name="simulate",
        summary="Order a fault of the sandbox",
        description=(
            "Only while the gateway of the desk is the sandbox, else there is no such address: "
            "what the sandbox is to do to one payout, as a real gateway does now and then."
        ),
        asks=shapes.AskedFault,
        asked={"fault": "stuck"},
        gives=shapes.SimulationShape,
        example=examples.SIMULATION,
        statuses={200: "The sandbox will do it."},
        refuses=(*OF_CLIENT, PortalCode.FAULT_TOO_LATE, PortalCode.SANDBOX_SILENT),
    ),
    "GET webhook-endpoints/": Operation(
        name="list_webhook_endpoints",
        summary="List webhook endpoints",
        description=OWN_ENDPOINTS,
        gives=webhook_shapes.EndpointsShape,
        example={"results": [examples.ENDPOINT]},
    ),
    "POST webhook-endpoints/": Operation(
        name="add_webhook_endpoint",
        summary="Have webhooks sent",
        description=f"It hears of what happens from now on. {OWN_ENDPOINTS}",
        asks=webhook_shapes.AskedEndpoint,
        asked=examples.ASKED_ENDPOINT,
        gives=webhook_shapes.EndpointShape,
        example=examples.ENDPOINT,
        statuses={201: "Webhooks are sent there. Read the secret that they are signed with."},
        creates=True,
        refuses=(*OF_RECEIVER, PortalCode.TOO_MANY_ENDPOINTS),
    ),
    "GET webhook-endpoints/{endpoint_id}/": Operation(
        name="get_webhook_endpoint",
        summary="Get a webhook endpoint",
        description="One endpoint and whether anything gets through to it.",
        gives=webhook_shapes.EndpointShape,
        example=examples.ENDPOINT,
    ),
    "PATCH webhook-endpoints/{endpoint_id}/": Operation(
        name="change_webhook_endpoint",
        summary="Change, stop or resume a webhook endpoint",
        description=(
            "What is left out stays as it is. One that is stopped is sent nothing; once it is "
            "active again it is sent what it missed, of 30 days."
        ),
        asks=webhook_shapes.AskedChange,
        asked={"active": False},
        gives=webhook_shapes.EndpointShape,
        example=examples.STOPPED_ENDPOINT,
        refuses=OF_RECEIVER,
    ),
    "DELETE webhook-endpoints/{endpoint_id}/": Operation(
        name="remove_webhook_endpoint",
        summary="Remove a webhook endpoint",
        description="Nothing is sent there any more, neither what waits nor what comes.",
        gives=None,
        statuses={204: "It is removed."},
    ),
    "GET webhook-endpoints/{endpoint_id}/secret/": Operation(
        name="get_webhook_secret",
        summary="Read a webhook endpoint's secret",
        description="What its webhooks are signed with. Nothing else in the desk shows it.",
        gives=webhook_shapes.SecretShape,
        example=examples.SECRET,
    ),
    "POST webhook-endpoints/{endpoint_id}/rotate-secret/": Operation(
        name="rotate_webhook_secret",
        summary="Renew a webhook endpoint's secret",
        description="Webhooks are signed with the new one from now on, and with the old one too "
        "for a day.",
        gives=webhook_shapes.SecretShape,
        example=examples.SECRET,
        statuses={200: "The new one."},
        refuses=(PortalCode.SECRET_JUST_RENEWED,),
    ),
    "GET webhook-endpoints/{endpoint_id}/deliveries/": Operation(
        name="list_webhook_deliveries",
        summary="List what was sent to a webhook endpoint",
        description="What arrived, waits or was given up, the newest event first. What arrived is "
        "kept for 30 days.",
        gives=Page[webhook_shapes.DeliveryShape],
        example=examples.page_of(examples.DELIVERED),
        filters=DeliveryFilters,
        query=PAGING,
    ),
    "POST webhook-endpoints/{endpoint_id}/deliveries/{event_id}/redeliver/": Operation(
        name="redeliver_webhook",
        summary="Send a webhook again",
        description="Under the same id, at once.",
        gives=webhook_shapes.DeliveryShape,
        example=examples.WAITING,
        statuses={202: "It will be sent."},
        refuses=(PortalCode.ENDPOINT_STOPPED,),
    ),
}
WEBHOOKS = {
    name: (words, webhook_shapes.WebhookShape, examples.webhook(name))
    for name, words in EVENT_TYPES.items()
}
