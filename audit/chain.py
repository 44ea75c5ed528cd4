"""Hash chains over events: whoever changes, removes or reorders a stored line breaks its chain."""

import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from django.conf import settings

ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


class Link(Protocol):
    number: int
    hash: str

    def fields(self) -> list[Any]: ...


def stamp(at: datetime) -> str:
    """A time as the chain writes it: the same before storing and after reading back."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def sealed(fields: list[Any], previous: str) -> str:
    """Return the hash that binds fields to the hash before them. The key is AUDIT_KEY."""
    text = ENCODER.encode([previous, *fields])
    return hmac.digest(settings.AUDIT_KEY.encode(), text.encode(), "sha256").hex()


def first_broken(links: Iterable[Link], number: int = 0, previous: str = "") -> Link | None:
    """Return the first of one chain's links, in order, that does not follow from the one before.

    The first has to follow from the link of that number and hash, or begins its chain.
    """
    for expected, link in enumerate(links, start=number + 1):
        if link.number != expected or not hmac.compare_digest(
            link.hash, sealed(link.fields(), previous)
        ):
            return link
        previous = link.hash
    return None
