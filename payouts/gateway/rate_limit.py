"""How fast all processes together may call Heleket: at the desk's own rate, and not while Heleket
asks for silence.

Heleket documents no rate. Without one of our own the row is read and never locked. With one, each
claim holds it until it is committed (a generic cell rate: what is spent puts `free_at` further
off), so that no number of workers makes more calls than one would.
"""

import math
from datetime import datetime, timedelta

from audit import clock
from payouts.gateway.models import LONGEST_WAIT, RateLimit

BURST_SECONDS = 1.0  # calls of this span, and one more, may be made at one moment
SILENCE = timedelta(minutes=1)


def room(limit: int, rate: float | None) -> int:
    """Return how many of `limit` calls may be made now, `rate` being calls per second.

    With a rate, in a transaction: others wait until it ends. Who holds wallets, payouts or pauses
    does not come here, so that nobody waits in a circle.
    """
    rows = RateLimit.objects.select_for_update() if rate else RateLimit.objects.all()
    pace = rows.get(pk=1)
    if pace.is_silent:
        return 0
    if not rate:
        return limit
    return min(limit, calls_left(pace, rate, at=clock.now()))


def calls_left(pace: RateLimit, rate: float, *, at: datetime) -> int:
    left = 1 + (BURST_SECONDS - busy_seconds(pace, rate, at=at)) * rate
    return max(0, math.floor(left + 1e-6))


def busy_seconds(pace: RateLimit, rate: float, *, at: datetime) -> float:
    """How long the calls made so far still take. What no claim can have caused was written by a
    clock that was wrong, and counts for nothing."""
    busy = max(pace.busy_seconds(at), 0.0)
    return busy if busy < LONGEST_WAIT.total_seconds() + 1 / rate else 0.0


def spend(calls: int, rate: float | None) -> None:
    """Count calls that are made at once, in the transaction that asked for room."""
    if rate and calls:
        pace, now = RateLimit.objects.get(pk=1), clock.now()
        busy = busy_seconds(pace, rate, at=now) + calls / rate
        pace.free_at = now + timedelta(seconds=busy)
        pace.save(update_fields=["free_at"])


def was_full(began: datetime, rate: float) -> bool:
    """Tell whether a claim that began then may have had no room.

    What was spent since counts as well, so that none is missed, whoever else claims meanwhile.
    """
    return not calls_left(RateLimit.objects.get(pk=1), rate, at=began)


def fall_silent(seconds: float | None) -> bool:
    """Let nobody call for the seconds that Heleket asked for, or for a while if it named none.

    Tells whether a silence begins by that. In a transaction whose first lock this is: see `room`.
    """
    asked = timedelta(seconds=seconds) if seconds else SILENCE
    until = clock.now() + min(asked, LONGEST_WAIT)
    pace = RateLimit.objects.select_for_update().get(pk=1)
    begins = not pace.is_silent
    if begins or pace.silent_until is None or pace.silent_until < until:
        pace.silent_until = until
        pace.save(update_fields=["silent_until"])
    return begins
