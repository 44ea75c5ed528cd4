"""What was asked for twice, as far as it is paid or may still be."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from audit import clock
from audit.refusals import Refusal
from payouts.codes import PayoutCode
from payouts.controls.documents import Values
from payouts.models import USUAL_WAIT, Origin, Payout, PayoutQuerySet

SOON = timedelta(hours=24)
LINKED = 5
NAMED = 3

Groups = dict[Any, list[Payout]]
Row = TypeVar("Row")


class SameAmounts:
    """Payouts of the same amounts as some, of their clients or to their addresses, which are paid
    or may be: one statement, made when something is asked first. The newest come first.

    `shared` are those of them whose address other clients have as well.
    """

    def __init__(self, payouts: Sequence[Payout], shared: Sequence[Payout], values: Values) -> None:
        self.payouts, self.shared = payouts, shared
        self.days = timedelta(days=values.duplicate_days)

    @cached_property
    def likely(self) -> dict[UUID, list[Payout]]:
        """Return of each that is a likely duplicate those that it may be one of: the same client,
        coin, amount and purpose within days, and not the next period of a plan."""
        found = {
            payout.pk: linked(
                each
                for each in self.of_client(payout)
                if each.purpose == payout.purpose
                and is_near(each, payout, self.days)
                and not is_next_period(each, payout)
            )
            for payout in self.payouts
        }
        return {pk: others for pk, others in found.items() if others}

    def soon(self, payout: Payout) -> Iterable[Payout]:
        return (each for each in self.of_client(payout) if is_near(each, payout, SOON))

    def soon_there(self, payout: Payout) -> Iterable[Payout]:
        rows = self.by_address[payout.address, payout.currency, payout.amount]
        return (each for each in rows if each.pk != payout.pk and is_near(each, payout, SOON))

    def with_reference(self, payout: Payout) -> Iterable[Payout]:
        """Return those with the same reference, however old."""
        if not payout.reference:
            return ()
        return (each for each in self.of_client(payout) if each.reference == payout.reference)

    def of_client(self, payout: Payout) -> Iterable[Payout]:
        rows = self.by_client[payout.client_id, payout.currency, payout.amount]
        return (each for each in rows if each.pk != payout.pk)

    @cached_property
    def by_client(self) -> Groups:
        return by(self.rows, lambda each: (each.client_id, each.currency, each.amount))

    @cached_property
    def by_address(self) -> Groups:
        return by(self.rows, lambda each: (each.address, each.currency, each.amount))

    @cached_property
    def rows(self) -> list[Payout]:
        times = [at for payout in self.payouts for at in (payout.requested_at, paid_at(payout))]
        span = max(self.days, SOON)
        days = (min(times) - span, max(times) + span)
        in_those_days = Q(requested_at__range=days) | Q(finished_at__range=days)
        near = Q(status__in=USUAL_WAIT) | in_those_days
        references = Q(reference__in={payout.reference for payout in self.payouts} - {""})
        rows = of_their_clients(self.payouts).filter(near | references)
        if self.shared:
            there = may_be_paid().filter(near, address__in={each.address for each in self.shared})
            rows = rows.union(there.filter(amount__in={each.amount for each in self.shared}))
        return list(rows.order_by("-number"))


def may_be_paid() -> PayoutQuerySet:
    return Payout.objects.counted_as_paid() | Payout.objects.filter(status__in=USUAL_WAIT)


def of_their_clients(payouts: Sequence[Payout]) -> PayoutQuerySet:
    """Return what is paid or may be, and has client, coin and amount of one of these. A single one
    need not be stored yet."""
    if len(payouts) == 1:
        [only] = payouts
        same = {name: getattr(only, name) for name in ("client", "currency", "amount")}
        return may_be_paid().filter(**same).exclude(pk=only.pk)
    # These themselves are among them: without any that is to be left out, the database can go from
    # each client, coin and amount to what has them, by an index, whatever it believes of the table.
    same = {name: OuterRef(name) for name in ("client", "currency", "amount")}
    some = Payout.objects.filter(pk__in=[payout.pk for payout in payouts], **same)
    return may_be_paid().filter(Exists(some))


def is_next_period(other: Payout, payout: Payout) -> bool:
    of_plans = payout.origin == other.origin == Origin.SCHEDULED
    return of_plans and payout.trigger != other.trigger


def refusal_of_duplicate(others: Sequence[Payout]) -> Refusal | None:
    """Return why it takes a reason, if it is a likely duplicate of these."""
    if not others:
        return None
    names = ", ".join(f"{each} ({each.get_status_display()})" for each in others[:NAMED])
    return Refusal(PayoutCode.DUPLICATE_UNEXPLAINED, others=names)


def is_near(other: Payout, payout: Payout, span: timedelta) -> bool:
    """Whether both were requested, or are paid, within this span. One that waits may go at any
    time."""
    requested = abs(other.requested_at - payout.requested_at)
    paid = abs(paid_at(other) - paid_at(payout))
    return min(requested, paid) < span


def paid_at(payout: Payout) -> datetime:
    now = clock.now()
    return payout.finished_at or max(payout.pay_from or now, now)


def by(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def linked(others: Iterable[Payout]) -> list[Payout]:
    """Return no more than a page links, and look no further."""
    return list(islice(others, LINKED))
