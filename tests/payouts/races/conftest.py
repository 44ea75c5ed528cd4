import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from tests.factories import PayoutMethodFactory

ROUNDS = int(os.environ.get("RACE_ROUNDS", "60"))
# Take a moment, and say whether that connection waits for another one's lock.
LOOK = "SELECT pg_sleep(0.003), pg_blocking_pids(%s) <> '{}'"


class Racers:
    """Threads with a database connection each, which start what they are given at one moment."""

    def __init__(self, size):
        self.size, self.rounds = size, 0
        self.pool = ThreadPoolExecutor(size)
        self.barrier = Barrier(size, timeout=60)

    def run(self, *contestants, head_start=0.0):
        """Return what each returned, or the exception that it raised.

        The first has a head start of so many seconds; below zero the others have it.
        """
        assert len(contestants) == self.size
        self.rounds += 1
        waits = [max(-head_start, 0.0)] + [max(head_start, 0.0)] * (self.size - 1)
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


def returned(results):
    """Return what all returned, or raise the first exception that one of them met."""
    for each in results:
        if isinstance(each, Exception):
            raise each
    return results


@pytest.fixture
def racers(transactional_db, record_property):
    made = []

    def make(size):
        made.append(Racers(size))
        return made[-1]

    yield make
    record_property("rounds", sum(each.rounds for each in made))
    for each in made:
        each.close()


@pytest.fixture
def usdt(transactional_db):
    return PayoutMethodFactory()


@pytest.fixture
def rounds():
    return range(ROUNDS)


class Duel:
    """Acts of two kinds on the same rows, round after round, until both have won often enough.

    Nobody knows where on this machine two acts meet: whoever loses gets more of a head start.
    """

    STEP = 0.0005
    LEAST = 0.05  # of all rounds, for each of the two

    def __init__(self, racers):
        self.racers, self.head_start, self.wins = racers, 0.0, Counter()

    def run(self, first, *others):
        return self.racers.run(first, *others, head_start=self.head_start)

    def won(self, *, first):
        self.wins[first] += 1
        self.head_start += -self.STEP if first else self.STEP

    def assert_both_won(self):
        least = self.LEAST * self.wins.total()
        assert min(self.wins[True], self.wins[False]) >= least, self.wins


@pytest.fixture
def duel(racers, record_property):
    duel = Duel(racers(2))
    yield duel
    record_property("duel", duel.wins)
    duel.assert_both_won()
