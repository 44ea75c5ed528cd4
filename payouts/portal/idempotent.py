"""`Idempotency-Key`: a request that creates is answered once, and its repeats alike.

After a month a repeat is shown what was made as it is by then: the key is never free again.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from audit import clock
from audit.refusals import Refused
from payouts.models import Payout
from payouts.portal.codes import PortalCode
from payouts.portal.models import ApiAnswer
from wallets.models import Client

HEADER = "Idempotency-Key"
FORM = r'[!#-~][!-~]{0,149}|"(?:[!#-\[\]-~]|\\["\\]){1,150}"'  # plain, or a quoted string
LOCKS = 0x61706931  # "api1": a space of its own among the advisory locks


@dataclass(frozen=True)
class Made:
    """What a request created: its representation with its `id`, and what a person calls it."""

    body: Mapping[str, Any]
    name: str
    payout: Payout | None = None


def key_of(request: Request) -> str:
    """Return the key, written plainly or as a quoted string. Raises Refused."""
    if (text := request.headers.get(HEADER)) is None:
        raise Refused(PortalCode.IDEMPOTENCY_ABSENT)
    if not re.fullmatch(FORM, text):
        raise Refused(PortalCode.IDEMPOTENCY_UNFIT)
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text


def create_once(
    request: Request,
    client: Client | None,
    make: Callable[[str], Made],
    show: Callable[[str], Mapping[str, Any]],
) -> Response:
    """Create by `make`, which gets the key, or answer as before. All of it is one transaction.

    `show` gets the id of something that was made so long ago that its answer is not kept.
    Without a client it is the portal's own. Raises Refused for a key that was used for something
    else, or that is being answered.
    """
    key = key_of(request)
    asked = fingerprint(request)
    try:
        with transaction.atomic():
            take_turn(client, key)
            if known := ApiAnswer.objects.filter(client=client, key=key).first():
                return replayed(known, asked, show)
            made = make(key)
            ApiAnswer.objects.create(
                client=client,
                key=key,
                fingerprint=asked,
                status=ApiAnswer.MADE,
                body=json.dumps(made.body),
                made=made.name,
                payout=made.payout,
                at=clock.now(),
            )
    except IntegrityError as exc:  # of the same key, on a database without turns
        raise Refused(PortalCode.IDEMPOTENCY_BUSY) from exc
    return Response(made.body, status=ApiAnswer.MADE)


def is_answered(request: Request, client: Client | None) -> bool:
    """Whether a request with this key was answered already, so that this one makes nothing."""
    return ApiAnswer.objects.filter(client=client, key=key_of(request)).exists()


def fingerprint(request: Request) -> str:
    asked = [request.method, request.path, request.data]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def take_turn(client: Client | None, key: str) -> None:
    """Let no other request with this key run until this one has ended. Raises Refused."""
    if connection.vendor != "postgresql":
        return  # one transaction writes at a time
    digest = hashlib.sha256(f"{client.pk if client else '-'} {key}".encode()).digest()
    number = int.from_bytes(digest[:4], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCKS, number])
        [is_mine] = cursor.fetchone()
    if not is_mine:
        raise Refused(PortalCode.IDEMPOTENCY_BUSY)


def replayed(known: ApiAnswer, asked: str, show: Callable[[str], Mapping[str, Any]]) -> Response:
    if known.fingerprint != asked:
        raise Refused(PortalCode.IDEMPOTENCY_REUSED, made=known.made)
    body = json.loads(known.body)
    if known.status == ApiAnswer.SHORTENED:
        body = show(body["id"])
    return Response(body, status=known.status, headers={"Idempotent-Replayed": "true"})
