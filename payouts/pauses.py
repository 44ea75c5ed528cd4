"""Pauses of Heleket's: they belong to their cause, and one probe at a time finds out if it is over.

A payout that meets one keeps its attempt and its `order_id`. The first probe comes after a minute,
then the wait doubles up to half an hour.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from payouts import clock, door
from payouts.controls.models import LONGEST_WAIT
from payouts.models import Pause, Source

FIRST_WAIT = timedelta(minutes=1)


def pause(cause: Pause.Cause, text: str, *, currency: str = "", seconds: float = 0) -> None:
    """Note that Heleket executes nothing for this cause; `seconds` is a wait they asked for."""
    now = clock.now()
    wait = max(FIRST_WAIT, timedelta(seconds=seconds))
    probe_at = now + min(wait, LONGEST_WAIT)  # one probe is no storm
    known, is_new = Pause.objects.select_for_update().get_or_create(
        cause=cause,
        currency=currency,
        defaults={"text": text, "since": now, "probe_at": probe_at},
    )
    if is_new:
        door.tell_desk("pause", text, by=None, source=Source.WORKER, cause=cause, currency=currency)
    elif seconds:
        known.probe_at = max(known.probe_at, probe_at)
        known.save()


def lift(taken: Iterable[tuple[str, datetime]]) -> None:
    """Heleket took payouts in these currencies, claimed at these times: pauses that stood in their
    way are over. A call from before a pause tells nothing about it."""
    last: dict[str, datetime] = {}
    for currency, claimed_at in taken:
        for held_up in ("", currency):
            last[held_up] = max(claimed_at, last.get(held_up, claimed_at))
    if not last:
        return
    over = Q()
    for currency, claimed_at in last.items():
        over |= Q(currency=currency, since__lt=claimed_at)
    for each in Pause.objects.filter(over).select_for_update():
        door.tell_desk(
            "resume",
            each.text,
            by=None,
            source=Source.WORKER,
            cause=each.cause,
            currency=each.currency,
        )
        each.delete()


def let_one_through(pauses: Iterable[Pause]) -> None:
    """The caller sends one payout in spite of these; the next may follow after a longer wait."""
    now = clock.now()
    for each in pauses:
        wait = FIRST_WAIT * 2 ** min(each.tries, 5)
        each.tries, each.probe_at = each.tries + 1, now + min(wait, LONGEST_WAIT)
        each.save()
