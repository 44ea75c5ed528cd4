"""Reading a span of Heleket's list: cut into windows, of which some are read side by side.

A window ends whatever the list does, and says whether it was read to its end. Only the caller's
thread asks the database how many calls may be made.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import Coalesce, RowNumber

import heleket
from heleket.pages import PayoutPages
from payouts.days import DAY, begins_at, day_of
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt

SIDE_BY_SIDE = 8
# Rows between two cuts: enough to be worth a look into the database, few enough that the last
# windows, which are read while others have ended, are a small share of a span.
FEWEST_ROWS, MOST_ROWS = 150, 900
WINDOWS_EACH = 10  # that each thread reads of a span, if that many rows make so many
OVERLAP = timedelta(seconds=5)  # at each end: their list and our clock may round otherwise
TRIES = 3  # of one page
MOST_PAGES = 20_000  # of one window
IDLE_PAGES = 20  # in a row with nothing new
LOOK_AGAIN = 0.2  # seconds, where a rate keeps windows waiting
BACKED_OFF = 5.0  # seconds, while Heleket wants no calls


@dataclass(frozen=True)
class Span:
    """A stretch of Heleket's time, its end excluded."""

    first: datetime
    end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.first <= at < self.end


@dataclass
class WindowRead:
    """A window while it is read. `trouble` says why it was not read to its end, if it was not."""

    span: Span
    pages: PayoutPages
    page_count: int = 0
    idle: int = 0
    failures: int = 0
    trouble: heleket.HeleketError | str | None = None
    is_over: bool = False
    kept: Any = field(default=None)  # what a caller keeps of it meanwhile

    def ask(self) -> list[Any] | heleket.HeleketError:
        """Make one call. Touches neither database nor lock."""
        try:
            return next(self.pages, [])
        except heleket.HeleketError as exc:
            return exc

    def take(self, answer: list[Any] | heleket.HeleketError) -> list[Any]:
        """Return what came that is new, and see whether there is more."""
        if isinstance(answer, heleket.HeleketError):
            self.failures += 1
            if self.failures == TRIES or rate_limit.asks_for_backoff(answer):
                self.trouble, self.is_over = answer, True
            return []
        self.page_count, self.failures = self.page_count + 1, 0
        self.idle = 0 if answer else self.idle + 1
        if self.pages.is_over:
            self.is_over = True
            self.trouble = None if self.pages.is_whole else "its cursor comes again"
        elif self.idle == IDLE_PAGES or self.page_count == MOST_PAGES:
            self.trouble, self.is_over = "it does not end", True
        return answer


def windows(
    first: datetime, end: datetime, merchant_id: str, *, rows: int | None = None
) -> Iterator[Span]:
    """Cut a span where our own tries say that so many rows lie between, and at Heleket's days."""
    there = Q(created_there_at__gte=first, created_there_at__lt=end)
    here = Q(created_there_at=None, created_at__gte=first, created_at__lt=end)
    ours = Attempt.objects.filter(there | here, uuid__isnull=False, merchant_id=merchant_id)
    made = ours.annotate(made_at=Coalesce("created_there_at", "created_at"))
    share = ours.count() // (SIDE_BY_SIDE * WINDOWS_EACH)
    rows = rows or min(max(share, FEWEST_ROWS), MOST_ROWS)
    numbered = made.annotate(row=Window(RowNumber(), order_by=F("made_at").asc()))
    every = numbered.annotate(rest=F("row") % rows).filter(rest=0)
    cuts = sorted({*days_between(first, end), *every.values_list("made_at", flat=True)})
    start = first
    for cut in [*(cut.replace(microsecond=0) for cut in cuts), end]:
        if cut > start:
            yield Span(start, cut)
            start = cut


def days_between(first: datetime, end: datetime) -> Iterator[datetime]:
    day = begins_at(day_of(first)) + DAY
    while day < end:
        yield day
        day += DAY


def read(
    spans: Iterable[Span],
    client: heleket.HeleketClient,
    may_call: Callable[[int, bool], int],
    *,
    side_by_side: int = SIDE_BY_SIDE,
) -> Iterator[tuple[WindowRead, list[Any]]]:
    """Yield the entries of windows as pages come, each with its window, which is over at the last.

    `may_call` says how many of so many calls may be made now, and waits for the first of them if
    that is asked of it.
    """
    to_read, ready = iter(spans), deque[WindowRead]()
    calls: dict[Future[Any], WindowRead] = {}
    came: list[tuple[WindowRead, list[Any]]] = []
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="list") as pool:
        while True:
            while len(ready) + len(calls) < side_by_side and (span := next(to_read, None)):
                ready.append(open_window(span, client))
            for _number in range(may_call(len(ready), not calls) if ready else 0):
                window = ready.popleft()
                calls[pool.submit(window.ask)] = window
            yield from came  # while the next pages are under way
            if not calls:
                return
            done = wait(calls, LOOK_AGAIN if ready else None, return_when=FIRST_COMPLETED).done
            came = [(calls[each], calls[each].take(each.result())) for each in done]
            ready.extend(window for window, _entries in came if not window.is_over)
            for each in done:
                del calls[each]


def open_window(span: Span, client: heleket.HeleketClient) -> WindowRead:
    asked = {"date_from": span.first - OVERLAP, "date_to": span.end + OVERLAP}
    return WindowRead(span, client.payout_pages(**asked))


def calls_within_rate(account: GatewayAccount) -> Callable[[int, bool], int]:
    """Return what `read` asks: all processes together keep to the desk's rate. Without a rate it
    looks now and then whether Heleket wants no calls."""
    rate, looked_at = account.calls_per_second, -math.inf

    def may_call(wanted: int, must_wait: bool) -> int:
        nonlocal looked_at
        if not rate and time.monotonic() < looked_at + LOOK_AGAIN:
            return wanted
        while True:
            looked_at = time.monotonic()
            with transaction.atomic():
                if count := rate_limit.available(wanted, rate):
                    rate_limit.consume(count, rate)
                    return count
                again = rate_limit.look_again(rate)
            if not must_wait:
                return 0
            time.sleep(again if again is not None else BACKED_OFF)

    return may_call
