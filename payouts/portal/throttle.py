"""How many requests a key may make in a minute, and how many wrong keys an address may show.

The counts are in Django's cache: with `CACHE_URL` all processes share them, without it each has its
own. A cache that fails counts nothing: it keeps nobody from their payouts.
"""

import logging
from dataclasses import dataclass

from django.core.cache import cache

from audit import clock
from audit.refusals import Refused
from payouts.portal.codes import PortalCode

logger = logging.getLogger(__name__)

WINDOW = 60  # seconds
REQUESTS, WRONG_KEYS = 600, 20  # in a window


@dataclass(frozen=True)
class Count:
    """What is left of a window."""

    name: str
    most: int
    used: int
    seconds: int  # until the window is over

    @property
    def is_over(self) -> bool:
        return self.used > self.most

    @property
    def headers(self) -> dict[str, str]:
        left = max(self.most - self.used, 0)
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.most};w={WINDOW}',
            "RateLimit": f'"{self.name}";r={left};t={self.seconds}',
        }


class Throttled(Refused):
    """Too much was asked for in this minute."""

    def __init__(self, count: Count) -> None:
        self.count = count
        super().__init__(PortalCode.THROTTLED, seconds=count.seconds)


def count_request(prefix: str) -> Count:
    """Count one more request of a key. Raises Throttled."""
    count = counted("requests", prefix, REQUESTS, 1)
    if count.is_over:
        raise Throttled(count)
    return count


def refuse_guesser(address: str) -> None:
    """Raise Throttled if an address has shown too many wrong keys."""
    count = counted("wrong keys", address, WRONG_KEYS - 1, 0)
    if count.is_over:
        raise Throttled(count)


def count_wrong_key(address: str) -> None:
    counted("wrong keys", address, WRONG_KEYS, 1)


def counted(name: str, whose: str, most: int, more: int) -> Count:
    now = int(clock.now().timestamp())
    window, gone = divmod(now, WINDOW)
    key = f"api:{name.replace(' ', '-')}:{whose}:{window}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW)
        used = int(cache.incr(key, more)) if more else int(cache.get(key) or 0)
    except Exception:
        logger.exception("requests of the API are not counted")
        used = 0
    return Count(name, most, used, WINDOW - gone)
