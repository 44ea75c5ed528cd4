"""Exchange rates: what a coin is worth in the reference currency, and whether that may be used.

Heleket is asked on schedule. What it says is taken over if it is above zero and not far from the
last rate that was; anything else is in doubt. Then nothing is priced in that coin until Heleket
says a sound rate again, or two people accept the new one. A rate is never guessed.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refusal, Refused
from audit.texts import needed
from payouts import wakeups
from payouts.controls.codes import ControlsCode
from payouts.controls.models import ExchangeRate, PastRate
from payouts.staff import two_people
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct
from wallets.amounts import MAX_AMOUNT, RATE_DECIMALS, UNIT, format_amount
from wallets.coins import is_known
from wallets.models import PayoutMethod

HELEKET, REFERENCE = "heleket", "reference"  # who says a rate
MAX_AGE = timedelta(hours=2)
MOST_CHANGE = Decimal("0.30")  # of the last rate that was used, up or down

EVERY = timedelta(minutes=5)  # how often Heleket is asked about a coin
# A year of 30 coins, asked every 5 minutes, would be 3 million rows: one an hour is kept of each,
# and what moved by more than this meanwhile, or changed its standing.
KEPT_EVERY = timedelta(hours=1)
WORTH_KEEPING = Decimal("0.01")
ABOUT_THE_SAME = Decimal(
    "0.05"
)  # what is in doubt stays the same, so that two people can accept it

RIGHT = "payouts_controls.accept_rate"
ACT = "accept_rate"
WORKER = Actor.system(Channel.WORKER)
TINY = Decimal(1).scaleb(-RATE_DECIMALS)
DIGITS = 100  # more than any amount times any rate has


@dataclass(frozen=True)
class RateBounds:
    """How old a rate may be to be used, and how far from the one before to be taken over."""

    max_age: timedelta = MAX_AGE
    most_change: Decimal = MOST_CHANGE


BOUNDS = RateBounds()


@dataclass(frozen=True)
class Rate:
    """Units of the reference currency that one unit of a coin is worth, and since when that is
    known."""

    currency: str
    rate: Decimal
    fetched_at: datetime
    provider: str


@dataclass(frozen=True)
class Said:
    """What Heleket answered to a question of this time."""

    currency: str
    course: Decimal
    asked_at: datetime

    @property
    def price(self) -> Decimal | None:
        """What may be stored as a rate, to 20 decimals; None for zero and less, or beyond reason.

        `heleket` has refused what is not finite.
        """
        if not 0 < self.course <= MAX_AMOUNT:
            return None
        with localcontext(prec=DIGITS):
            return max(self.course.quantize(TINY, ROUND_HALF_EVEN), TINY)

    @property
    def text(self) -> str:
        return format(self.course, "f")[:64]


# What the controls go by


def sound_rates(
    currencies: Collection[str], *, bounds: RateBounds = BOUNDS
) -> dict[str, Rate | Refusal]:
    """Return for each coin the rate that may be used now, or why there is none: one statement."""
    reference, now = settings.REFERENCE_CURRENCY, clock.now()
    known = {each.currency: each for each in rows(currencies)}
    return {
        currency: Rate(currency, Decimal(1), now, REFERENCE)
        if currency == reference
        else judged(currency, known.get(currency), bounds, now)
        for currency in currencies
    }


def rows(currencies: Iterable[str]) -> Iterable[ExchangeRate]:
    return ExchangeRate.objects.filter(
        reference=settings.REFERENCE_CURRENCY, currency__in=set(currencies)
    )


def judged(
    currency: str, row: ExchangeRate | None, bounds: RateBounds, now: datetime
) -> Rate | Refusal:
    pair = f"{currency} in {settings.REFERENCE_CURRENCY}"
    if row and row.is_doubted:
        words = _("%(pair)s: %(now)s, and %(before)s before")
        facts = {"pair": pair, "now": doubted_value(row), "before": value(row.rate)}
        return Refusal(ControlsCode.RATE_SUSPICIOUS, words=words % facts)
    if row is None or row.rate is None or row.fetched_at is None:
        return Refusal(ControlsCode.RATE_MISSING, words=pair)
    if abs(now - row.fetched_at) > bounds.max_age:  # or ahead, by a clock that was wrong
        of = f"{row.fetched_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return Refusal(ControlsCode.RATE_OLD, words=f"{pair}, {of}")
    return Rate(currency, row.rate, row.fetched_at, row.provider)


def value(rate: Decimal | None) -> str:
    """Write a rate in plain digits, its thousands set apart."""
    if rate is None:
        return _("none")
    whole, point, decimals = format_amount(rate).partition(".")
    return f"{int(whole):,}{point}{decimals}"


def doubted_value(row: ExchangeRate) -> str:
    return row.doubted_text if row.doubted_rate is None else value(row.doubted_rate)


def price(amount: Decimal, rate: Decimal) -> Decimal:
    """Return what an amount is worth in the reference currency, with 8 decimals, half to even.

    No more than an amount can be, which is beyond every limit.
    """
    with localcontext(prec=DIGITS):
        worth: Decimal = min((amount * rate).quantize(UNIT, ROUND_HALF_EVEN), MAX_AMOUNT)
    return worth


# What is asked, and what becomes of the answers


def wanted() -> set[str]:
    """Return the coins that the desk can pay, or could: payouts of these are priced."""
    listed = PayoutMethod.objects.values_list("network", "currency")
    coins = {currency for network, currency in listed if is_known(network, currency)}
    return coins - {settings.REFERENCE_CURRENCY}


def due(now: datetime) -> list[str]:
    """Return the coins that Heleket was not asked about for a while, or since two people accepted
    what it said, the longest waiting first."""
    coins = wanted()
    known = {each.currency: each for each in rows(coins)}
    lately = JointAct.objects.filter(act=ACT, ending=JointAct.Ending.DONE, ended_at__gt=now - EVERY)
    accepted = dict(lately.order_by("ended_at").values_list("subject", "ended_at"))

    def is_due(row: ExchangeRate) -> bool:
        accepted_at = accepted.get(subject(row))
        is_news = accepted_at is not None and accepted_at >= row.asked_at
        return is_news or abs(now - row.asked_at) >= EVERY

    old = [row for row in known.values() if is_due(row)]
    new = sorted(coins - known.keys())
    return new + [row.currency for row in sorted(old, key=lambda row: (row.asked_at, row.currency))]


def put_off(currencies: Iterable[str], now: datetime) -> None:
    """Note that Heleket is asked about these now."""
    reference = settings.REFERENCE_CURRENCY
    ExchangeRate.objects.bulk_create(
        [
            ExchangeRate(currency=currency, reference=reference, asked_at=now)
            for currency in sorted(currencies)
        ],
        update_conflicts=True,
        unique_fields=["reference", "currency"],
        update_fields=["asked_at"],
    )


@transaction.atomic
def take_over(said: Sequence[Said], *, bounds: RateBounds = BOUNDS) -> None:
    """Store what Heleket said, as sound or as in doubt. An answer that comes late changes
    nothing."""
    by_coin = {each.currency: each for each in sorted(said, key=lambda each: each.asked_at)}
    found = ExchangeRate.objects.select_for_update().filter(
        reference=settings.REFERENCE_CURRENCY, currency__in=by_coin
    )
    stored = [row for row in found.order_by("currency") if is_newer(by_coin[row.currency], row)]
    new_doubts = [row for row in stored if judge(by_coin[row.currency], row, bounds)]
    ExchangeRate.objects.bulk_update(stored, COLUMNS)
    keep(stored, by_coin)
    for row in new_doubts:
        facts = {"rate": value(row.rate), "said": doubted_value(row)}
        log_event(DeskEvent.Type.DOUBT_RATE, actor=WORKER, coin=row.currency, **facts)


COLUMNS = ["rate", "fetched_at", "provider"]
COLUMNS += ["doubted_rate", "doubted_text", "doubted_at", "repeated_at"]


def is_newer(said: Said, row: ExchangeRate) -> bool:
    """Nothing was heard after now: that was written by a clock that was wrong."""
    heard = [at for at in (row.fetched_at, row.repeated_at) if at and at <= clock.now()]
    return all(said.asked_at > at for at in heard)


def judge(said: Said, row: ExchangeRate, bounds: RateBounds) -> bool:
    """Take over what was said into the row in memory; return whether it is in doubt anew."""
    new = said.price
    if new is not None and (row.rate is None or not differs(new, row.rate, bounds.most_change)):
        if row.is_doubted:
            settle(row)
        row.rate, row.fetched_at, row.provider = new, said.asked_at, HELEKET
        return False
    row.repeated_at = said.asked_at
    if row.is_doubted and same_doubt(new, row.doubted_rate):
        return False
    row.doubted_rate, row.doubted_text, row.doubted_at = new, said.text, said.asked_at
    return True


def differs(new: Decimal, old: Decimal, share: Decimal) -> bool:
    with localcontext(prec=DIGITS):
        return abs(new - old) > old * share


def same_doubt(new: Decimal | None, old: Decimal | None) -> bool:
    if new is None or old is None:
        return new is old
    return not differs(new, old, ABOUT_THE_SAME)


def settle(row: ExchangeRate) -> None:
    """End a doubt; what was proposed about it is over."""
    row.doubted_rate, row.doubted_text, row.doubted_at, row.repeated_at = None, "", None, None
    if waiting := two_people.proposed(ACT, subject(row)):
        two_people.end(waiting, JointAct.Ending.OUTDATED, WORKER)


def keep(stored: Iterable[ExchangeRate], said: dict[str, Said]) -> None:
    """Add to the history what is worth it."""
    reference, now = settings.REFERENCE_CURRENCY, clock.now()
    recent = PastRate.objects.filter(
        reference=reference, currency__in=said, said_at__gt=now - KEPT_EVERY
    )
    last = {each.currency: each for each in recent.order_by("said_at", "pk")}
    PastRate.objects.bulk_create(
        past
        for row in stored
        if is_worth_keeping(past := past_of(row, said[row.currency]), last.get(row.currency))
    )


def past_of(row: ExchangeRate, said: Said) -> PastRate:
    standing = PastRate.Standing.SUSPICIOUS if row.is_doubted else PastRate.Standing.SOUND
    return PastRate(
        currency=row.currency,
        reference=row.reference,
        rate=said.price,
        text=said.text,
        said_at=said.asked_at,
        provider=HELEKET,
        standing=standing,
    )


def is_worth_keeping(new: PastRate, last: PastRate | None) -> bool:
    if last is None or (new.standing == PastRate.Standing.SUSPICIOUS) != (
        last.standing == PastRate.Standing.SUSPICIOUS
    ):
        return True
    if new.rate is None or last.rate is None:
        return new.rate is not last.rate
    return differs(new.rate, last.rate, WORTH_KEEPING)


# What two people do about a rate in doubt


def subject(row: ExchangeRate) -> str:
    return f"rate:{row}"


def facts_of(row: ExchangeRate) -> str:
    """Return a digest of what people accept: the rate in doubt, and the one before."""
    said = f"{row} {row.rate} {row.doubted_text} {row.doubted_at}"
    return hashlib.sha256(said.encode()).hexdigest()


def proposed(row: ExchangeRate) -> JointAct | None:
    """Return what one person has proposed, if it waits for a second one and still fits."""
    waiting = two_people.proposed(ACT, subject(row))
    return waiting if waiting and waiting.facts == facts_of(row) else None


@contextmanager
def doubted(rate_id: int, facts: str) -> Iterator[ExchangeRate]:
    """Lock a rate that is in doubt, just as it was seen. Raises Refused."""
    with transaction.atomic():
        row = ExchangeRate.objects.select_for_update().filter(pk=rate_id).first()
        if row is None:
            raise Refused(ControlsCode.RATE_UNKNOWN)
        if not row.is_doubted:
            raise Refused(ControlsCode.RATE_NOT_DOUBTED)
        if facts_of(row) != facts:
            raise Refused(StaffCode.FACTS_CHANGED)
        yield row


def propose(rate_id: int, facts: str, reason: str, *, actor: Actor) -> str:
    """Propose to accept a rate that has jumped. Raises NotAllowed and Refused."""
    actor.require(RIGHT)
    reason = needed(reason)
    with doubted(rate_id, facts) as row:
        if row.doubted_rate is None:
            raise Refused(ControlsCode.RATE_NO_PRICE)
        two_people.propose(ACT, subject(row), data={}, facts=facts, reason=reason, actor=actor)
        log(DeskEvent.Type.PROPOSE_RATE, row, reason, actor)
    return _("Proposed. Another person has to confirm it.")


def confirm(rate_id: int, joint_id: int, facts: str, *, actor: Actor) -> str:
    """Accept the rate as another person has proposed it. Raises NotAllowed and Refused.

    It is then the rate of the moment when Heleket first said it, and Heleket is asked again soon:
    what it says now is compared with this one.
    """
    actor.require(RIGHT)
    with doubted(rate_id, facts) as row:
        joint = two_people.confirm(joint_id, right=RIGHT, facts=facts, actor=actor)
        log(DeskEvent.Type.ACCEPT_RATE, row, joint.reason, actor, proposed_by=joint.proposed_by_id)
        accept(row, joint)
    wakeups.wake("fetch_rates")
    return _("Accepted. It is kept with both names and the reason.")


def accept(row: ExchangeRate, joint: JointAct) -> None:
    at = row.doubted_at or clock.now()
    PastRate.objects.create(
        currency=row.currency,
        reference=row.reference,
        rate=row.doubted_rate,
        text=row.doubted_text,
        said_at=at,
        provider=HELEKET,
        standing=PastRate.Standing.ACCEPTED,
        joint=joint,
    )
    row.rate, row.fetched_at, row.provider = row.doubted_rate, at, HELEKET
    settle(row)
    row.save()


def withdraw(rate_id: int, joint_id: int, *, actor: Actor) -> str:
    """Give up what was proposed, or decline it. Raises NotAllowed and Refused."""
    actor.require(RIGHT)
    with transaction.atomic():
        row = ExchangeRate.objects.select_for_update().filter(pk=rate_id).first()
        waiting = two_people.proposed(ACT, subject(row)) if row else None
        if row is None or waiting is None or waiting.pk != joint_id:
            raise Refused(StaffCode.PROPOSAL_OVER)
        two_people.withdraw(joint_id, actor)
        log(DeskEvent.Type.WITHDRAW_RATE, row, "", actor)
    return _("The proposal is withdrawn.")


def log(
    event_type: DeskEvent.Type, row: ExchangeRate, reason: str, actor: Actor, **more: object
) -> None:
    facts = {"rate": value(row.rate), "said": doubted_value(row), **more}
    log_event(event_type, Reason(words=reason), actor=actor, coin=row.currency, **facts)
