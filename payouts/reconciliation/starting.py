"""Before a starting process sends: is this still the database that the desk worked with before?

A backup that was put back, or a copy that was started elsewhere, would pay again what it does not
remember. It shows in a time without any worker, in another database server, and in payouts at
Heleket that are newer than all that the database knows. None of these proves it, so a person is
asked, and nothing is sent meanwhile.
"""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

import heleket
from audit import clock
from audit.codes import Reason
from audit.jobs import Claimed
from payouts import wakeups
from payouts.controls import switch
from payouts.controls.codes import ControlsCode
from payouts.gateway import continuity, history, rate_limit
from payouts.gateway.continuity import Continuity
from payouts.gateway.jobs import GatewayJob
from payouts.gateway.models import Binding
from payouts.models import Attempt, Discrepancy
from wallets import stops
from wallets.addresses import canonical
from wallets.amounts import money

logger = logging.getLogger("payouts.worker")

Question = Continuity.Question
ANCHORS = 200  # our newest payouts: the newest of them at Heleket is met at once
MOST_READ = 300  # of Heleket's list; so many that are newer than all of ours are enough to see


# A start


def begin() -> None:
    """Have nothing be sent until the checks of this start are over; ask a person where too long
    nobody was at work, or where the database is another one."""
    with transaction.atomic():
        stops.overtake_claims()
        now, here, at = continuity.locked(), continuity.server(), clock.now()
        if not now.question:
            ask(now, here, at)
        Continuity.objects.filter(pk=1).update(
            server=now.server or here,
            seen_at=at,
            known_until=now.known_until or now.seen_at,
            checked_at=None,
            trouble="",
            tries=0,
            due_at=None,
        )
    wakeups.wake("read_back")


def ask(now: Continuity, here: str, at: datetime) -> None:
    if now.server not in ("", here):
        logger.critical("another database server than before (%s): nothing is sent", here)
        switch.ask(Question.SERVER, Reason(ControlsCode.OTHER_SERVER, here))
    elif continuity.gap() and is_gap(now.seen_at, at):
        words = in_words(at - now.seen_at) if now.seen_at else "?"
        logger.critical("no worker was at work for %s: nothing is sent", words)
        switch.ask(Question.GAP, Reason(ControlsCode.RESTART_GAP, words))


def is_gap(seen_at: datetime | None, at: datetime) -> bool:
    """A desk that has sent, and no sign of a worker: that is a gap of unknown length."""
    if seen_at is None:
        return Attempt.objects.exists()
    return at - seen_at > continuity.gap()


def in_words(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    days, hours = minutes // (24 * 60), minutes // 60
    return f"{days} d" if days else f"{hours} h" if hours else f"{minutes} min"


# Heleket's list


@dataclass(frozen=True)
class Place:
    """How far to read: to one of our newest payouts, or to what was there before us."""

    anchors: frozenset[str]
    bound_at: datetime | None


@dataclass(frozen=True)
class Newer:
    """What Heleket lists before it comes to something that we know."""

    payouts: Sequence[heleket.RemotePayout]


def place_to_read_to() -> Place:
    newest = Attempt.objects.exclude(uuid=None).order_by("-pk")
    anchors = {*newest.values_list("uuid", flat=True)[:ANCHORS], continuity.state().known_uuid}
    return Place(
        frozenset(each for each in anchors if each),
        Binding.objects.values_list("bound_at", flat=True).first(),
    )


def read_back(client: heleket.HeleketClient, place: Place) -> Newer:
    """Read Heleket's list, the newest first, back to something that is known. Raises
    HeleketError."""
    found: list[heleket.RemotePayout] = []
    bound_at = place.bound_at
    for each in client.list_payouts():
        at = each.created_at
        was_before = at and bound_at and history.is_before(at, bound_at)
        if each.uuid in place.anchors or was_before or len(found) >= MOST_READ:
            break
        found.append(each)
    return Newer(found)


def unknown(payouts: Sequence[heleket.RemotePayout]) -> list[heleket.RemotePayout]:
    """Return those that nobody here knows: no payout of ours, nor one that people have ended, nor
    one that may be a call of ours whose answer was lost."""
    uuids = [each.uuid for each in payouts]
    ours, lost = known_tries(uuids)
    ended = Discrepancy.objects.filter(
        kind=Discrepancy.Kind.FOREIGN, key__in=uuids, closed_at__isnull=False
    )
    known = {*ours, *ended.values_list("key", flat=True), *history.in_baseline(uuids)}
    left = []
    for each in payouts:
        if each.uuid in known:
            continue
        if lost[key := seen_as(each)]:
            lost[key] -= 1
        else:
            left.append(each)
    return left


def known_tries(uuids: Sequence[str]) -> tuple[set[str], Counter[tuple[Any, ...]]]:
    """Return which of these are ours, and what calls of ours were for that have no uuid yet. In one
    statement: the answer of a call is stored meanwhile, and it would be neither."""
    may_have_been_made = ~Q(unanswered=[]) | Q(watch_at__isnull=False)
    lost = Q(uuid=None, calls__gt=0) & may_have_been_made
    rows = list(Attempt.objects.filter(Q(uuid__in=uuids) | lost).values_list("uuid", "body"))
    calls = Counter(sent_as(json.loads(body)) for uuid, body in rows if not uuid)
    return {uuid for uuid, _body in rows if uuid}, calls


def sent_as(sent: dict[str, Any]) -> tuple[Any, ...]:
    network = sent["network"].lower()
    address = canonical(network, sent["address"])
    return network, sent["currency"].upper(), address, Decimal(sent["amount"])


def seen_as(each: heleket.RemotePayout) -> tuple[Any, ...]:
    network = (each.network or "").lower()
    address = canonical(network, each.address) if each.address else ""
    return network, (each.currency or "").upper(), address, each.amount


class ReadBack(GatewayJob):
    """Read Heleket's list back to what is known, before anything is sent after a start."""

    name = "read_back"

    def __init__(self, client: heleket.HeleketClient, account: Any, _threads: int) -> None:
        super().__init__(client, account, threads=1)
        self.claims_ahead = False

    def take(self, _limit: int) -> Claimed[Place]:
        now = continuity.state()
        # Also under a worker that runs on: somebody may put back a backup underneath it.
        if not now.question and (now.is_broken or now.is_elsewhere):
            begin()
            now = continuity.state()
        is_over = now.checked_at or now.question in (Question.UNKNOWN, Question.RESTORE)
        is_early = now.due_at is not None and now.due_at > clock.now()
        if is_over or is_early or not now.seen_at:
            return Claimed()
        rate = self.account.calls_per_second
        with transaction.atomic():
            if not rate_limit.available(1, rate):
                return Claimed(look_again=rate_limit.look_again(rate))
            rate_limit.consume(1, rate)
        return Claimed([place_to_read_to()])

    def call(self, place: Place) -> Newer | heleket.HeleketError:
        try:
            return read_back(self.client, place)
        except heleket.HeleketError as exc:
            return exc

    def record(self, results: Sequence[Newer | heleket.HeleketError]) -> None:
        rate_limit.back_off_if_asked(results)
        for each in results:
            if isinstance(each, heleket.HeleketError):
                logger.warning("nothing is sent until Heleket's list could be read: %s", each)
                continuity.put_off(str(each))
            else:
                judge(each.payouts)

    def asks_to_back_off(self, result: Newer | heleket.HeleketError) -> bool:
        return isinstance(result, heleket.TooManyRequests)


def judge(payouts: Sequence[heleket.RemotePayout]) -> None:
    """Let sending begin, or stop it for what Heleket has and nobody here knows."""
    with transaction.atomic():
        stops.overtake_claims()
        if continuity.locked().question in (Question.UNKNOWN, Question.RESTORE):
            return
        if found := unknown(payouts):
            first = found[0]
            what = f"{first.uuid}, {money(first.amount or Decimal(0), first.currency or '?')}"
            logger.critical("Heleket has a payout that is not known here: %s", what)
            switch.ask(Question.UNKNOWN, Reason(ControlsCode.NEWER_THERE, what))
        else:
            continuity.open_again()
            wakeups.wake("submit")
