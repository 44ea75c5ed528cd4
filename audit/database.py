"""Which errors say that the database failed for a while (a cut, a failover, a limit), and locks on
what is no row."""

import sys
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection

# A server that only reads, and the time limits of a session. The driver calls these internal
# errors, like all that it has no class for; and most of those never pass by themselves.
PASSING_CODES = {"25006", "25P03", "25P04"}


def has_failed(exc: BaseException) -> bool:
    """Whether the database failed: the same step may succeed later, on a new connection.

    The connection was cut, the disk is full, a deadlock, a serialization failure, a time limit, or
    the server only reads since a failover. To repeat the step is idempotent: a claim that was not
    seen to commit is never called, and answers are stored once.
    """
    if isinstance(exc, InternalError):
        return code_of(exc) in PASSING_CODES
    return isinstance(exc, OperationalError | InterfaceError)


def code_of(exc: BaseException) -> str | None:
    """Return the server's code of an error; None if it did not come from a server."""
    return getattr(exc.__cause__, "pgcode", None)


def leave_failed(**_signal: Any) -> None:
    """Close the connection on which a request met an outage: the next one makes a new connection.

    Django looks only whether a connection answers, and one to a server that since a failover only
    reads does so for as long as it is kept.
    """
    exc = sys.exc_info()[1]
    if exc and has_failed(exc) and not connection.in_atomic_block:
        connection.close()


def advisory_lock(*key: int, shared: bool = False) -> None:
    """Hold the lock of this key until the transaction ends, alone or with others who share it.

    PostgreSQL lets in whoever waits in the order they came; SQLite has one writer at a time anyway.
    """
    if connection.vendor == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}({', '.join(['%s'] * len(key))})", key)
