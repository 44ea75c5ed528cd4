"""Heleket's webhooks: verified on their raw bytes, stored, answered. They move no payout.

A webhook may be late, repeated or out of order, so it only has Heleket asked soon.
Source: https://doc.heleket.com/methods/payouts/webhook.md
"""

import hashlib
import itertools
import logging
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from audit import clock
from audit.actor import Actor, Channel
from heleket import InvalidSignature
from heleket.answers import read_payout
from heleket.webhooks import MAX_BODY_BYTES, verify
from payouts import discrepancies, guard, wakeups
from payouts.gateway import history
from payouts.models import Attempt, Discrepancy
from payouts.settling import settle

logger = logging.getLogger(__name__)

# Plain SQL: the ORM takes longer to write these than the database to execute them.
# What was made by hand at Heleket and linked is known by Heleket's id alone.
FIND = """
SELECT id, order_id, body, is_linked, uuid FROM payouts_attempt
WHERE order_id = %s AND NOT is_linked OR uuid = %s AND is_linked
"""
PULL_FORWARD = """
UPDATE payouts_payout SET due_at = %s
WHERE (id, generation) = (SELECT payout_id, generation FROM payouts_attempt WHERE id = %s)
    AND due_at > %s AND status IN ('submitting', 'broadcast')
"""
WATCH_NOW = """
UPDATE payouts_attempt SET watch_at = %s
WHERE id = %s AND (watch_at > %s OR watch_at IS NULL AND remote_status <> %s AND NOT EXISTS (
    SELECT 1 FROM payouts_payout
    WHERE (id, generation) = (payouts_attempt.payout_id, payouts_attempt.generation)
        AND status IN ('submitting', 'broadcast')))
"""
STORE = """
INSERT INTO payouts_webhookdelivery AS stored
    (digest, body, outcome, order_id, received_at, count)
VALUES (%s, %s, CASE
    WHEN NOT %s THEN 'ignored'
    WHEN EXISTS (SELECT 1 FROM payouts_attempt
        WHERE order_id = %s AND NOT is_linked OR uuid = %s AND is_linked) THEN 'known'
    ELSE 'foreign' END, %s, %s, 1)
ON CONFLICT (digest) DO UPDATE
SET count = stored.count + 1, repeated_at = excluded.received_at
RETURNING count, outcome
"""

FOUND = ("id", "order_id", "body", "is_linked", "uuid")  # in the order of the model

refusals = itertools.count(1)


@csrf_exempt
@require_POST
def heleket_webhook(request: HttpRequest) -> HttpResponse:
    """Answer 200 once it is stored; 400 or 413 for what Heleket never sent.

    Whatever goes wrong on our side ends in 500, and Heleket sends it again.
    """
    try:
        raw = read_body(request)
        if len(raw) > MAX_BODY_BYTES:
            return HttpResponse(status=413)
        members = verify(raw, settings.HELEKET_API_KEY, settings.HELEKET_API_KEY_PREVIOUS)
    except InvalidSignature as exc:
        logger.warning("webhook refused: %s (number %d since the start)", exc, next(refusals))
        return HttpResponse(status=400)
    take(raw, members)
    return HttpResponse()


def read_body(request: HttpRequest) -> bytes:
    """Read one byte more than is allowed: `request.body` would read all of it first.

    What is sent in chunks has no length, so that Django reads nothing of it; a server that sees to
    the end itself says so.
    """
    ends_by_itself = request.META.get("wsgi.input_terminated")
    is_chunked = ends_by_itself and not request.META.get("CONTENT_LENGTH")
    try:
        return (request.META["wsgi.input"] if is_chunked else request).read(MAX_BODY_BYTES + 1)
    except Exception as exc:  # each server has its own errors for chunks that are none
        raise InvalidSignature(f"the body cannot be read: {exc!r}") from exc


def take(raw: bytes, members: Mapping[str, object]) -> None:
    """Store a verified webhook, and have Heleket asked about its payout. A repeat only counts."""
    order_id, uuid = (str(members.get(name) or "")[:100] for name in ("order_id", "uuid"))
    digest, is_payout = hashlib.sha256(raw).hexdigest(), members.get("type") == "payout"
    at = connection.ops.adapt_datetimefield_value(clock.now())
    with transaction.atomic(), connection.cursor() as cursor:
        names = (order_id, uuid, order_id)
        cursor.execute(STORE, [digest, raw.decode(), is_payout, *names, at])
        count, outcome = cursor.fetchone()
        if (count, outcome) == (1, "foreign"):
            report_foreign(order_id, members)
        if (count, outcome) != (1, "known"):
            return
        attempt = find(order_id, uuid, cursor)
        if not differs(attempt, members):
            request_check(attempt, str(members.get("status")), cursor, at)


def report_foreign(order_id: str, members: Mapping[str, object]) -> None:
    """Show people what is none of ours. While that is not certain, only the alarm is raised: a call
    of ours is not answered yet, or what Heleket had before the desk is not read."""
    try:
        remote = read_payout(members)
    except ValueError:
        remote = None
    if remote is None or may_be_ours(remote.uuid):
        guard.report_foreign(order_id)
    else:
        discrepancies.open_foreign(remote, actor=Actor.system(Channel.WEBHOOK))


def may_be_ours(uuid: str) -> bool:
    """Whether it is, or may be. Calls without an answer are looked for first: one whose answer is
    stored meanwhile is known then."""
    may_be = Attempt.objects.unknown().exists() or history.unread_before()
    is_known = Attempt.objects.filter(uuid=uuid).exists() or history.in_baseline([uuid])
    return bool(may_be or is_known)


def find(order_id: str, uuid: str, cursor: CursorWrapper) -> Attempt:
    """Return what a webhook is compared with, loaded no further."""
    cursor.execute(FIND, [order_id, uuid])
    return Attempt.from_db(connection.alias, FOUND, cursor.fetchone())


def request_check(
    attempt: Attempt, status: str, cursor: CursorWrapper, at: str | datetime | None
) -> None:
    """Make its payout due if it is under way. If it has ended, have it looked up all the same if it
    is watched as never sent, or if Heleket announces another status than we know."""
    cursor.execute(PULL_FORWARD, [at, attempt.pk, at])
    if cursor.rowcount:
        wakeups.wake("check")
        return
    cursor.execute(WATCH_NOW, [at, attempt.pk, at, status])
    if cursor.rowcount:
        wakeups.wake("watch")


def differs(attempt: Attempt, members: Mapping[str, object]) -> bool:
    """Return whether Heleket announces another payout than was sent; if so, show it to people."""
    try:
        remote = read_payout(members)
    except ValueError:  # nothing in it to compare
        return False
    if not discrepancies.difference(attempt, remote):
        return False
    theirs = discrepancies.describe(remote)
    with settle([attempt.pk], actor=Actor.system(Channel.WEBHOOK)) as cases:
        discrepancies.open_discrepancy(
            cases[attempt.pk], Discrepancy.Kind.DIFFERENT, theirs, critical=True
        )
    return True
