"""Refusals of the API, as RFC 9457 has them: a code, a sentence and the member that it is about.

What the core refuses is said with its own code and sentence where that names nothing of the desk
(`AS_IT_IS`), by another one where a client is to know something of it (`INSTEAD`), and else only as
“not possible now”.
"""

import logging
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, NotRequired, TypedDict

from django.http import Http404, HttpRequest, JsonResponse
from django.urls import resolve
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from audit.codes import AuditCode, Code
from audit.refusals import NotAllowed, Refusal, Refused
from payouts.codes import PayoutCode
from payouts.controls.codes import ControlsCode
from payouts.portal.codes import PortalCode
from payouts.portal.values import AmountText, Instant, Says, known, stamp
from wallets.codes import WalletCode
from wallets.errors import InvalidAddress

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

AS_IT_IS = {
    *PortalCode,
    *(AuditCode.TOO_LONG, AuditCode.UNSEEN, AuditCode.MIXED_SCRIPTS, AuditCode.BLANK_AT_END),
    *(WalletCode.AMOUNT, WalletCode.ADDRESS, WalletCode.INVALID, WalletCode.CLIENT_CLOSED),
    *(WalletCode.METHOD_UNKNOWN, WalletCode.METHOD_UNAVAILABLE),
    *(WalletCode.BELOW_MINIMUM, WalletCode.ABOVE_MAXIMUM, WalletCode.JUST_ADDED),
    *(PayoutCode.PURPOSE_MISSING, PayoutCode.CATEGORY_UNKNOWN, PayoutCode.DATE_TOO_FAR),
    ControlsCode.CLIENT_LIMIT,
}
INSTEAD: dict[Code, Code] = {
    WalletCode.WALLET_NOT_ACTIVE: PortalCode.WALLET_NOT_READY,
    WalletCode.WALLET_FROZEN: PortalCode.WALLET_NOT_READY,
    WalletCode.WALLET_ARCHIVED: PortalCode.ARCHIVED,
    WalletCode.WALLET_STATUS: PortalCode.WALLET_NOT_READY,
    WalletCode.DOUBTFUL_ADDRESS: PortalCode.ADDRESS_DOUBTFUL,
    WalletCode.MEMO_NEEDED: PortalCode.ADDRESS_NEEDS_MEMO,
    PayoutCode.PAYOUT_STATUS: PortalCode.TOO_LATE,
    PayoutCode.AT_HELEKET: PortalCode.TOO_LATE,
    PayoutCode.OPEN_DISCREPANCY: PortalCode.BEING_REVIEWED,
    PayoutCode.BEING_CANCELLED: PortalCode.BEING_REVIEWED,
    PayoutCode.NOT_YOURS: PortalCode.NOT_ASKED_HERE,
    PayoutCode.KEY_USED: PortalCode.IDEMPOTENCY_REUSED,
}
STATUS: dict[Code, HTTPStatus] = {
    PortalCode.NOT_JSON: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    PortalCode.UNREADABLE: HTTPStatus.BAD_REQUEST,
    PortalCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    PortalCode.TOO_DEEP: HTTPStatus.BAD_REQUEST,
    PortalCode.INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    PortalCode.IDEMPOTENCY_ABSENT: HTTPStatus.BAD_REQUEST,
    PortalCode.IDEMPOTENCY_UNFIT: HTTPStatus.BAD_REQUEST,
    PortalCode.IDEMPOTENCY_BUSY: HTTPStatus.CONFLICT,
    PortalCode.CLIENT_ABSENT: HTTPStatus.BAD_REQUEST,
    PortalCode.CLIENT_UNREADABLE: HTTPStatus.BAD_REQUEST,
    PortalCode.CLIENT_NOT_YOURS: HTTPStatus.BAD_REQUEST,
    PortalCode.KEY_IN_URL: HTTPStatus.BAD_REQUEST,
    PortalCode.CURSOR: HTTPStatus.BAD_REQUEST,
    PortalCode.FEED_RENEWED: HTTPStatus.GONE,
    PortalCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    PortalCode.SLASH_MISSING: HTTPStatus.NOT_FOUND,
    PortalCode.METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    PortalCode.THROTTLED: HTTPStatus.TOO_MANY_REQUESTS,
    PortalCode.FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    PortalCode.KEY_ABSENT: HTTPStatus.UNAUTHORIZED,
    PortalCode.KEY_UNKNOWN: HTTPStatus.UNAUTHORIZED,
    PortalCode.KEY_REVOKED: HTTPStatus.UNAUTHORIZED,
    PortalCode.KEY_WAITING: HTTPStatus.UNAUTHORIZED,
    PortalCode.KEY_EXPIRED: HTTPStatus.UNAUTHORIZED,
    PortalCode.KEY_OF_CLOSED: HTTPStatus.FORBIDDEN,
    PortalCode.KEY_ELSEWHERE: HTTPStatus.FORBIDDEN,
    PortalCode.SCOPE_MISSING: HTTPStatus.FORBIDDEN,
    PortalCode.PORTAL_ONLY: HTTPStatus.FORBIDDEN,
    PortalCode.TOO_LATE: HTTPStatus.CONFLICT,
    PortalCode.BEING_REVIEWED: HTTPStatus.CONFLICT,
    PortalCode.CLOSED_BY_DESK: HTTPStatus.CONFLICT,
    PortalCode.TOO_MANY_ENDPOINTS: HTTPStatus.CONFLICT,
    PortalCode.ENDPOINT_STOPPED: HTTPStatus.CONFLICT,
    PortalCode.SECRET_JUST_RENEWED: HTTPStatus.CONFLICT,
    PortalCode.NOT_POSSIBLE: HTTPStatus.CONFLICT,
    PortalCode.FAULT_TOO_LATE: HTTPStatus.CONFLICT,
    PortalCode.SANDBOX_SILENT: HTTPStatus.SERVICE_UNAVAILABLE,
    WalletCode.JUST_ADDED: HTTPStatus.CONFLICT,
}
# The member of a request that a refusal is about, where the code that the core gives says it.
MEMBER_OF: dict[Code, str] = {
    WalletCode.AMOUNT: "amount",
    WalletCode.BELOW_MINIMUM: "amount",
    WalletCode.ABOVE_MAXIMUM: "amount",
    ControlsCode.CLIENT_LIMIT: "amount",
    WalletCode.METHOD_UNKNOWN: "currency",
    WalletCode.METHOD_UNAVAILABLE: "currency",
    WalletCode.ADDRESS: "address",
    WalletCode.DOUBTFUL_ADDRESS: "address",
    WalletCode.MEMO_NEEDED: "memo",
    PayoutCode.PURPOSE_MISSING: "purpose",
    PayoutCode.CATEGORY_UNKNOWN: "category",
    PayoutCode.DATE_TOO_FAR: "pay_from",
    PortalCode.NAME_MISSING: "name",
    PortalCode.URL_UNFIT: "url",
    PortalCode.URL_INSECURE: "url",
    PortalCode.URL_NOWHERE: "url",
    PortalCode.EVENT_TYPE_UNKNOWN: "event_types",
}
# What stands in `errors`, of a member or filter.
OF_ONE_MEMBER = [
    *(PortalCode.UNKNOWN_MEMBER, PortalCode.UNKNOWN_FILTER, PortalCode.MEMBER),
    *(PortalCode.PAGE_SIZE, PortalCode.CURSOR, PortalCode.FAULT_UNKNOWN),
]


class Invalid(Exception):
    """Members of a request that are not as they have to be: pairs of a member and its refusal."""

    def __init__(self, errors: list[tuple[str, Refusal]]) -> None:
        self.errors = errors
        super().__init__(PortalCode.INVALID_REQUEST)


class FaultShape(TypedDict):
    """What is wrong with one member."""

    field: str
    code: Annotated[str, Says(**known(map(str, OF_ONE_MEMBER)))]
    detail: str


class ProblemShape(TypedDict):
    """Why a request was refused, by RFC 9457."""

    type: Annotated[str, Says(enum=["about:blank"])]
    title: Annotated[str, Says("The words of the status.")]
    status: int
    code: Annotated[str, Says("What a program goes by. It never changes.")]
    detail: Annotated[str, Says("A sentence for people. It may be worded anew.")]
    field: NotRequired[Annotated[str, Says("The member that it is about.")]]
    errors: NotRequired[Annotated[list[FaultShape], Says("Each member that is wrong.")]]
    # Of a limit that would be passed, named as in `limits/`.
    hours: NotRequired[int]
    currency: NotRequired[str]
    limit: NotRequired[AmountText]
    used: NotRequired[AmountText]
    left: NotRequired[AmountText]
    frees_at: NotRequired[Instant | None]


def problem(refusal: Refusal, **more: Any) -> ProblemShape:
    """Return the body that says this to a client."""
    refusal = for_clients(refusal)
    status = status_of(refusal.code)
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "code": str(refusal.code),
        "detail": refusal.sentence,
        **(limit_of(refusal) | more),  # type: ignore[typeddict-item]  # what not every one has
    }


def limit_of(refusal: Refusal) -> dict[str, Any]:
    """Return the members that name the limit which a request would pass."""
    if refusal.code != ControlsCode.CLIENT_LIMIT:
        return {}
    frees_at = refusal.facts.get("frees_at")
    given = {name: refusal.facts[name] for name in ("hours", "currency", "limit", "used", "left")}
    return {**given, "frees_at": stamp(frees_at) if isinstance(frees_at, datetime) else None}


def status_of(code: Code) -> HTTPStatus:
    return STATUS.get(code, HTTPStatus.UNPROCESSABLE_ENTITY)


def for_clients(refusal: Refusal) -> Refusal:
    if refusal.code in AS_IT_IS:
        return refusal
    if refusal.code == PayoutCode.KEY_USED:
        return Refusal(PortalCode.IDEMPOTENCY_REUSED, made=refusal.facts["payout"])
    return Refusal(INSTEAD.get(refusal.code, PortalCode.NOT_POSSIBLE))


def responded(refusal: Refusal, **more: Any) -> Response:
    body = problem(refusal, **more)
    headers = {"WWW-Authenticate": "Bearer"} if body["status"] == HTTPStatus.UNAUTHORIZED else {}
    return Response(body, status=body["status"], content_type=CONTENT_TYPE, headers=headers)


def respond(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raises into a problem; what it did is undone."""
    set_rollback()
    if isinstance(exc, Invalid):
        return responded(Refusal(PortalCode.INVALID_REQUEST), errors=list(map(error, exc.errors)))
    if (refusal := refusal_in(exc)) is None:
        return None
    field = exc.field if isinstance(exc, AboutMember) else MEMBER_OF.get(refusal.code)
    response = responded(refusal, **({"field": field} if field else {}))
    if refusal.code == PortalCode.THROTTLED:
        response["Retry-After"] = str(refusal.facts["seconds"])
    if isinstance(exc, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


class AboutMember(Refused):
    """A refusal that is about a member of the request which its code does not say."""

    def __init__(self, field: str, code: Code, **facts: object) -> None:
        self.field = field
        super().__init__(code, **facts)


def error(found: tuple[str, Refusal]) -> FaultShape:
    field, refusal = found
    refusal = for_clients(refusal)
    return {"field": field, "code": str(refusal.code), "detail": refusal.sentence}


def refusal_in(exc: Exception) -> Refusal | None:
    """Return what an exception of the core or of the framework refuses, or None for a fault."""
    match exc:
        case NotAllowed():
            return Refusal(PortalCode.NOT_POSSIBLE)
        case Refused():
            return exc.refusal
        case InvalidAddress():
            return Refusal(WalletCode.ADDRESS, why=str(exc))
        case Http404() | exceptions.NotFound():
            return Refusal(PortalCode.NOT_FOUND)
        case exceptions.MethodNotAllowed():
            return Refusal(PortalCode.METHOD)
        case exceptions.UnsupportedMediaType():
            return Refusal(PortalCode.NOT_JSON)
        case exceptions.APIException():
            return Refusal(PortalCode.MEMBER, why=_("The request cannot be read."))
    return None


def is_of_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


@csrf_exempt  # else a POST to it would be answered with a page about cookies
def not_found(request: HttpRequest, *_args: Any, **_kwargs: Any) -> JsonResponse:
    """Answer any address under /api/ that is none."""
    is_near = resolve(f"{request.path_info}/").func is not not_found
    return as_json(Refusal(PortalCode.SLASH_MISSING if is_near else PortalCode.NOT_FOUND))


def as_json(refusal: Refusal) -> JsonResponse:
    body = problem(refusal)
    return JsonResponse(body, status=body["status"], content_type=CONTENT_TYPE)
