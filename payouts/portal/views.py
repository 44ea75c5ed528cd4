"""The endpoints of the client API. Each acts for one client, and finds nothing of another."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import clock
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import Refusal, Refused
from heleket.sandbox.simulations import SIMULATIONS
from payouts import destinations, idempotency, operations
from payouts.client_limits import limits_of
from payouts.eligibility import refusal_of_coin
from payouts.gateway import sandbox
from payouts.models import Attempt, Origin, Payout, PayoutEvent, PayoutQuerySet
from payouts.portal import feed, shapes, throttle
from payouts.portal.access import Caller, KeyAuthentication
from payouts.portal.bodies import AlwaysJson, Asked, StrictJson
from payouts.portal.codes import PortalCode
from payouts.portal.filters import Pages, PayoutFilters, WalletFilters, refuse_odd
from payouts.portal.idempotent import Made, create_once
from payouts.portal.models import Scope
from payouts.portal.openapi.document import Described
from payouts.portal.problems import AboutMember, Invalid, not_found, respond
from payouts.portal.statuses import with_differs
from payouts.requests import request_payout
from payouts.seen import see
from wallets import operations as wallet_operations
from wallets import services
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus

CANCELLED_BY_CLIENT = "The client cancelled it through the API."


class PortalView(APIView):
    """`scopes` has what each method needs; a method without any is for every key."""

    http_method_names = [name for name in APIView.http_method_names if name != "options"]
    authentication_classes = [KeyAuthentication]
    permission_classes = []
    parser_classes = [StrictJson]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson
    scopes: ClassVar[dict[str, Scope]] = {}
    filters: ClassVar[frozenset[str]] = frozenset()  # what its address may ask for
    count: throttle.Count | None = None
    schema = Described()

    def get_exception_handler(self) -> Any:
        return respond

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.count = throttle.count_request(self.caller.key.prefix)
        throttle.refuse_if_over(self.count)
        self.caller.refuse_nobody()
        method = "GET" if request.method == "HEAD" else str(request.method)
        if scope := self.scopes.get(method):
            self.caller.require(scope)
        refuse_odd(request.query_params, self.filters)

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        if self.count is not None:
            for name, value in self.count.headers.items():
                response[name] = value
        return response

    @property
    def caller(self) -> Caller:
        caller: Caller = self.request.auth  # type: ignore[assignment]  # it is what our class gives
        return caller

    @property
    def own(self) -> Client:
        return self.caller.own


class Services(PortalView):
    def get(self, _request: Request) -> Response:
        methods = PayoutMethod.objects.order_by("network", "currency")
        answer: shapes.ServicesShape = {"results": [shapes.service(each) for each in methods]}
        return Response(answer)


class Clients(PortalView):
    scopes = {"GET": Scope.CLIENTS_WRITE}
    filters = Pages.NAMES

    def get(self, request: Request) -> Response:
        refuse_client_key(self.caller)
        return Pages(["-pk"]).of(Client.objects.all(), self, shapes.client)


class OneClient(PortalView):
    scopes = {"GET": Scope.CLIENTS_WRITE, "PUT": Scope.CLIENTS_WRITE}

    def get(self, _request: Request, external_id: str) -> Response:
        refuse_client_key(self.caller)
        return Response(shapes.client(get_object_or_404(Client, external_id=external_id)))

    def put(self, request: Request, external_id: str) -> Response:
        """Add a client, or have it as it is said here. What is left out stays as it is."""
        refuse_client_key(self.caller)
        asked = shapes.AskedClient.read(request.data)
        is_open = asked.pop("active", None)
        actor = self.caller.actor
        with transaction.atomic():
            known = Client.objects.filter(external_id=external_id).first()
            if known is None and "name" not in asked:
                raise Refused(PortalCode.NAME_MISSING)
            row = (
                services.change_client(known.pk, **asked, actor=actor)
                if known
                else services.add_client(
                    external_id=external_id, **asked, is_another=True, actor=actor
                )
            )
            if is_open is not None and is_open != row.is_active:
                row = open_or_close(row, is_open, self.caller)
        return Response(shapes.client(row), status=200 if known else 201)


def refuse_client_key(caller: Caller) -> None:
    if caller.key.client is not None:
        raise Refused(PortalCode.PORTAL_ONLY)


def open_or_close(client: Client, is_open: bool, caller: Caller) -> Client:
    """Close a client, or open it again. What a person of the desk closed, only they open."""
    if not is_open:
        reason = "Closed through the API."
        return services.close_client(client.pk, reason=reason, actor=caller.actor)
    closed = DeskEvent.objects.filter(
        event_type=DeskEvent.Type.CLOSE_CLIENT, data__contains=f'"client": "{client.pk}"'
    )
    last = closed.order_by("-number").first()
    if last is None or last.api_key_id is None:
        raise Refused(PortalCode.CLOSED_BY_DESK)
    reason = "Opened again through the API."
    return services.reopen_client(client.pk, reason=reason, actor=caller.actor)


class Wallets(PortalView):
    scopes = {"GET": Scope.WALLETS_READ, "POST": Scope.WALLETS_WRITE}
    filters = WalletFilters.names() | Pages.NAMES

    def get(self, request: Request) -> Response:
        rows = WalletFilters.applied(request.query_params, Wallet.objects.for_client(self.own))
        return Pages(["-pk"]).of(rows, self, shapes.wallet)

    def post(self, request: Request) -> Response:
        asked = shapes.AskedWallet.read(request.data)

        def make(_key: str) -> Made:
            row = services.add_wallet(self.own, **asked, actor=self.caller.actor)
            return Made(shapes.wallet(row), f"the wallet {row.address}")

        def show(wallet_id: str) -> shapes.WalletShape:
            return shapes.wallet(wallet_of(self.own, UUID(wallet_id)))

        return create_once(request, self.own, make, show)


class OneWallet(PortalView):
    scopes = {"GET": Scope.WALLETS_READ}

    def get(self, _request: Request, wallet_id: UUID) -> Response:
        return Response(shapes.wallet(wallet_of(self.own, wallet_id)))


class ArchiveWallet(PortalView):
    scopes = {"POST": Scope.WALLETS_WRITE}

    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Put a wallet out of use for good; one that is already stays so."""
        Asked.read(request.data)
        row = wallet_of(self.own, wallet_id)
        if row.status != WalletStatus.ARCHIVED:
            seen = wallet_operations.see([row.pk])
            [outcome] = perform(destinations.ARCHIVE, seen, actor=self.caller.actor)
            if outcome.refusal:
                raise Refused.by(outcome.refusal)
            row = wallet_of(self.own, wallet_id)
        return Response(shapes.wallet(row))


def wallet_of(client: Client, wallet_id: UUID) -> Wallet:
    return get_object_or_404(Wallet.objects.for_client(client), public_id=wallet_id)


class Estimate(PortalView):
    scopes = {"POST": Scope.PAYOUTS_READ}

    def post(self, request: Request) -> Response:
        """Say whether an amount can be paid, and what arrives."""
        asked = shapes.AskedEstimate.read(request.data)
        network, currency = asked["network"], asked["currency"].upper()
        if refusal := refusal_of_coin(network, currency, asked["amount"]):
            raise Refused.by(refusal)
        method = PayoutMethod.objects.get(network=network, currency=currency)
        return Response(shapes.estimate(method, asked))


class Payouts(PortalView):
    scopes = {"GET": Scope.PAYOUTS_READ, "POST": Scope.PAYOUTS_REQUEST}
    filters = PayoutFilters.names() | Pages.NAMES

    def get(self, request: Request) -> Response:
        rows = PayoutFilters.applied(request.query_params, shown(self.own))
        return Pages(["-number"]).of(rows, self, as_listed)

    def post(self, request: Request) -> Response:
        asked = shapes.AskedPayout.read(request.data)

        def make(key: str) -> Made:
            with clock.one_moment() as moment:
                row = request_payout(
                    **asked | {"wallet": asked_wallet(self.own, asked["wallet"])},
                    client=self.own,
                    idempotency_key=idempotency.api(key),
                    origin=Origin.API,
                    actor=self.caller.actor,
                    installation=settings.INSTALLATION,
                )
            is_new = row.requested_at == moment
            return Made(detail_of_new(row) if is_new else detail(self.own, row.pk), str(row), row)

        def show(payout_id: str) -> shapes.PayoutInFullShape:
            return detail(self.own, UUID(payout_id))

        return create_once(request, self.own, make, show)


def asked_wallet(client: Client, wallet_id: UUID) -> Wallet:
    try:
        return wallet_of(client, wallet_id)
    except Http404 as exc:
        raise AboutMember("wallet", PortalCode.NOT_FOUND) from exc


class OnePayout(PortalView):
    scopes = {"GET": Scope.PAYOUTS_READ}

    def get(self, _request: Request, payout_id: UUID) -> Response:
        return Response(detail(self.own, payout_id))


class CancelPayout(PortalView):
    scopes = {"POST": Scope.PAYOUTS_CANCEL}

    def post(self, request: Request, payout_id: UUID) -> Response:
        """Cancel a payout that was not sent; one that is cancelled already stays so."""
        asked = shapes.AskedCancel.read(request.data)
        found = detail(self.own, payout_id)
        if found["status"] == "cancelled":
            return Response(found)
        reason = asked.get("reason") or CANCELLED_BY_CLIENT
        seen = see([Payout.objects.get(pk=payout_id)])
        [outcome] = perform(operations.CANCEL, seen, actor=self.caller.actor, reason=reason)
        if outcome.refusal:
            raise Refused.by(outcome.refusal)
        return Response(detail(self.own, payout_id))


class Limits(PortalView):
    scopes = {"GET": Scope.PAYOUTS_READ}

    def get(self, _request: Request) -> Response:
        """Show a client its own limits; those of a coin and of the desk are the desk's."""
        answer: shapes.LimitsShape = {"results": list(map(shapes.limit, limits_of(self.own)))}
        return Response(answer)


class Simulate(PortalView):
    """Exists while the gateway is the sandbox; with a real one it is an address like any other."""

    scopes = {"POST": Scope.PAYOUTS_REQUEST}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not sandbox.is_gateway():
            return not_found(request)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: Request, payout_id: UUID) -> Response:
        """Have the sandbox do something to a payout that a real gateway does now and then."""
        fault = shapes.AskedFault.read(request.data)["fault"]
        row = get_object_or_404(Payout.objects.for_client(self.own), pk=payout_id)
        if fault not in SIMULATIONS:
            names = ", ".join(SIMULATIONS)
            raise Invalid([("fault", Refusal(PortalCode.FAULT_UNKNOWN, names=names))])
        if row.is_ended:
            raise Refused(PortalCode.FAULT_TOO_LATE)
        try:
            sandbox.simulate(fault, row.order_id(settings.INSTALLATION))
        except sandbox.TooLate as exc:
            raise Refused(PortalCode.FAULT_TOO_LATE) from exc
        except sandbox.Silent as exc:
            raise Refused(PortalCode.SANDBOX_SILENT) from exc
        done: shapes.SimulationShape = {
            "payout": str(row.pk),
            "number": str(row),
            "fault": fault,
        }
        return Response(done)


class Events(PortalView):
    scopes = {"GET": Scope.EVENTS_READ}
    filters = frozenset({"after", "page_size"})

    def get(self, request: Request) -> Response:
        """What changed after a cursor: of one client, or of all for a portal that names none."""
        size = Pages.size(request.query_params.get("page_size"))
        return Response(feed.page(request.query_params.get("after"), size, self.caller.client))


# What is shown of payouts


def shown(client: Client) -> PayoutQuerySet:
    rows: PayoutQuerySet = with_differs(Payout.objects.for_client(client))
    return rows.select_related("wallet").prefetch_related(
        Prefetch("attempts", Attempt.objects.order_by("generation"))
    )


def as_listed(row: Any) -> shapes.PayoutShape:
    return shapes.payout(row, differs=row.differs)


def detail(client: Client, payout_id: UUID) -> shapes.PayoutInFullShape:
    row: Any = get_object_or_404(shown(client), pk=payout_id)
    events = list(row.events.order_by("number"))
    return {**as_listed(row), **shapes.timeline(row, events, differs=row.differs)}


def detail_of_new(row: Payout) -> shapes.PayoutInFullShape:
    """Return the detail of a payout that was stored this moment, without reading it again."""
    requested = PayoutEvent(to_status=row.status, at=row.requested_at)
    timeline = shapes.timeline(row, [requested], differs=False)
    return {**shapes.payout(row, differs=False), **timeline}
