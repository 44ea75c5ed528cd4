"""How fast all processes together may call Heleket: at the desk's own rate, and not at all while it
asks us to back off.

Heleket documents no rate. Without one of our own the row is read and never locked. With one, each
claim locks it until it is committed (the generic cell rate algorithm: what is consumed puts
`free_at` further off), so that no number of workers makes more calls than one would.
"""

import logging
import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from payouts.gateway.models import LONGEST_WAIT, RateLimit

logger = logging.getLogger(__name__)

BURST_SECONDS = 1.0  # calls of this span, and one more, may be made at one moment
DEFAULT_BACKOFF = timedelta(minutes=1)


def available(limit: int, rate: float | None) -> int:
    """Return how many of `limit` calls may be made now, `rate` being calls per second.

    With a rate, in a transaction: others wait until it ends. Lock order: take this before wallets,
    payouts and pauses, or deadlock.
    """
    rows = RateLimit.objects.select_for_update() if rate else RateLimit.objects.all()
    row = rows.get(pk=1)
    if row.is_backing_off:
        return 0
    if not rate:
        return limit
    return min(limit, calls_left(row, rate, at=clock.now()))


def calls_left(row: RateLimit, rate: float, *, at: datetime) -> int:
    left = 1 + (BURST_SECONDS - busy_seconds(row, rate, at=at)) * rate
    return max(0, math.floor(left + 1e-6))


def busy_seconds(row: RateLimit, rate: float, *, at: datetime) -> float:
    """How long the calls made so far still take. What no claim can have caused was written by a
    clock that was wrong, and counts for nothing."""
    busy = max(row.busy_seconds(at), 0.0)
    return busy if busy < LONGEST_WAIT.total_seconds() + 1 / rate else 0.0


def consume(calls: int, rate: float | None) -> None:
    """Count calls that are made at once, in the transaction that asked how many are available."""
    if rate and calls:
        row, now = RateLimit.objects.get(pk=1), clock.now()
        busy = busy_seconds(row, rate, at=now) + calls / rate
        row.free_at = now + timedelta(seconds=busy)
        row.save(update_fields=["free_at"])


def consume_more(calls: int, rate: float | None) -> None:
    """Count calls that were made beyond those counted before."""
    if rate and calls:
        with transaction.atomic():
            RateLimit.objects.select_for_update().get(pk=1)
            consume(calls, rate)


def look_again(rate: float | None, is_due: Callable[[], bool] = lambda: True) -> float | None:
    """Tell a claim to which no call was available in how many seconds one more is.

    None if it has nothing to do with a call, or if Heleket asked for the wait: then there is
    nothing that could be done now. Call it in the same transaction.
    """
    if not rate:
        return None
    row = RateLimit.objects.get(pk=1)
    if row.is_backing_off or not is_due():
        return None
    return max(busy_seconds(row, rate, at=clock.now()) - BURST_SECONDS, 0.0)


def back_off(seconds: float | None) -> bool:
    """Let nobody call for the seconds that Heleket asked for, or for a while if it named none.

    Returns whether a backoff begins by that. Lock order: the first lock of its transaction, see
    `available`.
    """
    asked = timedelta(seconds=seconds) if seconds else DEFAULT_BACKOFF
    until = clock.now() + min(asked, LONGEST_WAIT)
    row = RateLimit.objects.select_for_update().get(pk=1)
    begins = not row.is_backing_off
    if begins or row.backoff_until is None or row.backoff_until < until:
        row.backoff_until = until
        row.save(update_fields=["backoff_until"])
    return begins


def back_off_if_asked(answers: Iterable[object]) -> None:
    """Let all processes back off if one of these answers asks for it. Lock order: call it before
    any payout is locked."""
    for each in answers:
        if isinstance(each, heleket.HeleketError) and asks_for_backoff(each):
            logger.warning("Heleket asks us to back off: %s", each.message)
            with transaction.atomic():
                if back_off(seconds_asked(each)):
                    worker = Actor.system(Channel.WORKER)
                    words = Reason(words=each.message)
                    log_event(DeskEvent.Type.BACK_OFF, words, actor=worker)


def asks_for_backoff(trouble: heleket.HeleketError) -> bool:
    """Whether it is 429, or another answer that names a time to come again."""
    return isinstance(trouble, heleket.TooManyRequests) or bool(seconds_asked(trouble))


def seconds_asked(trouble: heleket.HeleketError) -> float | None:
    return trouble.retry_after if isinstance(trouble, heleket.OutcomeUnknown) else None
