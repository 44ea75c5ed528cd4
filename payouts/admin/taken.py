"""What is said of every file that people take home: filter, count, control sums, person, time and
version of the desk.

Nothing of it stands among the rows: lines before a CSV's head or behind its rows would be read as
rows by whatever reads it. It is sealed in the desk's events, and lies beside the CSV in a zip, as
`about.json`, for those who take that.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.utils.timezone import localtime

from audit import clock
from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from audit.version import VERSION
from wallets.amounts import format_amount

ABOUT = "about.json"
Rows = Iterable[Sequence[object]]


@dataclass
class Tally:
    """Counts rows and adds up their amounts, coin by coin, while they are written."""

    amounts: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    digest: Any = field(default_factory=hashlib.sha256)

    def watch(self, head: Sequence[object], content: Iterable[Rows]) -> Iterator[Rows]:
        """Pass rows on, by the batch, and count them; the head says where amount and coin stand."""
        amount, coin = head.index("Amount"), head.index("Currency")
        for batch in content:
            rows = list(batch)
            for row in rows:
                self.add(str(row[coin]), Decimal(str(row[amount])))
            yield rows

    def add(self, coin: str, amount: Decimal) -> None:
        self.counts[coin] += 1
        self.amounts[coin] += amount

    def sealed(self, content: Iterable[str]) -> Iterator[str]:
        for text in content:
            self.digest.update(text.encode())
            yield text

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def sums(self) -> dict[str, dict[str, Any]]:
        return {
            coin: {"count": count, "sum": format_amount(self.amounts[coin])}
            for coin, count in sorted(self.counts.items())
        }


def in_line(sums: Mapping[str, Mapping[str, Any]]) -> str:
    """Write control sums for an event: “USDT: 3 × 15.5”."""
    return "; ".join(f"{coin}: {each['count']} × {each['sum']}" for coin, each in sums.items())


def about(what: str, actor: Actor, **facts: object) -> dict[str, object]:
    """Return what is said of a file, for a file beside it."""
    now = localtime(clock.now()).isoformat(timespec="seconds")
    return {"what": what, **facts, "person": actor.login, "time": now, "version": VERSION}


def log_export(what: str, actor: Actor, **facts: object) -> None:
    log_event(DeskEvent.Type.EXPORT, actor=actor, what=what, desk_version=VERSION, **facts)


def log_whole(what: str, tally: Tally, actor: Actor, **facts: object) -> None:
    """Seal what a file held that went out to its last line: one that broke off has no such
    event."""
    log_event(
        DeskEvent.Type.EXPORTED,
        actor=actor,
        what=what,
        desk_version=VERSION,
        count=tally.count,
        sums=in_line(tally.sums),
        sha256=tally.digest.hexdigest(),
        **facts,
    )


def watched(
    what: str, content: Iterable[str], tally: Tally, actor: Actor, **facts: object
) -> Iterator[str]:
    """Pass a file on, and seal what it was once it has gone out."""
    yield from tally.sealed(content)
    log_whole(what, tally, actor, **facts)


class Pipe:
    """What a zip is written to, to get its bytes as they come."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self.chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        taken, self.chunks = b"".join(self.chunks), []
        return taken


def zipped(name: str, content: Iterable[str], said: Callable[[], object]) -> Iterator[bytes]:
    """Zip a file with what is said of it, which is known once it is written."""
    pipe = Pipe()
    with ZipFile(pipe, "w", ZIP_DEFLATED) as archive:
        with archive.open(ZipInfo(name), "w", force_zip64=True) as file:
            for text in content:
                file.write(text.encode())
                yield pipe.taken()
        archive.writestr(ZipInfo(ABOUT), as_json(said()))
    yield pipe.taken()


def as_json(said: object) -> str:
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"
