"""What was asked for twice, as far as it is paid or may still be."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from audit import clock
from audit.refusals import Refusal
from payouts.codes import PayoutCode
from payouts.controls import policy
from payouts.controls.documents import Values
from payouts.models import USUAL_WAIT, Origin, Payout, PayoutQuerySet

LINKED = 5
NAMED = 3


def duplicates_of(
    payouts: Sequence[Payout], current: Values | None = None
) -> dict[UUID, list[Payout]]:
    """Return of each that is a likely duplicate those that it may be one of, the newest first: the
    same client, coin, amount and purpose within days, and not the next period of a plan."""
    if not payouts:
        return {}
    span = timedelta(days=(current or policy.values()).duplicate_days)
    rows = may_be_paid(payouts, span).filter(
        client__in={each.client_id for each in payouts},
        purpose__in={each.purpose for each in payouts},
    )
    alike = by(rows, what_for)
    found = {
        payout.pk: linked(
            each
            for each in alike[what_for(payout)]
            if is_near(each, payout, span) and not is_next_period(each, payout)
        )
        for payout in payouts
    }
    return {pk: others for pk, others in found.items() if others}


def what_for(payout: Payout) -> tuple[int, str]:
    return payout.client_id, payout.purpose


def is_next_period(other: Payout, payout: Payout) -> bool:
    of_plans = payout.origin == other.origin == Origin.SCHEDULED
    return of_plans and payout.trigger != other.trigger


def refusal_of_duplicate(others: Sequence[Payout]) -> Refusal | None:
    """Return why it takes a reason, if it is a likely duplicate of these."""
    if not others:
        return None
    names = ", ".join(f"{each} ({each.get_status_display()})" for each in others[:NAMED])
    return Refusal(PayoutCode.DUPLICATE_UNEXPLAINED, others=names)


def may_be_paid(payouts: Sequence[Payout], span: timedelta) -> PayoutQuerySet:
    """Return what is paid or may be, of the same amounts as these, no farther away than that."""
    times = [at for payout in payouts for at in (payout.requested_at, paid_at(payout))]
    days = (min(times) - span, max(times) + span)
    in_those_days = Q(requested_at__range=days) | Q(finished_at__range=days)
    return of_same_amounts(payouts).filter(in_those_days | Q(status__in=USUAL_WAIT))


def of_same_amounts(payouts: Sequence[Payout]) -> PayoutQuerySet:
    rows = Payout.objects.counted_as_paid() | Payout.objects.filter(status__in=USUAL_WAIT)
    return rows.filter(
        currency__in={payout.currency for payout in payouts},
        amount__in={payout.amount for payout in payouts},
    ).order_by("-number")


def is_near(other: Payout, payout: Payout, span: timedelta) -> bool:
    """Whether both are of the same amount and were requested, or are paid, within this span. One
    that waits may go at any time."""
    requested = abs(other.requested_at - payout.requested_at)
    paid = abs(paid_at(other) - paid_at(payout))
    return min(requested, paid) < span and is_other_of_same_amount(other, payout)


def is_other_of_same_amount(other: Payout, payout: Payout) -> bool:
    same = (other.currency, other.amount) == (payout.currency, payout.amount)
    return same and other.pk != payout.pk


def paid_at(payout: Payout) -> datetime:
    now = clock.now()
    return payout.finished_at or max(payout.pay_from or now, now)


def by(rows: Iterable[Payout], key: Callable[[Payout], Any]) -> dict[Any, list[Payout]]:
    groups: dict[Any, list[Payout]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def linked(others: Iterable[Payout]) -> list[Payout]:
    """Return no more than a page links, and look no further."""
    return list(islice(others, LINKED))
