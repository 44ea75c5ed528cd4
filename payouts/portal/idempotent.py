"""`Idempotency-Key`: a request that creates is answered once, and its repeats alike."""

import hashlib
import json
from collections.abc import Callable
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
LONGEST = 150
LOCKS = 0x61706931  # "api1": a space of its own among the advisory locks


@dataclass(frozen=True)
class Made:
    """What a request created: its representation, and what a person calls it."""

    body: dict[str, Any]
    name: str
    payout: Payout | None = None


def key_of(request: Request) -> str:
    """Return the key, written plainly or as a quoted string. Raises Refused."""
    if (text := request.headers.get(HEADER)) is None:
        raise Refused(PortalCode.IDEMPOTENCY_ABSENT)
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not 0 < len(text) <= LONGEST or not all("!" <= each <= "~" for each in text):
        raise Refused(PortalCode.IDEMPOTENCY_UNFIT)
    return text


def create_once(request: Request, client: Client | None, make: Callable[[str], Made]) -> Response:
    """Create by `make`, which gets the key, or answer as before. All of it is one transaction.

    Without a client it is the portal's own. Raises Refused for a key that was used for something
    else, or that is being answered.
    """
    key = key_of(request)
    asked = fingerprint(request)
    try:
        with transaction.atomic():
            take_turn(client, key)
            if known := ApiAnswer.objects.filter(client=client, key=key).first():
                return replayed(known, asked)
            made = make(key)
            ApiAnswer.objects.create(
                client=client,
                key=key,
                fingerprint=asked,
                status=201,
                body=json.dumps(made.body),
                made=made.name,
                payout=made.payout,
                at=clock.now(),
            )
    except IntegrityError as exc:  # of the same key, on a database without turns
        raise Refused(PortalCode.IDEMPOTENCY_BUSY) from exc
    return Response(made.body, status=201)


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


def replayed(known: ApiAnswer, asked: str) -> Response:
    if known.fingerprint != asked:
        raise Refused(PortalCode.IDEMPOTENCY_REUSED, made=known.made)
    headers = {"Idempotent-Replayed": "true"}
    return Response(json.loads(known.body), status=known.status, headers=headers)
