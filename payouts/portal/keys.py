"""API keys: issuing and revoking them, and knowing one that is shown."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network
from uuid import UUID

from django.db import transaction

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import needed
from payouts.portal.codes import PortalCode
from payouts.portal.models import OF_PORTAL, ApiKey, Scope
from wallets.models import Client

MARK = "desk_"  # by which scanners for secrets find one
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
VISIBLE = 8
USED_EVERY = timedelta(minutes=1)  # so often its last use is written


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def issue_key(
    *,
    name: str,
    scopes: Iterable[str],
    client: Client | None = None,
    expires_at: datetime | None = None,
    networks: Iterable[str] = (),
    nonce: UUID | None = None,
    is_trial: bool = False,
    actor: Actor,
) -> tuple[ApiKey, str]:
    """Return a new key and its text, which nobody can read again.

    `nonce` is that of a form, which issues one key however often it is sent. With `is_trial`
    nothing is stored. Raises Refused.
    """
    actor.require("payouts_portal.issue_apikey")
    if nonce is not None and ApiKey.objects.filter(nonce=nonce).exists():
        raise Refused(PortalCode.KEY_ISSUED_ALREADY)
    prefix = MARK + "".join(secrets.choice(ALPHABET) for _ in range(VISIBLE))
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    if expires_at is not None and expires_at <= clock.now():
        raise Refused(PortalCode.EXPIRES_IN_PAST)
    with transaction.atomic():
        key = ApiKey(
            nonce=nonce,
            name=needed(name, at_most=64),
            prefix=prefix,
            digest=digest_of(text),
            client=client,
            scopes=checked_scopes(scopes, client),
            networks=[checked_network(each) for each in networks],
            issued_by=actor.person,
            issued_at=clock.now(),
            expires_at=expires_at,
        )
        if is_trial:
            return key, text
        key.save(force_insert=True)
        facts = {"key": key.prefix, "scopes": " ".join(key.scopes)}
        if client is not None:
            facts["client"] = str(client.pk)
        log_event(DeskEvent.Type.ISSUE_KEY, actor=actor, **facts)
    return key, text


def checked_scopes(scopes: Iterable[str], client: Client | None) -> list[str]:
    asked = sorted(set(scopes))
    if not asked:
        raise Refused(PortalCode.NO_SCOPE)
    for scope in asked:
        if scope not in Scope.values:
            raise Refused(PortalCode.SCOPE_UNKNOWN, scope=scope)
        if client is not None and scope in OF_PORTAL:
            raise Refused(PortalCode.SCOPE_OF_PORTAL, scope=scope)
    return asked


def checked_network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError as exc:
        raise Refused(PortalCode.NETWORK_UNREADABLE, text=text) from exc


def revoke_key(key_id: int, *, reason: str, actor: Actor) -> ApiKey:
    """Refuse a key from now on, whatever it is in the middle of. Raises Refused."""
    actor.require("payouts_portal.issue_apikey")
    reason = needed(reason)
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().filter(pk=key_id).first()
        if key is None:
            raise Refused(PortalCode.UNKNOWN_KEY)
        if key.revoked_at is not None:
            raise Refused(PortalCode.KEY_OVER)
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])
        log_event(DeskEvent.Type.REVOKE_KEY, Reason(words=reason), actor=actor, key=key.prefix)
    return key


def key_shown(text: str, address: str) -> ApiKey:
    """Return the key of this text, if it may be used from this address. Raises Refused.

    Why one is refused is said only to who has all of its text.
    """
    prefix = text[: len(MARK) + VISIBLE]
    key = ApiKey.objects.filter(prefix=prefix).select_related("client").first()
    stored = key.digest if key else ""
    if not hmac.compare_digest(digest_of(text), stored) or key is None:
        raise Refused(PortalCode.KEY_UNKNOWN)
    if key.revoked_at is not None:
        raise Refused(PortalCode.KEY_REVOKED)
    if key.is_expired:
        raise Refused(PortalCode.KEY_EXPIRED)
    if key.client is not None and not key.client.is_active:
        raise Refused(PortalCode.KEY_OF_CLOSED)
    if not key.is_used_from(address):
        raise Refused(PortalCode.KEY_ELSEWHERE, address=address)
    note_use(key)
    return key


def note_use(key: ApiKey) -> None:
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at >= USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
