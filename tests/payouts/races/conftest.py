import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from payouts import chain
from payouts.models import Payout
from tests.factories import PayoutServiceFactory

ROUNDS = int(os.environ.get("RACE_ROUNDS", "60"))


class Ring:
    """Threads with a database connection each, which start what they are given at one moment."""

    def __init__(self, size):
        self.size = size
        self.pool = ThreadPoolExecutor(size)
        self.barrier = Barrier(size)

    def run(self, *contestants, head_start=0.0):
        """Return what each returned, or the exception that it raised.

        The first may get a head start in seconds, so that each of them is seen to win.
        """
        assert len(contestants) == self.size
        waits = [0.0] + [head_start] * (self.size - 1)
        running = [
            self.pool.submit(self.go, *each) for each in zip(contestants, waits, strict=True)
        ]
        return [each.result() for each in running]

    def go(self, contestant, wait):
        self.barrier.wait()
        time.sleep(wait)
        try:
            return contestant()
        except Exception as exc:  # noqa: BLE001  # the test judges it
            return exc

    def close(self):
        self.run(*[lambda: connection.close()] * self.size)  # the one of each thread
        self.pool.shutdown()


@pytest.fixture
def ring(transactional_db):
    rings = []

    def make(size):
        rings.append(Ring(size))
        return rings[-1]

    yield make
    for each in rings:
        each.close()


@pytest.fixture
def usdt(transactional_db):
    return PayoutServiceFactory()


@pytest.fixture
def rounds():
    return range(ROUNDS)


def head_starts():
    """One for each round: nobody knows where on this machine two acts meet."""
    return [number % 8 * 0.004 for number in range(ROUNDS)]


def assert_chains_hold():
    for payout in Payout.objects.all():
        events = payout.events.order_by("number")
        assert chain.first_broken(events) is None
        assert payout.last_event == len(events)
        assert [each.to_status for each in events][-1] == payout.status
