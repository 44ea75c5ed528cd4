"""What the desk does for the books by itself: keep the series of balances, and close months."""

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

from django.db import connection, transaction

from audit.jobs import Claimed
from payouts.books import closing, falls, readings
from payouts.gateway import jobs
from payouts.gateway.jobs import Balances, GatewayJob


class FetchBalances(jobs.FetchBalances):
    """Keeps what Heleket says for the books, too, and looks whether more has left than was paid."""

    def take_over(self, said: Balances) -> None:
        super().take_over(said)
        with transaction.atomic():
            falls.look(readings.keep(said.balances, asked_at=said.asked_at))


class CloseMonth(GatewayJob):
    """Closes what two people have agreed to close.

    It is long, and the owner of the database must not wait for it: so its thread has a connection
    of its own. Killed in the middle it is begun anew once its lease is over.
    """

    name: ClassVar[str] = "close_month"
    every: ClassVar[timedelta | None] = timedelta(minutes=1)

    def take(self, _limit: int) -> Claimed[date]:
        return Claimed(list(closing.due()))

    def call(self, month: Any) -> Any:
        try:
            closing.try_to_close(month, client=self.client, account=self.account)
        finally:
            if threading.current_thread() is not threading.main_thread():
                connection.close()
        return month

    def record(self, months: Sequence[date]) -> None:
        """What came of it is stored by then."""
