"""The circuit breakers: a pause has one cause, and one probe at a time finds out if it is over.

A payout that meets a pause keeps its attempt and its `order_id`. What Heleket says (no funds,
blocked, a wrong key) is probed after a minute, then with exponential backoff, up to half an hour.
Trouble on the way there pauses only once it comes several times with no success between, and is
probed within seconds.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from payouts.gateway.models import LONGEST_WAIT, Pause

FIRST_WAIT = timedelta(minutes=1)

Cause = Pause.Cause
# The first wait for a probe and the longest. A probe of one that does not answer leaves one more
# payout in doubt, a refused connection none.
WAITS = {
    Cause.UNREACHABLE: (timedelta(seconds=1), timedelta(minutes=1)),
    Cause.NO_ANSWER: (timedelta(seconds=10), timedelta(minutes=5)),
}


def wait_of(cause: str, tries: int) -> timedelta:
    """How long to wait for the next probe after so many tries: exponential backoff."""
    first, longest = WAITS.get(Cause(cause), (FIRST_WAIT, LONGEST_WAIT))
    return min(first * (1 << min(tries - 1, 10)), longest)


def trip(cause: Pause.Cause, text: str, *, currency: str = "", seconds: float = 0) -> None:
    """Pause, as Heleket executes nothing for this cause; `seconds` is a wait they asked for."""
    now = clock.now()
    wait = max(FIRST_WAIT, timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds())))
    probe_at = now + min(wait, LONGEST_WAIT)  # one probe is no storm
    known, is_new = Pause.counted.select_for_update().get_or_create(
        cause=cause,
        currency=currency,
        defaults={"text": text, "since": now, "probe_at": probe_at},
    )
    if is_new:
        log(DeskEvent.Type.TRIP, known)
    elif seconds:
        known.probe_at = max(known.probe_at, probe_at)
        known.save()


def count_failures(cause: Pause.Cause, text: str, count: int, *, claimed_at: datetime) -> None:
    """Note calls that failed on the way with no success between, the last one claimed then."""
    known, _is_new = Pause.counted.select_for_update().get_or_create(
        cause=cause,
        currency="",
        defaults={"text": text, "since": claimed_at, "probe_at": clock.now(), "failures": 0},
    )
    stood = known.stands
    known.failures, known.text = known.failures + count, text
    if known.stands and not stood:
        known.since, known.tries = claimed_at, 1
        known.probe_at = clock.now() + wait_of(cause, 1)
        log(DeskEvent.Type.TRIP, known)
    known.save()


def log(event_type: DeskEvent.Type, each: Pause) -> None:
    worker = Actor.system(Channel.WORKER)
    words = Reason(words=each.text)
    log_event(event_type, words, actor=worker, cause=each.cause, currency=each.currency)


def reset(taken: Iterable[tuple[str, datetime]]) -> None:
    """End the pauses in the way of payouts that Heleket took, in these currencies and claimed at
    these times. A call that was claimed before a pause proves nothing about it."""
    last: dict[str, datetime] = {}
    for currency, claimed_at in taken:
        for held_up in ("", currency):
            last[held_up] = max(claimed_at, last.get(held_up, claimed_at))
    if not last:
        return
    over = Q()
    for currency, claimed_at in last.items():
        over |= Q(currency=currency, since__lt=claimed_at)
    for each in Pause.counted.filter(over).select_for_update():
        if each.stands:
            log(DeskEvent.Type.RESET, each)
        each.delete()


def begin_anew() -> None:
    """Have a refused key be probed at once, with tries counted from now on: a person who resumes
    sending has most likely mended it."""
    Pause.counted.filter(cause=Cause.UNAUTHORIZED).update(tries=1, probe_at=clock.now())


def allow_probe(pauses: Iterable[Pause]) -> None:
    """Let the caller send one payout in spite of these; the next probe waits longer."""
    now = clock.now()
    for each in pauses:
        each.tries += 1
        each.probe_at = now + wait_of(each.cause, each.tries)
        each.save()
