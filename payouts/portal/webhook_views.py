"""The endpoints about webhooks. A key of the portal that names no client has those of the portal,
which hear of all clients; else they are those of the client."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from payouts.portal import deliveries, endpoints, feed, shapes
from payouts.portal.filters import DeliveryFilters, Pages
from payouts.portal.idempotent import Made, create_once
from payouts.portal.models import Scope, WebhookEndpoint
from payouts.portal.views import PortalView


class WebhookView(PortalView):
    scopes: ClassVar[dict[str, Scope]] = dict.fromkeys(
        ("GET", "POST", "PATCH", "DELETE"), Scope.WEBHOOKS_WRITE
    )

    def found(self, endpoint_id: UUID) -> WebhookEndpoint:
        return get_object_or_404(
            WebhookEndpoint, pk=endpoint_id, client=self.caller.client, removed_at=None
        )


class Endpoints(WebhookView):
    filters = Pages.NAMES

    def get(self, _request: Request) -> Response:
        rows = WebhookEndpoint.objects.filter(client=self.caller.client, removed_at=None)
        return Pages(["-created_at", "-pk"]).of(rows, self, shapes.endpoint)

    def post(self, request: Request) -> Response:
        """Have webhooks sent. What signs them is read at `secret/`."""
        asked = shapes.AskedEndpoint.read(request.data)
        client = self.caller.client

        def make(_key: str) -> Made:
            row = endpoints.add_endpoint(client=client, **asked, actor=self.caller.actor)
            return Made(shapes.endpoint(row), f"the webhook endpoint {row.pk}")

        return create_once(request, client, make)


class OneEndpoint(WebhookView):
    def get(self, _request: Request, endpoint_id: UUID) -> Response:
        return Response(shapes.endpoint(self.found(endpoint_id)))

    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change what is named. `active: false` stops it, `true` sends what it missed since."""
        asked = shapes.AskedChange.read(request.data)
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
        shapes.AskedNothing.read(request.data)
        row = self.found(endpoint_id)
        return secret(endpoints.rotate_secret(row.pk, actor=self.caller.actor))


def secret(row: WebhookEndpoint) -> Response:
    return Response({"secret": endpoints.secret_of(row)}, headers={"Cache-Control": "no-store"})


class Deliveries(WebhookView):
    filters = DeliveryFilters.names() | Pages.NAMES

    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """What was sent or waits to be, the newest event first."""
        rows = self.found(endpoint_id).deliveries.select_related("event")
        rows = DeliveryFilters.applied(request.query_params, rows)
        ours = feed.feed()

        def shaped(row: Any) -> dict[str, Any]:
            return shapes.delivery(row, ours)

        return Pages(["-event_id"]).of(rows, self, shaped)


class Redeliver(WebhookView):
    def post(self, request: Request, endpoint_id: UUID, event_id: str) -> Response:
        """Send it once more, under the same id."""
        shapes.AskedNothing.read(request.data)
        row, ours = self.found(endpoint_id), feed.feed()
        if (number := feed.number_of(event_id, ours)) is None:
            raise Http404
        delivery = deliveries.redeliver(row.pk, number, actor=self.caller.actor)
        return Response(shapes.delivery(delivery, ours), status=202)
