"""What our balances at Heleket cover: no claim sends more of a coin than is known to be there, and
what is too large stops its coin or is passed over, as the policy says.

A balance that is unknown or old is not gone by, nor one that Heleket has refused to draw on: then
its own refusal says that a coin is short, and a probe that it is not any more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from audit import clock
from audit.database import advisory_lock
from payouts.controls import policy
from payouts.controls.documents import FundsOrder, Values
from payouts.gateway import balance, breaker
from payouts.gateway.balance import Balance
from payouts.gateway.models import Pause
from payouts.models import Attempt, Passing, Payout, PayoutQuerySet, PayoutStatus
from wallets.amounts import Total, money
from wallets.models import PayoutMethod

FUNDS_LOCK = 0x66756E6473  # "funds"
MOST_PASSED = 10  # that are noted of what one payout goes before

Passed = Mapping[UUID, Sequence[Payout]]  # by what goes: what is older and waits for funds


def lock() -> None:
    """Keep other claims from counting on the same money until this transaction ends.

    Lock order: before pauses and payouts. Nobody but a claim takes it.
    """
    advisory_lock(FUNDS_LOCK)


@dataclass(frozen=True)
class Covered:
    """What may go, oldest first, and what it goes before."""

    ids: Sequence[UUID]
    passed: Passed = field(default_factory=dict)
    found_short: bool = False  # a coin of which that was not known before


class Funds:
    """What the balances leave to one claim of what is due. Made first of all in its transaction.

    Without `is_asked` Heleket alone says what it has funds for.
    """

    def __init__(self, due: PayoutQuerySet, *, is_asked: bool = True) -> None:
        self.due = due
        known = balance.known() if is_asked else {}
        self.believed = {name: each for name, each in known.items() if not each.is_old}
        self.goes_first: dict[str, bool] = {}
        if self.believed:
            lock()

    @cached_property
    def left(self) -> dict[str, Decimal]:
        """What is left of each balance: read in a statement that follows the lock."""
        return left_of(self.believed)

    @cached_property
    def values(self) -> Values:
        return policy.values()

    def what_fits_goes(self, currency: str) -> bool:
        """Whether what fits goes before what does not, at this moment."""
        if currency not in self.goes_first:
            due = self.due.filter(currency=currency)
            self.goes_first[currency] = what_fits_goes(due, self.values)
        return self.goes_first[currency]

    def line_of(self, currency: str) -> PayoutQuerySet:
        """Return what may go of a coin that is short, as far as its balance is believed."""
        if currency not in self.believed:
            return self.due.none()
        line = self.due.filter(currency=currency)
        if not self.what_fits_goes(currency):
            return line
        may_fit = Q(amount__lte=self.left[currency]) | Q(status=PayoutStatus.SUBMITTING)
        return line.filter(may_fit)

    def cover(self, chosen: Collection[UUID], known_short: Collection[str]) -> Covered:
        """Return what may go of these locked payouts, and trip the breaker of what is short."""
        if not self.believed:
            return Covered(list(chosen))
        rows = Payout.objects.filter(pk__in=chosen).order_by("due_at", "number")
        methods = PayoutMethod.objects.by_coin(self.believed)
        going, short = list[Payout](), set(known_short)
        stopped = set[str]()
        for payout in rows:
            if payout.currency in stopped:
                continue
            if self.takes(payout, debit := debit_of(payout, methods)):
                going.append(payout)
                continue
            if payout.currency not in short:
                self.trip(payout, debit)
                short.add(payout.currency)
            if not self.what_fits_goes(payout.currency):
                stopped.add(payout.currency)
        passed = dict[UUID, Sequence[Payout]]()
        for currency in sorted(short & self.believed.keys()):
            if self.what_fits_goes(currency):
                passed |= self.passed_by([each for each in going if each.currency == currency])
        return Covered([each.pk for each in going], passed, found_short=short > set(known_short))

    def takes(self, payout: Payout, debit: Decimal) -> bool:
        """Take a payout from the balance, if that covers it. One that is sent again may have been
        executed already: the balance says nothing of it."""
        known = self.believed.get(payout.currency)
        if known is None:
            return True
        left = self.left[payout.currency]
        fits = debit <= left and not known.is_refused(debit)
        if fits or payout.status == PayoutStatus.SUBMITTING:
            self.left[payout.currency] = max(left - debit, Decimal(0))
            return True
        return False

    def trip(self, payout: Payout, debit: Decimal) -> None:
        needs, left = (money(each, payout.currency) for each in (debit, self.left[payout.currency]))
        text = f"{payout} needs {needs}, and {left} is left of the balance"
        breaker.trip(Pause.Cause.FUNDS, text, currency=payout.currency)

    def passed_by(self, going: Sequence[Payout]) -> Passed:
        """Return what each of these of one coin goes before: what is due, older and stays. One that
        is locked is in somebody's hands."""
        if not going:
            return {}
        last = going[-1]
        older = Q(due_at__lt=last.due_at) | Q(due_at=last.due_at, number__lt=last.number)
        waiting = self.due.filter(older, currency=last.currency).exclude(
            pk__in=[each.pk for each in going]
        )
        oldest = waiting.order_by("due_at", "number").select_for_update(skip_locked=True)
        staying = list(oldest[:MOST_PASSED])
        found = {
            each.pk: [stays for stays in staying if place_of(stays) < place_of(each)]
            for each in going
        }
        return {pk: stays for pk, stays in found.items() if stays}


def place_of(payout: Payout) -> tuple[datetime, int]:
    """Return where it stands in the line, as the database orders it."""
    return payout.due_at or clock.now(), payout.number


def what_fits_goes(due: PayoutQuerySet, values: Values) -> bool:
    """Whether what fits goes before what does not, among what is due of one coin: unless the policy
    is strict, or something was passed over for as long as it allows."""
    if values.funds_order == FundsOrder.STRICT:
        return False
    since = clock.now() - values.passed_over
    return not Passing.objects.standing().filter(over__in=due, at__lte=since).exists()


def what_fits_goes_now(currency: str) -> bool:
    """Whether what fits the balance of a coin that is short goes, whatever else waits for funds."""
    known = balance.known().get(currency)
    due = Payout.objects.sendable().filter(currency=currency).due(clock.now())
    return known is not None and not known.is_old and what_fits_goes(due, policy.values())


def note_passed(passed: Passed, sent: Collection[UUID]) -> None:
    """Store what each payout that is sent goes before."""
    now = clock.now()
    Passing.objects.bulk_create(
        Passing(payout_id=pk, over=over, at=now)
        for pk, some in passed.items()
        if pk in sent
        for over in some
    )


def left_of(known: Mapping[str, Balance]) -> dict[str, Decimal]:
    """Return what is left of balances that were asked for at one time."""
    if not known:
        return {}
    taken = taken_since(min(each.fetched_at for each in known.values()), known)
    return {
        currency: max(each.amount - taken.get(currency, Decimal(0)), Decimal(0))
        for currency, each in known.items()
    }


def taken_since(since: datetime, currencies: Iterable[str]) -> dict[str, Decimal]:
    """Return what calls may have taken of each coin's balance since then: those that were not over
    by then, as far as Heleket had not been heard to have accepted them before."""
    called = Attempt.objects.filter(
        payout=OuterRef("pk"), generation=OuterRef("generation"), lease_until__gt=since
    )
    going = Q(status=PayoutStatus.SUBMITTING) & Exists(called)
    accepted = Q(status=PayoutStatus.BROADCAST, waiting_since__gte=since)
    under_way = Payout.objects.under_way().filter(going | accepted)
    paid = Payout.objects.filter(Exists(called), status=PayoutStatus.CONFIRMED)
    methods, taken = PayoutMethod.objects.by_coin(currencies), dict[str, Decimal]()
    for rows in (under_way, paid.filter(finished_at__gte=since)):
        sums = rows.filter(currency__in=currencies).order_by().values_list("currency", "network")
        for currency, network, amount, count in sums.annotate(Total("amount"), Count("pk")):
            method = methods.get((network, currency))
            fee = method.fee_for(amount, count) if method else Decimal(0)
            taken[currency] = taken.get(currency, Decimal(0)) + amount + fee
    return taken


def debit_of(payout: Payout, methods: Mapping[tuple[str, str], PayoutMethod]) -> Decimal:
    """Return what leaves our balance, the fee included."""
    method = methods.get((payout.network, payout.currency))
    return method.debit_for(payout.amount) if method else payout.amount
