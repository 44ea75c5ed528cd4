"""What is written down for auditors, by itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from audit import clock
from audit.actor import Actor, Channel
from audit.jobs import Claimed, Job
from payouts.auditing import rights_then


class WriteRights(Job):
    """Seal who holds what as it stands, where no event says so: once on a desk that is older than
    this, and whenever something was changed past its pages."""

    name: ClassVar[str] = "write_rights"
    every: ClassVar[timedelta | None] = timedelta(hours=1)

    def __init__(self, _client: Any, _account: Any, _threads: int) -> None:
        self.threads = 1

    def claim(self, _limit: int) -> Claimed[datetime]:
        return Claimed([clock.now()] if rights_then.unsealed() else [])

    def call(self, now: datetime) -> datetime:
        return now

    def record(self, _moments: Sequence[datetime]) -> None:
        rights_then.write_down(Actor.system(Channel.WORKER))
