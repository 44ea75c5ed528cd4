"""The endpoints about webhooks. A key of the portal that names no client has those of the portal,
which hear of all clients; else they are those of the client."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from payouts.portal import feed
from payouts.portal.bodies import Asked
from payouts.portal.filters import DeliveryFilters, Pages
from payouts.portal.idempotent import Made, create_once, is_answered
from payouts.portal.models import Scope, WebhookEndpoint
from payouts.portal.views import PortalView
from payouts.portal.webhooks import deliveries, endpoints, shapes
from payouts.portal.webhooks.receivers import checked_url


class WebhookView(PortalView):
    scopes: ClassVar[dict[str, Scope]] = dict.fromkeys(
        ("GET", "POST", "PATCH", "DELETE"), Scope.WEBHOOKS_WRITE
    )

    def found(self, endpoint_id: UUID) -> WebhookEndpoint:
        return get_object_or_404(self.own_ones, pk=endpoint_id)

    @property
    def own_ones(self) -> QuerySet[WebhookEndpoint]:
        return WebhookEndpoint.objects.present().filter(client=self.caller.client)


class Endpoints(WebhookView):
    def get(self, _request: Request) -> Response:
        answer: shapes.EndpointsShape = {"results": list(map(shapes.endpoint, self.own_ones))}
        return Response(answer)

    def post(self, request: Request) -> Response:
        """Have webhooks sent. What signs them is read at `secret/`."""
        asked = shapes.AskedEndpoint.read(request.data)
        client = self.caller.client
        if not is_answered(request, client):
            asked["url"] = checked_url(asked["url"])

        def make(_key: str) -> Made:
            row = endpoints.add_endpoint(client=client, **asked, actor=self.caller.actor)
            return Made(shapes.endpoint(row), f"the webhook endpoint {row.pk}")

        def show(endpoint_id: str) -> shapes.EndpointShape:
            return shapes.endpoint(self.found(UUID(endpoint_id)))

        return create_once(request, client, make, show)


class OneEndpoint(WebhookView):
    def get(self, _request: Request, endpoint_id: UUID) -> Response:
        return Response(shapes.endpoint(self.found(endpoint_id)))

    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change what is named. `active: false` stops it, `true` sends what it missed since."""
        asked = shapes.AskedChange.read(request.data)
        if "url" in asked:
            asked["url"] = checked_url(asked["url"])
        if "active" in asked:
            asked["is_active"] = asked.pop("active")
        row = self.found(endpoint_id)
        row = endpoints.change_endpoint(row.pk, **asked, actor=self.caller.actor)
        return Response(shapes.endpoint(row))

    def delete(self, _request: Request, endpoint_id: UUID) -> Response:
        endpoints.remove_endpoint(self.found(endpoint_id).pk, actor=self.caller.actor)
        return Response(status=204)


class Secret(WebhookView):
    def get(self, _request: Request, endpoint_id: UUID) -> Response:
        return secret(self.found(endpoint_id))


class RotateSecret(WebhookView):
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Sign with a new secret from now on, and with the old one too for a day."""
        Asked.read(request.data)
        row = self.found(endpoint_id)
        return secret(endpoints.rotate_secret(row.pk, actor=self.caller.actor))


def secret(row: WebhookEndpoint) -> Response:
    shown: shapes.SecretShape = {"secret": endpoints.secret_of(row)}
    return Response(shown, headers={"Cache-Control": "no-store"})


class Deliveries(WebhookView):
    filters = DeliveryFilters.names() | Pages.NAMES

    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """What was sent or waits to be, the newest event first."""
        rows = self.found(endpoint_id).deliveries.select_related("event", "endpoint")
        rows = DeliveryFilters.applied(request.query_params, rows)
        ours = feed.feed()

        def shaped(row: Any) -> shapes.DeliveryShape:
            return shapes.delivery(row, ours)

        return Pages(["-event_id"]).of(rows, self, shaped)


class Redeliver(WebhookView):
    def post(self, request: Request, endpoint_id: UUID, event_id: str) -> Response:
        """Send it once more, under the same id."""
        Asked.read(request.data)
        row, ours = self.found(endpoint_id), feed.feed()
        if (number := feed.number_of(event_id, ours)) is None:
            raise Http404
        delivery = deliveries.redeliver(row.pk, number, actor=self.caller.actor)
        return Response(shapes.delivery(delivery, ours), status=202)
