"""Closing a month: once, in order, by two people who saw the same, and only while nothing is open.

They agree on its page. What follows may be long, so the worker or a command does it: the month's
file is written first, and the month is closed in one transaction after that. Whatever is killed on
the way leaves an open month, and is done again.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refusal, Refused
from audit.texts import needed
from payouts import documents, journal, wakeups
from payouts.books import month_file, overview
from payouts.books.balance_proof import Period
from payouts.books.codes import BooksCode
from payouts.books.models import Closing
from payouts.books.overview import Day
from payouts.days import day_of, last_day, today
from payouts.gateway.accounts import GatewayAccount
from payouts.models.journal import ClosedMonth
from payouts.staff import two_people
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct
from wallets.amounts import format_amount

logger = logging.getLogger(__name__)

ACT = "close_month"
RIGHT = "payouts_books.close_month"
LEASE = timedelta(minutes=10)  # renewed with each step that is shown
RETRY = timedelta(minutes=15)
SHOWN_EVERY = timedelta(seconds=2)
Show = Callable[[str], None]


# What a month is closed on


@dataclass(frozen=True)
class State:
    """A month as it stands: its days, what keeps it open, and what two people would agree on."""

    month: date
    days: list[Day]
    why: list[Refusal]  # beside what is open on its days
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def open_days(self) -> list[Day]:
        return [each for each in self.days if not each.agrees]

    @property
    def may_close(self) -> bool:
        return not self.why and not self.open_days

    @property
    def digest(self) -> str:
        text = json.dumps([f"{self.month:%Y-%m}", self.facts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def reasons(self) -> list[str]:
        """Say all that is open, of the month and of its days."""
        of_days = (f"{day.day}: {each.sentence}" for day in self.open_days for each in day.why)
        return [*(each.sentence for each in self.why), *of_days]

    def require(self) -> None:
        """Raise Refused with all that is open, unless nothing is."""
        if reasons := self.reasons:
            raise Refused(
                BooksCode.MONTH_NOT_SETTLED, month=in_words(self.month), why=" ".join(reasons)
            )


def state_of(month: date) -> State:
    days = overview.days_of(month, last_day(month))
    return State(month, days, list(why_not_now(month)), facts_of(days))


def why_not_now(month: date) -> Iterator[Refusal]:
    if ClosedMonth.objects.filter(month=month).exists():
        yield Refusal(BooksCode.MONTH_CLOSED_ALREADY, month=in_words(month))
        return
    first = overview.first_open_month()
    if first is None or month < first:
        yield Refusal(BooksCode.MONTH_BEFORE_BOOKS, month=in_words(month))
    elif month > first:
        yield Refusal(BooksCode.EARLIER_MONTH_OPEN, earlier=in_words(first))
    if today() <= last_day(month):
        yield Refusal(BooksCode.MONTH_NOT_OVER, month=in_words(month))


def facts_of(days: list[Day]) -> dict[str, Any]:
    """Return the sums of a month by coin, and the readings with which it ends."""
    if not days:
        return {"coins": {}, "closing": {}, "begins": {}}
    periods: dict[str, list[Period]] = {}
    for day in days:
        for each in day.periods:
            if not any(each is known for known in periods.setdefault(each.currency, [])):
                periods[each.currency].append(each)
    ended = {coin: found[-1].closing for coin, found in periods.items()}
    return {
        "coins": {coin: sums_of(found) for coin, found in sorted(periods.items())},
        "payouts": payouts_of(days),
        "closing": {coin: each.pk for coin, each in sorted(ended.items()) if each},
        "begins": {coin: str(day_of(each.at)) for coin, each in sorted(ended.items()) if each},
    }


def sums_of(periods: list[Period]) -> dict[str, Any]:
    moved: dict[str, Any] = {}
    for each in periods:
        for category, amount in each.moved.items():
            moved[category] = moved.get(category, 0) + amount
    return {
        "opening": written(periods[0].opening.amount),
        "closing": written(periods[-1].latest.amount),
        "debits": written(sum(each.debits for each in periods)),
        "refunds": written(sum(each.refunds for each in periods)),
        "movements": {category: written(amount) for category, amount in sorted(moved.items())},
    }


def payouts_of(days: list[Day]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for day in days:
        for coin in day.payouts.coins:
            sums = found.setdefault(coin.currency, {"paid": 0, "count": 0, "fees": 0})
            sums["paid"] += coin.ours.paid.total
            sums["count"] += coin.ours.paid.count
            sums["fees"] += coin.ours.fees
    return {
        coin: {**sums, "paid": written(sums["paid"]), "fees": written(sums["fees"])}
        for coin, sums in sorted(found.items())
    }


def written(amount: Any) -> str:
    return ("-" if amount < 0 else "") + format_amount(abs(amount * 1))


def in_words(month: date) -> str:
    return f"{month:%Y-%m}"


# What two people agree on


def subject(month: date) -> str:
    return f"month:{in_words(month)}"


def proposed(month: date) -> JointAct | None:
    return two_people.proposed(ACT, subject(month))


def propose(month: date, facts: str, reason: str, *, actor: Actor) -> str:
    """Propose to close a month as it was seen. Raises NotAllowed and Refused."""
    actor.require(RIGHT)
    reason = needed(reason)
    with transaction.atomic():
        journal.lock_months()
        settled(month, facts)
        two_people.propose(ACT, subject(month), data={}, facts=facts, reason=reason, actor=actor)
        log(DeskEvent.Type.PROPOSE_CLOSE, month, actor, reason, facts=facts)
    return _("Proposed. Another person has to confirm it.")


def confirm(month: date, joint_id: int, facts: str, *, actor: Actor) -> str:
    """Agree to close a month, on the same facts as the first person. Raises NotAllowed and Refused.

    The worker closes it then.
    """
    actor.require(RIGHT)
    with transaction.atomic():
        journal.lock_months()
        settled(month, facts)
        joint = two_people.confirm(joint_id, right=RIGHT, facts=facts, actor=actor)
        if joint.act != ACT or joint.subject != subject(month):
            raise Refused(StaffCode.PROPOSAL_OVER)
        Closing.objects.update_or_create(
            month=month,
            defaults={
                "joint": joint,
                "agreed_at": clock.now(),
                "retry_at": None,
                "progress": "",
                "trouble": "",
            },
        )
        more = {"facts": facts, "proposed_by": joint.proposed_by_id}
        log(DeskEvent.Type.AGREE_CLOSE, month, actor, joint.reason, **more)
    wakeups.wake("close_month")
    return _("Agreed. The month is being closed.")


def withdraw(month: date, joint_id: int, *, actor: Actor) -> str:
    """Give up what was proposed, or decline it. Raises NotAllowed and Refused."""
    actor.require(RIGHT)
    with transaction.atomic():
        journal.lock_months()
        waiting = proposed(month)
        if waiting is None or waiting.pk != joint_id:
            raise Refused(StaffCode.PROPOSAL_OVER)
        two_people.withdraw(joint_id, actor)
        log(DeskEvent.Type.WITHDRAW_CLOSE, month, actor)
    return _("The proposal is withdrawn.")


def settled(month: date, facts: str) -> State:
    """Return the state of a month that may be closed and is as it was seen. Raises Refused."""
    state = state_of(month)
    state.require()
    if state.digest != facts:
        raise Refused(StaffCode.FACTS_CHANGED)
    return state


def log(
    event_type: DeskEvent.Type, month: date, actor: Actor, reason: str = "", **more: object
) -> None:
    log_event(event_type, Reason(words=reason), actor=actor, month=in_words(month), **more)


# What is done then


def due() -> Iterator[date]:
    """Yield the first month that is agreed on, not closed, and in nobody's hands."""
    now = clock.now()
    closed = ClosedMonth.objects.values("month")
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    rested = Q(retry_at=None) | Q(retry_at__lte=now)
    found = Closing.objects.filter(free, rested).exclude(month__in=closed).order_by("month")
    yield from found.values_list("month", flat=True)[:1]


def try_to_close(
    month: date, *, client: heleket.HeleketClient, account: GatewayAccount
) -> ClosedMonth | None:
    """Close a month, or keep why that came to nothing where its page shows it."""
    try:
        return close(month, client=client, account=account)
    except (Refused, heleket.HeleketError, OSError) as exc:
        logger.exception("%s could not be closed", in_words(month))
        trouble, retry_at = str(exc), clock.now() + RETRY
        Closing.objects.filter(month=month).update(
            trouble=trouble, lease_until=None, retry_at=retry_at
        )
        return None


def close(
    month: date,
    *,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    show: Show = lambda _text: None,
) -> ClosedMonth:
    """Close a month that two people have agreed to close. Raises Refused and HeleketError.

    In no transaction of the caller's. The file is written while the desk goes on; then what the
    month is closed on is judged once more, and it is closed or stays open.
    """
    closing = begin(month)
    show_step = Progress(closing, show)
    agreed = closing.joint.facts
    settled(month, agreed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{in_words(month)}.zip"
        file = month_file.write(month, path, client=client, account=account, show=show_step)
        documents.keep_large(path, file.sha256)
    with transaction.atomic(durable=True):
        DeskEvent.objects.lock_chain()
        journal.lock_months()
        state = settled(month, agreed)
        closed = ClosedMonth.objects.create(
            month=month,
            closed_at=clock.now(),
            proposed_by_id=closing.joint.proposed_by_id,
            closed_by_id=closing.joint.ended_by_id,
            cut=file.cut,
            root=file.root,
            sha256=file.sha256,
            facts=state.facts,
        )
        log(
            DeskEvent.Type.CLOSE_MONTH,
            month,
            Actor.system(Channel.WORKER),
            root=file.root,
            sha256=file.sha256,
            facts=agreed,
        )
        Closing.objects.filter(pk=closing.pk).update(lease_until=None, progress="", trouble="")
    return closed


def begin(month: date) -> Closing:
    """Take a month that is agreed on, so that no other process closes it too. Raises Refused."""
    now = clock.now()
    with transaction.atomic():
        found = Closing.objects.select_for_update(of=["self"]).filter(month=month)
        closing = found.select_related("joint").first()
        if ClosedMonth.objects.filter(month=month).exists():
            raise Refused(BooksCode.MONTH_CLOSED_ALREADY, month=in_words(month))
        if closing is None:
            raise Refused(BooksCode.CLOSING_NOT_AGREED, month=in_words(month))
        if closing.lease_until and closing.lease_until > now:
            raise Refused(BooksCode.CLOSING_UNDER_WAY, month=in_words(month))
        closing.lease_until, closing.trouble = now + LEASE, ""
        closing.save(update_fields=["lease_until", "trouble"])
    return closing


class Progress:
    """Keeps where a closing stands for its page, and its lease."""

    def __init__(self, closing: Closing, show: Show) -> None:
        self.closing, self.show = closing, show
        self.shown_at: datetime | None = None

    def __call__(self, text: str) -> None:
        self.show(text)
        now = clock.now()
        if self.shown_at is None or now - self.shown_at >= SHOWN_EVERY:
            self.shown_at = now
            Closing.objects.filter(pk=self.closing.pk).update(
                progress=text[:200], lease_until=now + LEASE
            )
