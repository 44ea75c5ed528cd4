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
    def headers(self) -> dict[str, str]:
        left = max(self.most - self.used, 0)
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.most};w={WINDOW}',
            "RateLimit": f'"{self.name}";r={left};t={self.seconds}',
        }


def count_request(prefix: str) -> Count:
    """Count one more request of a key."""
    return counted("requests", prefix, REQUESTS, 1)


def refuse_guesser(address: str) -> None:
    """Raise Refused if an address has shown too many wrong keys."""
    refuse_if_over(counted("wrong keys", address, WRONG_KEYS - 1, 0))


def refuse_if_over(count: Count) -> None:
    if count.used > count.most:
        raise Refused(PortalCode.THROTTLED, seconds=count.seconds)


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
