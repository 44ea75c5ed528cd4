"""Where an actor can be interrupted: around each transaction, and three times around each call.

An actor is a greenlet. At a seam it hands over to the scheduler, which may go on with it, let
others act first, leave it frozen, or kill it. There is no seam inside a transaction: all share one
connection, so what is not committed would not be theirs alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import greenlet
from django.db import connection, connections
from django.db.transaction import Atomic


class Killed(BaseException):
    """The actor's process is gone; what it knew is lost."""


class Thread(greenlet.greenlet):
    """The course of one actor."""


def reach(place: str) -> None:
    """Let others act. Outside of actors, as in the calm, nothing happens."""
    me = greenlet.getcurrent()
    if isinstance(me, Thread):
        me.parent.switch(place)


@contextmanager
def around_transactions(commit: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Make seams before and after transactions, and let `commit` decide how a commit ends.

    It is given the real one, to be called or not.
    """
    enter, leave, wrapper = Atomic.__enter__, Atomic.__exit__, connections["default"]
    real_commit = wrapper._commit

    def enter_here(self):
        if not connection.in_atomic_block:
            reach("before a transaction")
        enter(self)

    def leave_here(self, kind, exc, traceback):
        leave(self, kind, exc, traceback)
        if not connection.in_atomic_block:
            reach("after a rollback" if kind else "after a commit")

    Atomic.__enter__, Atomic.__exit__ = enter_here, leave_here
    wrapper._commit = lambda: commit(real_commit)
    try:
        yield
    finally:
        Atomic.__enter__, Atomic.__exit__ = enter, leave
        del wrapper._commit
