"""When Heleket is asked next about a payout, or about an attempt that is only watched."""

from datetime import datetime, timedelta

from audit import clock
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt, Payout, WaitingFor

FIRST_CHECK = timedelta(seconds=30)
LONGEST_CHECK = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(seconds=5)  # at most, of hosts and of moments in one transaction
WATCH_FOR = timedelta(days=30)
WATCH_EVERY = timedelta(days=1)


def ask_later(payout: Payout) -> None:
    """Ask again after 30 s, then twice as long each time, up to 15 min; what is stopped for people
    every 15 min for a day, then daily."""
    payout.due_at = next_question(payout, growing_wait(payout))


def growing_wait(payout: Payout) -> timedelta:
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        is_new = clock.now() < (payout.waiting_since or clock.now()) + WATCH_EVERY
        return LONGEST_CHECK if is_new else WATCH_EVERY
    payout.poll_count += 1
    return min(FIRST_CHECK * (1 << min(payout.poll_count - 1, 6)), LONGEST_CHECK)


def next_question(payout: Payout, wait: timedelta) -> datetime:
    """What a webhook or a person made due while Heleket was being asked stays due."""
    return not_later_than_asked(payout.due_at, clock.now() + wait)


def not_later_than_asked(asked_for: datetime | None, at: datetime) -> datetime:
    return asked_for if asked_for and is_asked_for(asked_for) else at


def is_asked_for(at: datetime) -> bool:
    """Whether somebody asked for this time: the claim of a question or of a call put it off for
    longer. Who asks may have waited for a lock less, or have a clock that is a little ahead."""
    return at <= clock.now() + CLOCKS_DIFFER


def watch(attempt: Attempt) -> None:
    """Have Heleket asked for a month about what is not under way: it may have it all the same."""
    attempt.watch_at = next_watch(attempt)


def next_watch(attempt: Attempt) -> datetime | None:
    """Ask when the quiet time is over, then ever more rarely, once a day at last: for a month, or
    until its final word where that alone says what a payout is worth. What a webhook made due
    meanwhile stays due."""
    now, called_at = clock.now(), attempt.lease_until or attempt.created_at
    if now >= (attempt.released_at or called_at) + WATCH_FOR and not attempt.is_awaited:
        return None
    wait = min(max(now - called_at, LONGEST_CHECK), WATCH_EVERY)
    first = attempt.quiet_until or now
    return not_later_than_asked(attempt.watch_at, first if first > now else now + wait)


def may_arrive_until(attempt: Attempt, account: GatewayAccount) -> datetime:
    """Until when a "not found" proves nothing: a quiet time after the last call, or the release
    time where one of its calls went without a clear answer."""
    if attempt.unanswered and attempt.lease_until and attempt.uuid is None:
        return attempt.lease_until + account.release_time
    return attempt.quiet_until or attempt.created_at
