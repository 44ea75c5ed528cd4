"""Reconciliation: a span of Heleket's list is read, compared, and what differs is asked about.

Nothing of it depends on an earlier run: one that was killed is made again, and two at once find the
same.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta

import heleket
from audit import clock
from audit.actor import Actor
from payouts.days import begins_at, ends_at
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.reconciliation.asking import (
    HEALED,
    OPENED,
    Finding,
    Heard,
    Inquiry,
    Question,
    ask,
)
from payouts.reconciliation.comparing import not_placed
from payouts.reconciliation.days import Days
from payouts.reconciliation.listing import (
    SIDE_BY_SIDE,
    Span,
    WindowRead,
    calls_within_rate,
    read,
    windows,
)
from payouts.reconciliation.matching import Baseline, Matching, Suspect
from payouts.reconciliation.models import Run

MOST_WAITING = 500  # suspects that are asked about together
MOST_TROUBLES = 20  # kept with a run
SECOND = timedelta(seconds=1)  # the list has no shorter times

Show = Callable[[int, int], None]


@dataclass
class Reconciliation:
    """One run: what it read and found."""

    span: Span
    client: heleket.HeleketClient
    account: GatewayAccount
    dry_run: bool = False
    limit: int | None = None
    rows: int = 0
    pages: int = 0
    judged: int = 0
    left_out: int = 0  # suspects beyond the limit
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.may_call = calls_within_rate(self.account)
        self.inquiry = Inquiry(self.account, dry_run=self.dry_run)
        self.baseline = Baseline.load()
        self.placed: set[int] = set()  # of a dry run, which keeps no times
        self.waiting: list[Suspect] = []

    @property
    def findings(self) -> list[Finding]:
        return self.inquiry.findings

    @property
    def is_whole(self) -> bool:
        return not self.all_troubles and not self.left_out

    @property
    def all_troubles(self) -> list[str]:
        return [*self.troubles, *self.inquiry.troubles]

    def count(self, state: str) -> int:
        return sum(each.state == state for each in self.findings)

    def run(self, show: Show = lambda _done, _all: None) -> None:
        spans = list(windows(self.span.first, self.span.end, self.account.merchant_id))
        days, done = Days(spans), 0
        for window, entries in read(spans, self.client, self.may_call):
            matching = self.matching_of(window)
            matching.add(entries)
            if window.is_over:
                self.end(window, matching, days)
                done += 1
                show(done, len(spans))
            if len(self.waiting) >= MOST_WAITING:
                self.judge()
        if not self.troubles:
            self.look_for_not_placed()
        self.judge()

    def matching_of(self, window: WindowRead) -> Matching:
        if window.kept is None:
            merchant = self.account.merchant_id
            window.kept = Matching(window.span, merchant, self.baseline, not self.dry_run)
        matching: Matching = window.kept
        return matching

    def end(self, window: WindowRead, matching: Matching, days: Days) -> None:
        matching.end(is_whole=window.trouble is None)
        if window.trouble:
            rate_limit.back_off_if_asked([window.trouble])
            self.troubles.append(f"Heleket's list from {window.span.first}: {window.trouble}")
        self.troubles += matching.odd
        self.rows += matching.rows
        self.pages += window.page_count
        self.waiting += matching.suspects
        if self.dry_run:
            self.placed |= matching.placed
        is_whole = window.trouble is None and not matching.odd
        is_read = days.take(window.span, matching.sums, is_whole=is_whole)
        if is_read and not self.dry_run:
            days.keep(window.span)

    def look_for_not_placed(self) -> None:
        """What no list has had yet is missed by none of its windows, so all of them come first."""
        for attempt_id in not_placed(self.span, self.account.merchant_id):
            if attempt_id not in self.placed:
                self.waiting.append(Suspect(attempt_id, None))

    def judge(self) -> None:
        suspects = list({(each.attempt_id, each.uuid): each for each in self.waiting}.values())
        self.waiting = []
        if self.limit is not None:
            left = max(self.limit - self.judged, 0)
            self.left_out += len(suspects[left:])
            suspects = suspects[:left]
        self.judged += len(suspects)
        questions = self.inquiry.questions(suspects)
        self.inquiry.settle(self.ask_all(questions))

    def ask_all(self, questions: Sequence[Question]) -> list[Heard]:
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="info") as pool:
            asked = []
            for each in questions:
                for _number in range(each.calls):
                    self.may_call(1, True)
                asked.append(pool.submit(ask, each, self.client, timeout=self.account.timeout))
            heard = [future.result() for future in asked]
        rate_limit.back_off_if_asked(each.answer for each in heard)
        return heard


def reconcile(
    first_day: date,
    last_day: date,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    *,
    actor: Actor,
    dry_run: bool = False,
    limit: int | None = None,
    show: Show = lambda _done, _all: None,
) -> Reconciliation:
    """Read these days of Heleket's, both included, up to this moment. In no transaction.

    A run that is not dry is kept from its beginning on, so that one which was killed can be seen.
    """
    end = min(ends_at(last_day), clock.now() + SECOND)
    found = Reconciliation(Span(begins_at(first_day), end), client, account, dry_run, limit)
    run = None if dry_run else begin(first_day, last_day, actor)
    try:
        found.run(show)
    except Exception as exc:
        if run:
            finish(run, found, [f"{exc.__class__.__name__}: {exc}"])
        raise
    if run:
        finish(run, found, found.all_troubles)
    return found


def begin(first_day: date, last_day: date, actor: Actor) -> Run:
    return Run.objects.create(
        first_day=first_day,
        last_day=last_day,
        started_at=clock.now(),
        channel=actor.channel,
        person=actor.person,
    )


def finish(run: Run, found: Reconciliation, troubles: Sequence[str]) -> None:
    run.rows, run.pages = found.rows, found.pages
    run.healed, run.opened = found.count(HEALED), found.count(OPENED)
    run.is_whole = found.is_whole and not troubles
    run.error = "\n".join(troubles[:MOST_TROUBLES])
    run.finished_at = clock.now()
    run.save()
