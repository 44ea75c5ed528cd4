"""The events of each kind as one log: a Merkle tree over all of them, in the order of their ids.

Its root at a cut stands for every event up to there. Unlike the seals of the events it can be
checked without a key, so it is what is mailed and signed. A log is only added to: the peaks of its
tree are kept with each cut, and it is built on from there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785
from django.db.models import Model, QuerySet

from audit.merkle import Tree
from audit.models import DeskEvent, Event
from audit.verifying import CHUNK
from payouts.models import PayoutEvent
from wallets.models import WalletEvent

LOGS: Mapping[str, type[Event]] = {
    "payouts": PayoutEvent,
    "wallets": WalletEvent,
    "desk": DeskEvent,
}


def within(model: type[Model], after: int, last: int) -> QuerySet[Any]:
    """Return the rows of a stretch, which begins after one id and ends with another."""
    return QuerySet(model).filter(pk__gt=after, pk__lte=last).order_by("pk")


def events(name: str, after: int, last: int) -> Iterator[dict[str, Any]]:
    """Yield the events of a stretch with what was sealed of each."""
    for event in within(LOGS[name], after, last).iterator(chunk_size=CHUNK):
        yield {"event": event.pk, "fields": event.fields(), "hash": event.hash}


def line_of(record: Any) -> bytes:
    """Write a record as the line that it is in a file, and as a leaf of a tree: canonical JSON."""
    return rfc8785.dumps(record)


def grown(name: str, peaks: str, after: int, last: int) -> Tree:
    """Return the tree of a log that was cut at one id with these peaks, at another id."""
    tree = Tree.resumed(peaks)
    for record in events(name, after, last):
        tree.add(line_of(record))
    return tree
