"""API keys: issuing and revoking them, and knowing one that is shown."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from uuid import UUID

from django.db import transaction
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import day_and_hour, needed
from payouts.portal.codes import PortalCode
from payouts.portal.models import BY_TWO, OF_PORTAL, ApiKey, Scope
from payouts.staff import two_people
from payouts.staff.drafts import Draft, digest_of_facts, draft, register
from payouts.staff.models import JointAct
from payouts.staff.restored import Ending
from wallets.models import Client

RIGHT = "payouts_portal.issue_apikey"
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
    reason: str = "",
    is_trial: bool = False,
    actor: Actor,
) -> tuple[ApiKey, str]:
    """Return a new key and its text, which nobody can read again.

    One by which money may go somewhere needs a `reason`, and waits for a second person. `nonce` is
    that of a form, which issues one key however often it is sent. With `is_trial` nothing is
    stored. Raises Refused.
    """
    actor.require(RIGHT)
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
        key.is_waiting = not BY_TWO.isdisjoint(key.scopes)
        if key.is_waiting:
            reason = needed(reason)
        if is_trial:
            return key, text
        key.save(force_insert=True)
        if key.is_waiting:
            draft(IssueKey, IssueKey.subject_of(key), {}, reason=reason, actor=actor)
        else:
            log_event(DeskEvent.Type.ISSUE_KEY, actor=actor, **sealed(key))
    return key, text


def sealed(key: ApiKey) -> dict[str, object]:
    facts: dict[str, object] = {"key": key.prefix, "scopes": " ".join(key.scopes)}
    return facts if key.client_id is None else {**facts, "client": str(key.client_id)}


@register
class IssueKey(Draft):
    """A key by which money may go somewhere. Its text is known already, and refused until then."""

    act = "issue_key"
    right = RIGHT

    @staticmethod
    def subject_of(key: ApiKey) -> str:
        return f"key:{key.pk}"

    @cached_property
    def key(self) -> ApiKey:
        return ApiKey.objects.select_related("client").get(pk=self.subject_id)

    @property
    def name(self) -> str:
        return _("API key: %s") % self.key

    def lines(self) -> Sequence[tuple[str, str]]:
        key = self.key
        until = day_and_hour(key.expires_at) or _("until it is revoked")
        return [
            (_("May"), ", ".join(str(Scope(each).label) for each in key.scopes)),
            (_("Whose"), str(key.client or _("the portal's: it names its client"))),
            (_("From where"), ", ".join(key.networks) or _("from anywhere")),
            (_("Until"), until),
        ]

    def sealed(self) -> dict[str, object]:
        return sealed(self.key)

    def lock(self) -> None:
        self.__dict__["key"] = ApiKey.objects.select_for_update().get(pk=self.subject_id)

    def facts(self) -> str:
        key = self.key
        ends = [key.expires_at, key.revoked_at, key.is_waiting]
        return digest_of_facts(
            [key.name, key.digest, key.scopes, key.networks, key.client_id, *ends]
        )

    def gains(self, person_id: int) -> bool:
        return person_id == self.key.issued_by_id

    def do(self, actor: Actor) -> None:
        ApiKey.objects.filter(pk=self.key.pk).update(is_waiting=False)
        drafter = self.drafter()
        reason = Reason(words=self.joint.reason)
        log_event(DeskEvent.Type.ISSUE_KEY, reason, actor=actor, **self.sealed(), **drafter)

    def drop(self, actor: Actor) -> None:
        ApiKey.objects.filter(pk=self.key.pk).update(revoked_at=clock.now())


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
    actor.require(RIGHT)
    reason = needed(reason)
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().filter(pk=key_id).first()
        if key is None:
            raise Refused(PortalCode.UNKNOWN_KEY)
        if key.revoked_at is not None:
            raise Refused(PortalCode.KEY_OVER)
        if waiting := two_people.proposed(IssueKey.act, IssueKey.subject_of(key)):
            two_people.end(waiting, JointAct.Ending.OUTDATED, actor)
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
    if key.is_waiting:
        raise Refused(PortalCode.KEY_WAITING)
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


def revoke_all(actor: Actor) -> int:
    """Revoke every key after a restore: one that was revoked since the backup would work again."""
    now, count = clock.now(), 0
    locked = ApiKey.objects.select_for_update().filter(revoked_at=None).order_by("pk")
    for key in locked:
        if waiting := two_people.proposed(IssueKey.act, IssueKey.subject_of(key)):
            two_people.end(waiting, JointAct.Ending.OUTDATED, actor)
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        reason = Reason(PortalCode.KEY_RESTORED)
        log_event(DeskEvent.Type.REVOKE_KEY, reason, actor=actor, key=key.prefix)
        count += 1
    return count


AFTER_RESTORE = Ending("keys", gettext_lazy("Revoke all API keys"), revoke_all)
