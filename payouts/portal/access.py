"""Who asks: an API key, and the client that it acts for."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from audit.actor import Actor
from audit.refusals import Refused
from payouts.portal import throttle
from payouts.portal.codes import PortalCode
from payouts.portal.keys import ALPHABET, MARK, VISIBLE, key_shown
from payouts.portal.models import ApiKey, Scope
from wallets.models import Client

FOR_CLIENT = "Desk-Client"
ENCODED = "UTF-8''"  # how RFC 8187 begins what is no ASCII
KEY = re.compile(f"{MARK}[{ALPHABET}]{{{VISIBLE}}}_")


@dataclass(frozen=True)
class Caller:
    """A key that was shown, and what its request names a client by, if it does."""

    key: ApiKey
    named: str | None

    @cached_property
    def client(self) -> Client | None:
        """The client that the request is about, if any. Raises Refused for a name of nobody."""
        return client_of(self.key, self.named)

    def refuse_nobody(self) -> None:
        """Raise Refused if the request names a client that there is not, or may not name one."""
        self.client  # noqa: B018  # finding it is what may raise

    @property
    def actor(self) -> Actor:
        return Actor.key(
            self.key.pk,
            client_id=self.client.pk if self.client else None,
            rights=self.key.rights,
            issuer_id=self.key.issued_by_id,
        )

    @property
    def own(self) -> Client:
        """The client that it acts for. Raises Refused without one."""
        if self.client is None:
            raise Refused(PortalCode.CLIENT_ABSENT)
        return self.client

    def require(self, scope: Scope) -> None:
        if scope not in self.key.scopes:
            raise Refused(PortalCode.SCOPE_MISSING, scope=scope)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer desk_…`, and `Desk-Client` with a key of the portal's own."""

    def authenticate(self, request: Request) -> tuple[Any, Caller]:
        refuse_key_in_url(request)
        scheme, _blank, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise Refused(PortalCode.KEY_ABSENT)
        address = request.META["REMOTE_ADDR"]
        try:
            key = key_shown(text.strip(), address)
        except Refused:
            # Whoever has a key is let in from the address of a guesser, too: it may be a proxy's.
            throttle.refuse_guesser(address)
            throttle.count_wrong_key(address)
            raise
        return AnonymousUser(), Caller(key, request.headers.get(FOR_CLIENT))


def refuse_key_in_url(request: Request) -> None:
    if KEY.search(request.META.get("QUERY_STRING", "")) or KEY.search(request.path):
        raise Refused(PortalCode.KEY_IN_URL)


def client_of(key: ApiKey, named: str | None) -> Client | None:
    """Return whom a key acts for. Raises Refused for a name that it cannot act for."""
    if key.client is not None:
        if named is not None:
            raise Refused(PortalCode.CLIENT_NOT_YOURS)
        return key.client
    if named is None:
        return None
    client = Client.objects.filter(external_id=external_id(named)).first()
    if client is None:
        raise Refused(PortalCode.NOT_FOUND)
    return client


def external_id(text: str) -> str:
    """Return the id that a header names: as it is, or percent-encoded behind `UTF-8''`.

    Other than ASCII as it is would be guessed at: some send it as UTF-8, others as Latin-1. Raises
    Refused.
    """
    encoded = text[: len(ENCODED)].upper() == ENCODED
    try:
        name = unquote(text[len(ENCODED) :], errors="strict") if encoded else text
    except UnicodeDecodeError as exc:
        raise Refused(PortalCode.CLIENT_UNREADABLE) from exc
    if not text.isascii() or "\0" in name:  # which PostgreSQL cannot look for
        raise Refused(PortalCode.CLIENT_UNREADABLE)
    return name
