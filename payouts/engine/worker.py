"""The embedded worker: one thread owns the database, the others make the calls to Heleket.

The owner claims work for the threads and some ahead of them, and records the answers that have
arrived, many in one transaction. Every job has threads of its own, so none starves another.
"""

import logging
import math
import queue
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.db import connection

from audit import database
from audit.jobs import TURN_SECONDS, Claimed, Job
from payouts.engine import schedule
from payouts.heartbeats import Pulse

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
# Many rows in one transaction cost a third of what they cost one by one. So rows are claimed ahead
# for threads that will be free in a moment, and answers wait a moment for others.
AHEAD_SECONDS = 0.5
MOST_AHEAD = 100
TOGETHER_SECONDS = 0.05
# An answer that has arrived should not wait 5 ms, Python's default, for the owner to let go.
SWITCH_SECONDS = 0.0005
LONGEST_BACKOFF = 5.0
LAST_TRIES = 5  # of a stopping worker to record what it knows


def backoff(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row."""
    return min(0.1 * 2.0 ** min(failures, 10), LONGEST_BACKOFF)


class Outage:
    """How often in a row the database failed this process, and what of it was logged: each kind of
    failure once, and the end."""

    def __init__(self) -> None:
        self.failures = 0
        self.logged: set[str] = set()

    def get_over(self, trouble: Exception) -> None:
        """Wait ever longer and connect anew: a server that only reads keeps its connections."""
        self.failures += 1
        text = str(trouble).strip().partition("\n")[0]
        kind = database.code_of(trouble) or text
        if kind not in self.logged:
            logger.warning("the database failed, the step is repeated: %s", text)
            self.logged.add(kind)
        connection.close()
        time.sleep(backoff(self.failures))

    def end(self) -> None:
        if self.failures:
            logger.warning("the database answers again, after %d failures", self.failures)
        self.failures, self.logged = 0, set()


outage = Outage()  # of this process: with Celery every wakeup has a worker of its own


class Lane:
    """One job with its threads, the items under way in them, and results not stored yet."""

    def __init__(self, job: Job, limit: int | None, *, has_begun: bool) -> None:
        self.job, self.left = job, limit
        self.most_ahead = MOST_AHEAD if job.claims_ahead else 0
        self.ahead = min(job.threads, self.most_ahead)
        self.pool = ThreadPoolExecutor(job.threads, thread_name_prefix=job.name)
        self.under_way: dict[Future[Any], Any] = {}
        self.has_begun = has_begun
        self.awaited: set[Future[Any]] | None = None  # calls to be recorded before it begins
        self.results: list[Any] = []
        self.is_dry = False  # the last claim found nothing that could be done
        self.look_again = 0.0  # by time.monotonic()
        self.served_at = 0.0  # when a claim last found something
        self.failures, self.failure = 0, ""  # of claims in a row, for another reason than an outage
        self.recorded_at = time.monotonic()

    @property
    def is_empty(self) -> bool:
        return not self.under_way and not self.results

    def claim(self) -> Sequence[Any] | None:
        """Take as many items as may wait here; None if that is too few to be worth a claim."""
        most = self.job.threads + self.ahead - len(self.under_way)
        if self.left is not None:
            most = min(most, self.left)
        enough = max(self.ahead // 2, 1) if self.under_way else 1
        if most < enough or time.monotonic() < self.look_again:
            return None
        claimed, now = self.claim_safely(most), time.monotonic()
        self.is_dry = not claimed.items and claimed.look_again is None
        if self.left is not None:
            self.left -= len(claimed.items)
            self.is_dry = self.is_dry or self.left < 1
        if claimed.items:
            self.served_at = now
        elif claimed.look_again is None:
            self.look_again = now + self.idle_seconds
        else:
            self.look_again = now + claimed.look_again
        return claimed.items

    @property
    def idle_seconds(self) -> float:
        usual = TURN_SECONDS if self.job.every else IDLE_SECONDS
        return max(usual, backoff(self.failures))

    def claim_safely(self, most: int) -> Claimed[Any]:
        try:
            claimed = schedule.claim(self.job, most)
        except Exception as exc:
            if database.has_failed(exc):
                raise
            self.failures += 1
            if self.failure != (text := repr(exc)):
                logger.exception("%s: nothing could be claimed", self.job.name)
            self.failure = text
            return Claimed()
        self.failures, self.failure = 0, ""
        return claimed

    def take(self, future: Future[Any]) -> None:
        """Keep the result of an item; without one it stays as it is until its lease is over."""
        item = self.under_way.pop(future)
        if trouble := future.exception():
            logger.error("%r failed: %r", item, trouble, exc_info=trouble)
        elif (result := future.result()) is not None:
            self.results.append(result)

    def record(self) -> int:
        count = len(self.results)
        if count:
            schedule.record(self.job, self.results)
            self.results = []
            self.keep_to_rate(count)
        return count

    def keep_to_rate(self, count: int) -> None:
        """Claim as many ahead as the threads can do soon: a slow gateway leaves them unclaimed."""
        now = time.monotonic()
        soon = round(count / (now - self.recorded_at) * AHEAD_SECONDS)
        self.ahead = min(max(self.job.threads, soon), self.most_ahead)
        self.recorded_at = now


class Worker:
    """Runs jobs in the calling thread and in theirs, until stopped, or once until all is done."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        limit: int | None = None,
        seconds: float = math.inf,
        may_send: Callable[[], bool] | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        """Claim up to `limit` items of each job, and nothing more after `seconds`; nothing of a job
        that moves money before `may_send`."""
        self.arrived: queue.SimpleQueue[tuple[Lane, Future[Any]]] = queue.SimpleQueue()
        self.may_send, self.pulse = may_send, pulse
        self.lanes = [
            Lane(job, limit, has_begun=not (job.moves_money and may_send)) for job in jobs
        ]
        self.done: Counter[str] = Counter()
        self.last_tries = 0  # to record, since it is stopping
        self.is_stopping = False
        # Set once Heleket asked us to back off: what was claimed before is not called any more. A
        # new one follows once that is recorded, as later claims go by what is recorded.
        self.backed_off = threading.Event()
        self.claims_until = time.monotonic() + seconds

    def stop(self, *_signal: object) -> None:
        """Claim nothing more, finish the calls under way. May be called by a signal handler."""
        self.is_stopping = True

    def run(
        self, *, once: bool = False, on_round: Callable[[Counter[str]], None] = lambda _done: None
    ) -> Counter[str]:
        """Work and return how many items of each job were done. `on_round` hears it meanwhile."""
        sys.setswitchinterval(SWITCH_SECONDS)
        while True:
            self.make_round()
            if self.pulse and not outage.failures:
                self.pulse.beat()
            on_round(self.done)
            if self.is_finished(once):
                break
            self.gather()
        for lane in self.lanes:
            lane.pool.shutdown()
        return self.done

    def is_finished(self, once: bool) -> bool:
        if not all(lane.is_empty for lane in self.lanes):
            return False
        return not self.may_claim or (once and self.is_dry)

    @property
    def is_dry(self) -> bool:
        """Whether the last claims found nothing that could be done."""
        return all(lane.is_dry for lane in self.lanes)

    @property
    def may_claim(self) -> bool:
        return not self.is_stopping and time.monotonic() < self.claims_until

    def make_round(self) -> None:
        try:
            is_well = sum(self.record(lane) for lane in self.lanes) > 0
            for lane in self.lanes:
                items = lane.claim() if self.may_claim and self.has_begun(lane) else None
                is_well = is_well or items is not None
                self.assign(lane, items or [])
        except Exception as exc:
            if not database.has_failed(exc):
                raise
            self.get_over(exc)
            return
        self.lanes.sort(key=lambda lane: lane.served_at)  # a shared rate leaves the last one little
        if is_well:  # a round that had no use for the database proves nothing
            outage.end()

    def has_begun(self, lane: Lane) -> bool:
        """Whether it may claim: not until it may begin and what was under way then is recorded. A
        run that ends once nothing is due does not wait for that."""
        if not lane.has_begun:
            under_way = {future for each in self.lanes for future in each.under_way}
            if lane.awaited is None and self.may_send and self.may_send():
                lane.awaited = under_way
            lane.has_begun = lane.awaited is not None and not lane.awaited & under_way
            lane.is_dry = not lane.has_begun
        return lane.has_begun

    def record(self, lane: Lane) -> int:
        asks_to_back_off = any(map(lane.job.asks_to_back_off, lane.results))
        count = lane.record()
        self.done[lane.job.name] += count
        if asks_to_back_off:
            self.backed_off = threading.Event()
        return count

    def assign(self, lane: Lane, items: Sequence[Any]) -> None:
        for item in items:
            future = lane.pool.submit(self.call_unless_stopped, lane.job, item, self.backed_off)
            lane.under_way[future] = item
            future.add_done_callback(partial(self.hear, lane))

    def call_unless_stopped(self, job: Job, item: Any, backed_off: threading.Event) -> Any:
        if self.is_stopping or backed_off.is_set():
            return job.not_called(item)
        result = job.call(item)
        if job.asks_to_back_off(result):
            self.backed_off.set()
        return result

    def hear(self, lane: Lane, done: Future[Any]) -> None:
        self.arrived.put((lane, done))

    def get_over(self, trouble: Exception) -> None:
        """Have the step repeated, for ever or until the last try; the calls are not."""
        self.last_tries += self.is_stopping
        if self.last_tries > LAST_TRIES:
            raise trouble
        outage.get_over(trouble)

    def gather(self) -> None:
        """Wait for a result, then a moment for those that follow it, and take all there are."""
        with suppress(queue.Empty):
            lane, future = self.arrived.get(timeout=IDLE_SECONDS)
            lane.take(future)
            if any(each.under_way for each in self.lanes):
                time.sleep(TOGETHER_SECONDS)
            while True:
                lane, future = self.arrived.get_nowait()
                lane.take(future)


@contextmanager
def stopped_by_signals(worker: Worker) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C stop the worker in good order."""
    before = {each: signal.signal(each, worker.stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
