"""Webhook endpoints: adding, changing, stopping and resuming them, and the secrets they know us by.

A key that may have webhooks sent hears of what changes, as one that reads the feed does; one act of
one person or key is enough. Each is sealed among the desk's events.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from audit import clock
from audit.actor import Actor
from audit.codes import NO_REASON, Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import LONGEST_REASON, optional
from payouts.portal.codes import PortalCode
from payouts.portal.event_types import EVENT_TYPES
from payouts.portal.feed import locked_feed
from payouts.portal.models import Delivery, WebhookEndpoint
from payouts.portal.planning import catch_up
from payouts.portal.webhooks.receivers import CheckedUrl
from wallets.models import Client

RIGHT = "payouts_portal.set_webhookendpoint"
MOST = 10  # of the portal, or of one client
OLD_SECRET_KEPT = timedelta(days=1)


def add_endpoint(
    *,
    client: Client | None,
    url: CheckedUrl,
    name: str = "",
    event_types: Iterable[str] = (),
    actor: Actor,
) -> WebhookEndpoint:
    """Have webhooks sent of what the feed says from now on. Raises Refused."""
    actor.require(RIGHT)
    endpoint = WebhookEndpoint(
        client=client,
        added_with_id=actor.api_key_id,
        url=url,
        name=optional(name, at_most=64),
        event_types=checked_types(event_types),
        created_at=clock.now(),
    )
    with transaction.atomic():
        locked_feed()
        others = WebhookEndpoint.objects.present().filter(client=client)
        if others.count() >= MOST:
            raise Refused(PortalCode.TOO_MANY_ENDPOINTS, most=MOST)
        endpoint.save(force_insert=True)
        log(DeskEvent.Type.ADD_ENDPOINT, endpoint, actor, url=endpoint.url)
    return endpoint


def change_endpoint(
    endpoint_id: UUID,
    *,
    url: CheckedUrl | None = None,
    name: str | None = None,
    event_types: Iterable[str] | None = None,
    is_active: bool | None = None,
    reason: str = "",
    actor: Actor,
) -> WebhookEndpoint:
    """Have it as it is said here, and as it was in what is left out. One that becomes active again
    hears what it missed. `reason` is why it is stopped. Raises Refused."""
    actor.require(RIGHT)
    asked: dict[str, Any] = {}
    if url is not None:
        asked["url"] = url
    if name is not None:
        asked["name"] = optional(name, at_most=64)
    if event_types is not None:
        asked["event_types"] = checked_types(event_types)
    with transaction.atomic():
        endpoint = locked(endpoint_id)
        new = {each: value for each, value in asked.items() if value != getattr(endpoint, each)}
        if new:
            for member, value in new.items():
                setattr(endpoint, member, value)
            endpoint.save(update_fields=list(new))
            log(DeskEvent.Type.CHANGE_ENDPOINT, endpoint, actor, **new)
        if "url" in new:
            begin_anew(endpoint)
        if is_active is False and endpoint.stopped_at is None:
            words = optional(reason, at_most=LONGEST_REASON)
            stop(endpoint, Reason(PortalCode.STOPPED_BY_PEOPLE, words), actor=actor)
        elif is_active and endpoint.stopped_at is not None:
            resume(endpoint, actor=actor)
    return endpoint


def locked(endpoint_id: UUID) -> WebhookEndpoint:
    # Not its key, which the feed holds for what it plans while this waits for the feed.
    rows = WebhookEndpoint.objects.present().select_for_update(no_key=True)
    if (endpoint := rows.filter(pk=endpoint_id).first()) is None:
        raise Refused(PortalCode.NOT_FOUND)
    return endpoint


def checked_types(event_types: Iterable[str]) -> list[str]:
    asked = list(dict.fromkeys(event_types))
    for each in asked:
        if each not in EVENT_TYPES:
            raise Refused(PortalCode.EVENT_TYPE_UNKNOWN, event_type=each[:100])
    return asked


def stop(endpoint: WebhookEndpoint, reason: Reason, *, actor: Actor) -> None:
    """Send nothing more to a locked endpoint until somebody resumes it."""
    endpoint.stopped_at, endpoint.stop_code = clock.now(), reason.code
    endpoint.stopped_after = locked_feed().last_number
    endpoint.save(update_fields=["stopped_at", "stop_code", "stopped_after"])
    log(DeskEvent.Type.STOP_ENDPOINT, endpoint, actor, reason)


def resume(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    locked_feed()
    after, endpoint.stopped_after = endpoint.stopped_after or 0, None
    endpoint.stopped_at, endpoint.stop_code = None, ""
    endpoint.save(update_fields=["stopped_at", "stop_code", "stopped_after"])
    catch_up(endpoint, after)
    begin_anew(endpoint)
    log(DeskEvent.Type.RESUME_ENDPOINT, endpoint, actor)


def begin_anew(endpoint: WebhookEndpoint) -> None:
    """Send all that waits for a locked endpoint at once, each with three days before it."""
    endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None
    endpoint.save(update_fields=["failures", "failing_since", "rests_until"])
    waiting = endpoint.deliveries.filter(state=Delivery.State.WAITING)
    waiting.update(due_at=clock.now(), first_tried_at=None)


def remove_endpoint(endpoint_id: UUID, *, reason: str = "", actor: Actor) -> None:
    """Send nothing to it any more. What was sent stays known. Raises Refused."""
    actor.require(RIGHT)
    with transaction.atomic():
        endpoint = locked(endpoint_id)
        endpoint.removed_at = clock.now()
        endpoint.save(update_fields=["removed_at"])
        endpoint.deliveries.filter(state=Delivery.State.WAITING).delete()
        why = Reason(words=optional(reason, at_most=LONGEST_REASON))
        log(DeskEvent.Type.REMOVE_ENDPOINT, endpoint, actor, why)


def rotate_secret(endpoint_id: UUID, *, actor: Actor) -> WebhookEndpoint:
    """Begin to sign with a new secret, and go on with the old one too for a day. Raises Refused."""
    actor.require(RIGHT)
    with transaction.atomic():
        endpoint = locked(endpoint_id)
        if is_old_one_good(endpoint):  # a receiver may have that one still, and would lose it
            raise Refused(PortalCode.SECRET_JUST_RENEWED)
        endpoint.secret_version += 1
        endpoint.old_secret_until = clock.now() + OLD_SECRET_KEPT
        endpoint.save(update_fields=["secret_version", "old_secret_until"])
        log(DeskEvent.Type.ROTATE_SECRET, endpoint, actor)
    return endpoint


def secret_of(endpoint: WebhookEndpoint) -> str:
    return secret(endpoint.pk, endpoint.secret_version)


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return those that webhooks are signed with now: the new one, and the old one for a while."""
    versions = [endpoint.secret_version]
    if is_old_one_good(endpoint):
        versions.append(endpoint.secret_version - 1)
    return [secret(endpoint.pk, version) for version in versions]


def is_old_one_good(endpoint: WebhookEndpoint) -> bool:
    return endpoint.old_secret_until is not None and endpoint.old_secret_until > clock.now()


def secret(endpoint_id: UUID, version: int) -> str:
    """Return a secret as Standard Webhooks writes it. Who reads the database does not have it."""
    text = f"webhook endpoint {endpoint_id} {version}"
    key = hmac.digest(settings.AUDIT_KEY.encode(), text.encode(), "sha256")
    return f"whsec_{b64encode(key).decode()}"


def log(
    event_type: DeskEvent.Type,
    endpoint: WebhookEndpoint,
    actor: Actor,
    reason: Reason = NO_REASON,
    **facts: object,
) -> None:
    of_client = {"client": str(endpoint.client_id)} if endpoint.client_id else {}
    log_event(event_type, reason, actor=actor, endpoint=str(endpoint.pk), **of_client, **facts)
