"""What describes the API: a document for programs, and a page of it for people. Both are public."""

from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payouts.portal.bodies import AlwaysJson
from payouts.portal.openapi import document
from payouts.portal.problems import respond


class OpenApi(APIView):
    schema = None  # it does not describe itself
    authentication_classes = []
    permission_classes = []
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson

    def get_exception_handler(self) -> Any:
        return respond

    def get(self, _request: Request) -> Response:
        return Response(document(), content_type="application/vnd.oai.openapi+json")
