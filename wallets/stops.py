"""An emergency stop overtakes the claims that it should stop.

Rows that claims share would let it starve: while claims follow each other without a gap, there is
always one that holds the row. PostgreSQL queues this lock fairly, so claims that come after a stop
wait behind it and then see what it changed. SQLite lets one writer in at a time anyway.
"""

from audit.database import advisory_lock

STOP_LOCK = 0x73746F70  # "stop"


def let_stops_pass() -> None:
    """Wait for stops that were begun; those that come later wait until this transaction ends.

    Lock order: the first lock of a claim, before it reads anything that a stop changes.
    """
    advisory_lock(STOP_LOCK, shared=True)


def overtake_claims() -> None:
    """Wait for the claims that were begun, and have all later ones wait until this transaction
    ends.

    Lock order: the first lock of whatever stops payouts, which is the switch, the freezing of a
    wallet and the closing of a client.
    """
    advisory_lock(STOP_LOCK)
