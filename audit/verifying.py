"""What `verify_audit` looks through: each package registers checks of its own records at start.

They read, with rows streamed in the order of their chains, so that no size of the desk needs more
memory; all of them in one state of the database.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from audit import chain
from audit.models import DeskEvent, Event

logger = logging.getLogger(__name__)

CHUNK = 500  # rows that are fetched at once: several tables are read side by side
EVERY = 500  # rows after which progress is shown

Row = TypeVar("Row")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Finding:
    """What is not as it was written. `where` names a row, with the id that it has there."""

    code: str
    where: str
    sentence: str


Show = Callable[[int], None]  # how many of the rows are looked through


@dataclass(frozen=True)
class Check:
    name: str
    find: Callable[[Show], Iterable[Finding]]
    count: Callable[[], int]  # the rows that it looks through


REGISTERED: dict[str, Check] = {}


def register(
    name: str, find: Callable[[Show], Iterable[Finding]], count: Callable[[], int] = lambda: 1
) -> None:
    """Have `verify_audit` make this check. For `AppConfig.ready` of the package that owns it."""
    REGISTERED[name] = Check(name, find, count)


@contextmanager
def snapshot() -> Iterator[None]:
    """Have all that is read here be of one moment, and keep nobody from writing meanwhile.

    Within a transaction of the caller it is left at what that one sees.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # The desk's transactions begin as writers, of which SQLite has one at a time.
        connection.ensure_connection()
        settings: Any = connection
        mode, settings.transaction_mode = settings.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            settings.transaction_mode = mode


@contextmanager
def silently(_check: Check) -> Iterator[Show]:
    yield lambda _done: None


def findings(
    names: Iterable[str] = (),
    showing: Callable[[Check], AbstractContextManager[Show]] = silently,
) -> list[Finding]:
    """Make these checks, or all, on one state of the database."""
    with snapshot():
        found: list[Finding] = []
        for check in [REGISTERED[name] for name in names or REGISTERED]:
            with showing(check) as show:
                found += found_by(check, show)
    return found


def found_by(check: Check, show: Show) -> Iterator[Finding]:
    """What was changed past the desk may be such that a check cannot read it: that is found too,
    and the other checks go on."""
    try:
        yield from check.find(show)
    except DatabaseError:
        raise
    except Exception as exc:
        logger.exception("the check of %s broke off", check.name)
        words = _("This check broke off, as it could not read what is stored: %s") % repr(exc)
        yield Finding("check_broke_off", check.name, words)


def shown(rows: Iterable[Row], show: Show) -> Iterator[Row]:
    for done, row in enumerate(rows, start=1):
        yield row
        if done % EVERY == 0:
            show(done)


class Groups(Generic[Key, Row]):
    """Rows in the order of a key, taken group by group beside others in the same order."""

    def __init__(self, rows: Iterable[Row], key: Callable[[Row], Key]) -> None:
        self._groups = groupby(rows, key)
        self._ahead: tuple[Any, list[Row]] | None = None
        self._step()

    def _step(self) -> None:
        key, rows = next(self._groups, (None, ()))
        self._ahead = (key, list(rows)) if key is not None else None

    def take(self, key: Key) -> list[Row]:
        """Return the rows of this key, or none; those of earlier keys are passed over."""
        while self._ahead and self._ahead[0] < key:
            self._step()
        if not self._ahead or self._ahead[0] != key:
            return []
        rows = self._ahead[1]
        self._step()
        return rows


def broken(event: Event, of: str) -> Finding:
    return Finding(
        "chain_broken",
        f"{event._meta.label} {event.pk}",
        _(
            "Event %(number)s of %(of)s does not follow from the one before: it, or that one, is "
            "not what was written."
        )
        % {"number": event.number, "of": of},
    )


def desk_chain(show: Show) -> Iterator[Finding]:
    events = DeskEvent.objects.order_by("number").iterator(chunk_size=CHUNK)
    found = chain.first_broken(shown(events, show))
    if isinstance(found, DeskEvent):
        yield broken(found, _("the desk"))
