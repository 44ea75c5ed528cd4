"""What the desk does by itself: each package registers its jobs at start, and an engine runs them.

A job claims what is due in the database, makes its calls without it, and records what came of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

TURN_SECONDS = 30.0  # how late a job may be that runs every so often

Item = TypeVar("Item")


@dataclass(frozen=True)
class Claimed(Generic[Item]):
    """What a claim took, and when it is worth to look again.

    `look_again` is set if it took nothing and something may be due all the same: in so many seconds
    a rate leaves one more call, or at once if what it found has to wait. Without it nothing is left
    that could be done now.
    """

    items: list[Item] = field(default_factory=list)
    look_again: float | None = None


class Job(Protocol):
    """One kind of work. Every process makes its own from the gateway's client and account."""

    name: ClassVar[str]
    every: ClassVar[timedelta | None] = None  # or else whenever something is due
    moves_money: ClassVar[bool] = False  # a starting process first asks about calls of before
    goes_on: ClassVar[bool] = False  # without a result that it fails to record: it has leases
    threads: int  # so many calls are made at once
    claims_ahead: bool = True  # for threads that will be free in a moment

    def __init__(self, client: Any, account: Any, threads: int) -> None: ...

    def claim(self, limit: int) -> Claimed[Any]:
        """Take up to `limit` items. One with `every` is asked when its turn has come, in a
        transaction; if it takes nothing, it keeps its turn."""
        ...

    def call(self, item: Any) -> Any:
        """Handle one item and return what came of it. Touches neither database nor lock."""

    def record(self, results: Sequence[Any]) -> None:
        """Store what came of many items."""

    def not_called(self, _item: Any) -> Any:
        """Return what has to be recorded of an item that was not called in the end, if anything."""
        return None

    def asks_to_back_off(self, _result: Any) -> bool:
        """Tell whether nothing that is claimed so far should be called after this result."""
        return False


REGISTERED: dict[str, type[Job]] = {}


def register(*jobs: type[Job]) -> None:
    """Have every engine run these. For `AppConfig.ready` of the package that owns them."""
    REGISTERED.update({job.name: job for job in jobs})


def make_all(client: Any, account: Any, threads: int) -> list[Job]:
    return [make(client, account, threads) for make in REGISTERED.values()]
