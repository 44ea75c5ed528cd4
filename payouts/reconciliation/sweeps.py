"""The worker's reading: the last two days every quarter of an hour, and 90 days each night.

Each turn takes some windows, or some questions about what differs, and all that the next turn needs
stands in the database. A turn that was killed is taken again once its time is over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import localtime

import heleket
from audit import clock
from audit.actor import Actor, Channel
from payouts.days import DAY, begins_at, day_of, ends_at
from payouts.discrepancies import MEMBERS
from payouts.gateway.accounts import GatewayAccount
from payouts.reconciliation import runs
from payouts.reconciliation.asking import HEALED, OPENED, Heard, Inquiry, Question
from payouts.reconciliation.comparing import not_placed
from payouts.reconciliation.days import Sums, keep
from payouts.reconciliation.listing import (
    FEWEST_ROWS,
    SIDE_BY_SIDE,
    Span,
    windows,
)
from payouts.reconciliation.matching import Baseline, Matching, Suspect
from payouts.reconciliation.models import Run, Sweep

FRESH, ALL = "fresh", "all"
FRESH_EVERY = timedelta(minutes=15)
NIGHT = time(1)
LOOKS_BACK = 90  # days: an old payout can still change
TAKEN_FOR = timedelta(minutes=10)
MOST_FAILURES = 10  # turns in a row, after which a window is left out of this reading
QUESTIONS = 50  # in one turn
PER_PAGE = 15
WORKER = Actor.system(Channel.WORKER)


@dataclass(frozen=True)
class Window:
    sweep: str
    span: Span
    calls: int  # that it is expected to take


@dataclass(frozen=True)
class Read:
    window: Window
    entries: list[Any]
    pages: int
    trouble: heleket.HeleketError | str | None


@dataclass(frozen=True)
class Ended:
    """Nothing is called; what was stored of its turn stands."""

    sweep: str


@dataclass(frozen=True)
class Asked:
    """Questions that are asked one after the other, and recorded together."""

    sweep: str
    questions: Sequence[Question]

    @property
    def calls(self) -> int:
        return sum(each.calls for each in self.questions)


@dataclass(frozen=True)
class Answered:
    sweep: str
    heard: Sequence[Heard]


Item = Window | Asked | Ended


def take(calls: int, account: GatewayAccount) -> Sequence[Item]:
    """Take what may be done with so many calls, of the first sweep with anything to do. In a
    transaction."""
    now = clock.now()
    begins = [Sweep(name=FRESH, due_at=now), Sweep(name=ALL, due_at=next_night(now))]
    Sweep.objects.bulk_create(begins, ignore_conflicts=True)
    for name in (FRESH, ALL):
        sweep = lock(name)
        if sweep.taken_until and now < sweep.taken_until <= now + TAKEN_FOR:
            continue
        if sweep.run is None and sweep.due_at <= now:
            begin(sweep, now)
        if sweep.run is None:
            continue
        items = next_items(sweep, calls, account)
        sweep.taken_until = now + TAKEN_FOR if sweep.run else None
        sweep.save()
        return items
    return []


def lock(name: str) -> Sweep:
    return Sweep.objects.select_for_update(of=["self"]).select_related("run").get(pk=name)


def next_night(now: datetime) -> datetime:
    local = localtime(now)
    night = datetime.combine(local.date(), NIGHT, local.tzinfo)
    return night if night > now else night + DAY


def begin(sweep: Sweep, now: datetime) -> None:
    today = day_of(now)
    first, last = (today - DAY, today) if sweep.name == FRESH else (today - DAY * LOOKS_BACK, today)
    sweep.run = runs.begin(first, last, WORKER)
    sweep.position, sweep.end = begins_at(first), now + runs.SECOND
    sweep.failures, sweep.day, sweep.suspects, sweep.is_searched = 0, {}, [], False
    sweep.due_at = now + FRESH_EVERY if sweep.name == FRESH else next_night(now)


def next_items(sweep: Sweep, calls: int, account: GatewayAccount) -> Sequence[Item]:
    """Ask first, so that what differs is not kept waiting, then read on; or end the sweep."""
    search(sweep, account)
    if sweep.suspects:
        some = [Suspect(*each) for each in sweep.suspects[: min(QUESTIONS, max(calls // 2, 1))]]
        questions = Inquiry(account).questions(some)
        if questions:
            return [Asked(sweep.name, some) for some in together(questions)]
        sweep.suspects = sweep.suspects[len(some) :]
        return next_items(sweep, calls, account)
    if sweep.position and sweep.end and sweep.position < sweep.end:
        return next_windows(sweep.name, sweep.position, sweep.end, calls, account)
    finish(sweep)
    return [Ended(sweep.name)]


def together(questions: Sequence[Question]) -> Iterator[Sequence[Question]]:
    """Yield questions in one where an answer counts only beside the others: an unknown payout may
    be any of the calls that were lost."""
    alone = [each for each in questions if each.suspect.attempt_id and not each.is_lost]
    yield from ([each] for each in alone)
    if others := [each for each in questions if each not in alone]:
        yield others


def next_windows(
    name: str, position: datetime, end: datetime, calls: int, account: GatewayAccount
) -> list[Window]:
    """Cut a day at a time: more would be looked up for nothing in most turns."""
    rows = min(FEWEST_ROWS, max(calls - 1, 1) * PER_PAGE)
    each = rows // PER_PAGE + 1
    most, found = max(min(calls // each, SIDE_BY_SIDE), 1), list[Window]()
    while position < end and len(found) < most:
        stop = min(ends_at(day_of(position)), end)
        spans = windows(position, stop, account.merchant_id, rows=rows)
        found += [Window(name, span, each) for span in spans]
        position = stop
    return found[:most]


def search(sweep: Sweep, account: GatewayAccount) -> None:
    """Once all is read, look for tries of ours that no list has ever had."""
    run = sweep.run
    if sweep.is_searched or not run or sweep.position != sweep.end or sweep.end is None:
        return
    sweep.is_searched = True
    if not run.error:
        span = Span(begins_at(run.first_day), sweep.end)
        sweep.suspects += [(pk, None) for pk in not_placed(span, account.merchant_id)]


def finish(sweep: Sweep) -> None:
    if run := sweep.run:
        run.finished_at, run.is_whole = clock.now(), not run.error
        run.save()
    sweep.run = sweep.position = sweep.end = None


# Record


def record(results: Sequence[Read | Answered], account: GatewayAccount) -> None:
    """Store what came of a turn. Of one that was taken again meanwhile nothing counts."""
    for name in {each.window.sweep if isinstance(each, Read) else each.sweep for each in results}:
        answered = [each for each in results if isinstance(each, Answered) and each.sweep == name]
        reads = [each for each in results if isinstance(each, Read) and each.window.sweep == name]
        inquiry = Inquiry(account)
        for each in answered:
            inquiry.settle(each.heard)
        with transaction.atomic():
            sweep = lock(name)
            if sweep.run is None:
                continue
            take_answers(sweep, sweep.run, inquiry, answered)
            for read in sorted(reads, key=lambda each: each.window.span.first):
                take_read(sweep, sweep.run, read, account)
            sweep.taken_until = None
            sweep.save()
            sweep.run.save()


def take_answers(sweep: Sweep, run: Run, inquiry: Inquiry, answered: Sequence[Answered]) -> None:
    asked = {key_of(heard.question.suspect) for each in answered for heard in each.heard}
    sweep.suspects = [each for each in sweep.suspects if key_of(Suspect(*each)) not in asked]
    run.healed += sum(each.state == HEALED for each in inquiry.findings)
    run.opened += sum(each.state == OPENED for each in inquiry.findings)
    add_errors(run, inquiry.troubles)


def key_of(suspect: Suspect) -> tuple[int | None, str]:
    return suspect.attempt_id, suspect.uuid


def take_read(sweep: Sweep, run: Run, read: Read, account: GatewayAccount) -> None:
    """Compare a window, if it is the next one. One that failed is read again in the next turn."""
    span = read.window.span
    if span.first != sweep.position:
        return
    if isinstance(read.trouble, heleket.HeleketError) and sweep.failures < MOST_FAILURES:
        sweep.failures += 1
        return
    matching = Matching(span, account.merchant_id, Baseline.load(), may_write=True)
    matching.add(read.entries)
    matching.end(is_whole=read.trouble is None)
    troubles = [*matching.odd]
    if read.trouble:
        troubles.append(f"Heleket's list from {span.first}: {read.trouble}")
    add_errors(run, troubles)
    add_to_day(sweep, span, matching.sums, is_whole=not troubles)
    sweep.suspects += [(each.attempt_id, kept(each.listed)) for each in matching.suspects]
    sweep.position, sweep.failures = span.end, 0
    run.rows += matching.rows
    run.pages += read.pages


def kept(listed: heleket.RemotePayout | None) -> dict[str, Any] | None:
    """Write an entry of the list so that it is stored and read again."""
    if listed is None:
        return None
    facts = {name: getattr(listed, name) for name in MEMBERS}
    return {
        name: fact if isinstance(fact, str | bool) else f"{fact:f}"
        for name, fact in facts.items()
        if fact is not None
    }


def add_errors(run: Run, troubles: Sequence[str]) -> None:
    known = run.error.splitlines()
    run.error = "\n".join([*known, *troubles][: runs.MOST_TROUBLES])


def add_to_day(sweep: Sweep, span: Span, sums: Sums, *, is_whole: bool) -> None:
    day = day_of(span.first)
    so_far = sweep.day if sweep.day.get("day") == str(day) else {}
    all_of_it = Sums.of_json(so_far.get("sums", []))
    all_of_it.add_all(sums)
    begins = bool(so_far) or span.first == begins_at(day)
    is_whole = is_whole and begins and so_far.get("is_whole", True)
    if is_whole and span.end in (ends_at(day), sweep.end):
        keep(day, all_of_it)
    sweep.day = {"day": str(day), "is_whole": is_whole, "sums": all_of_it.as_json()}
