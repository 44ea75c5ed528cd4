import logging
import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

from audit.refusals import Refusal
from payouts.portal.codes import PortalCode
from payouts.portal.problems import as_json, is_of_api

logger = logging.getLogger("payouts.portal")

Respond = Callable[[HttpRequest], HttpResponse]


def refuse_nul(get_response: Respond) -> Respond:
    """Answer 400 to a NUL in an address: PostgreSQL has no such character to look for."""

    def respond(request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or "\0" in request.path:
            if is_of_api(request):
                return as_json(Refusal(PortalCode.INVALID_REQUEST))
            return HttpResponseBadRequest("The address has a character that cannot be read.")
        return get_response(request)

    return respond


REQUEST_ID = re.compile("[A-Za-z0-9_.:-]{1,100}")


def name_requests(get_response: Respond) -> Respond:
    """Answer and log each request of the API with its id: the caller's own, or one made here."""

    def respond(request: HttpRequest) -> HttpResponse:
        if not is_of_api(request):
            return get_response(request)
        given = request.headers.get("X-Request-Id", "")
        name = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        response = get_response(request)
        response["X-Request-Id"] = name
        logger.info("%s %s: %d (%s)", request.method, request.path, response.status_code, name)
        return response

    return respond
