"""What people do: one class per act, performed on exactly what was seen.

An act on many answers with one outcome per row: a refused row never undoes its neighbours.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from django.utils.translation import gettext_lazy

from audit.actor import Actor
from audit.codes import NO_REASON, Code, Reason
from audit.refusals import Refusal
from audit.texts import needed, optional

CHUNK = 1000


class HasStatus(Protocol):
    pk: Any
    status: Any


Row = TypeVar("Row", bound=HasStatus)


@dataclass(frozen=True)
class PendingEvent:
    """An event that is written when its row is saved."""

    event_type: str
    from_status: str
    reason: Reason
    fields: dict[str, object]


@dataclass
class Change(Generic[Row]):
    """A locked row, with the events that are to be written of it."""

    row: Row
    events: list[PendingEvent] = field(default_factory=list)

    def log_event(self, event_type: str, reason: Reason = NO_REASON, /, **fields: object) -> None:
        """Have an event written, whether or not it moves the status: call it before that moves."""
        self.events.append(PendingEvent(event_type, self.row.status, reason, fields))


@dataclass(frozen=True)
class Outcome:
    """What became of one row: done, or refused."""

    id: Any
    name: str
    done: bool
    text: str
    refusal: Refusal | None = None

    @property
    def code(self) -> str:
        return str(self.refusal.code) if self.refusal else ""


def refused(id: Any, name: str, refusal: Refusal) -> Outcome:  # noqa: A002
    return Outcome(id, name, False, refusal.sentence, refusal)


def sources(transition: Callable[..., None]) -> frozenset[Any]:
    """Return the statuses that a transition of a state machine may start from."""
    return frozenset(transition._django_fsm.transitions)  # type: ignore[attr-defined]  # noqa: SLF001


class IsSeen(Protocol):
    @property
    def id(self) -> Any: ...


Seen = TypeVar("Seen", bound=IsSeen)
Facts = TypeVar("Facts")


class Operation(Generic[Row, Seen, Facts]):
    """One act. Each kind of row has a base of its own that locks, compares and names them."""

    permission: str | tuple[str, ...]  # one of them is enough
    statuses: frozenset[Any]  # those it may start from
    takes_reason = False
    needs_reason = False
    reason_label: Any = gettext_lazy("Reason")
    reason_missing: Any = gettext_lazy("Say why. It is kept for ever.")
    unknown: Code  # of a row that does not exist

    @property
    def permissions(self) -> tuple[str, ...]:
        return (self.permission,) if isinstance(self.permission, str) else self.permission

    def read_reason(self, reason: str) -> str:
        """Return a reason that is fit to be stored, or raise Refused."""
        if self.needs_reason:
            return needed(reason)
        return optional(reason) if self.takes_reason else ""

    def changes(
        self, ids: Collection[Any], actor: Actor
    ) -> AbstractContextManager[Sequence[Change[Row]]]:
        """Lock the rows in the order of their ids, and save those that changed, or none."""
        raise NotImplementedError

    def name(self, row: Row) -> str:
        return str(row)

    def stale(self, rows: Sequence[Row], seen: Mapping[Any, Seen]) -> Mapping[Any, Refusal]:
        """Return a refusal for each row that is no longer what was seen."""
        raise NotImplementedError

    def load(self, rows: Sequence[Row], actor: Actor) -> Facts:
        """Return what `refusal` and `apply` go by, in a few statements for all rows."""
        raise NotImplementedError

    def refusal(self, row: Row, facts: Facts, actor: Actor) -> Refusal | None:
        """Return why the actor cannot do this to the row as it stands. Pages ask it as well."""
        raise NotImplementedError

    def apply(self, change: Change[Row], facts: Facts, reason: Reason) -> str:
        """Change the row in memory, log what is done, and return a sentence about it."""
        raise NotImplementedError

    def after(self, changes: Sequence[Change[Row]], facts: Facts, actor: Actor) -> None:
        """Write what else belongs to the rows that were acted on, in a few statements for all."""


def perform(
    operation: Operation[Row, Seen, Facts], seen: Sequence[Seen], *, actor: Actor, reason: str = ""
) -> list[Outcome]:
    """Do it to exactly what was seen, a transaction per chunk; return one outcome per row.

    Raises NotAllowed without the right, and Refused without a reason that is needed.
    """
    actor.require(*operation.permissions)
    why = Reason(words=operation.read_reason(reason))
    outcomes: dict[Any, Outcome] = {}
    for start in range(0, len(seen), CHUNK):
        chunk = {each.id: each for each in seen[start : start + CHUNK]}
        with operation.changes(chunk, actor) as changes:
            rows = [change.row for change in changes]
            stale, facts, done = (
                operation.stale(rows, chunk),
                operation.load(rows, actor),
                list[Change[Row]](),
            )
            for change in changes:
                row, name = change.row, operation.name(change.row)
                refusal = stale.get(row.pk) or operation.refusal(row, facts, actor)
                if refusal:
                    outcomes[row.pk] = refused(row.pk, name, refusal)
                    continue
                text = operation.apply(change, facts, why)
                outcomes[row.pk] = Outcome(row.pk, name, True, text)
                done.append(change)
            operation.after(done, facts, actor)
    unknown = Refusal(operation.unknown)
    return [outcomes.get(each.id) or refused(each.id, "", unknown) for each in seen]
