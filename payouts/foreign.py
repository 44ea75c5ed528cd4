"""Payouts at Heleket that none of ours is: while people have not said what one is, a request like
it waits. It may be the very one, made by hand."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import NO_REASON, Reason
from payouts import transitions
from payouts.codes import PayoutCode
from payouts.discrepancies import Facts
from payouts.models import Discrepancy, Payout, PayoutStatus
from wallets.addresses import canonical
from wallets.amounts import money

CHUNK = 500


def like(payout: Payout, found: Iterable[Discrepancy]) -> Discrepancy | None:
    """Return what Heleket has that may be this payout: of its address, in whatever spelling and on
    whichever network, or of its coin and amount. What Heleket does not say may be as it is here."""
    return next((each for each in found if is_like(payout, each)), None)


def is_like(payout: Payout, found: Discrepancy) -> bool:
    if found.kind != Discrepancy.Kind.FOREIGN or not found.is_standing:
        return False
    address, coin = found.theirs.get("address"), found.theirs.get("currency")
    if address and canonical(payout.network, address) == payout.address:
        return True
    amount = amount_in(found.theirs)
    return (not coin or coin.upper() == payout.currency) and amount in (None, payout.amount)


def amount_in(theirs: Facts) -> Decimal | None:
    try:
        return Decimal(theirs["amount"])
    except (KeyError, TypeError, InvalidOperation):
        return None


def created_there(found: Discrepancy) -> datetime | None:
    """Return when Heleket made it, which its list alone says."""
    try:
        return datetime.fromisoformat(found.theirs["created_at"])
    except (KeyError, TypeError, ValueError):
        return None


def wait_for(found: Discrepancy) -> Reason:
    return Reason(PayoutCode.UNKNOWN_THERE, in_short(found))


def in_short(found: Discrepancy) -> str:
    """Name what Heleket has by what people know it by."""
    amount, theirs = amount_in(found.theirs), found.theirs
    sum_there = money(amount, theirs.get("currency", "")) if amount is not None else ""
    return ", ".join(filter(None, [sum_there, theirs.get("address"), found.key]))


def standing() -> list[Discrepancy]:
    return list(Discrepancy.objects.open().filter(kind=Discrepancy.Kind.FOREIGN).order_by("pk"))


def let_go_on() -> int:
    """Have looked at now what waited for a payout at Heleket that people have ended meanwhile;
    return how many. In no transaction that has locked a payout.

    Whatever is left out goes on by itself when it is looked at next.
    """
    waiting = Payout.objects.filter(
        status__in=[PayoutStatus.APPROVED, PayoutStatus.SUBMITTING],
        reason_code=PayoutCode.UNKNOWN_THERE,
    )
    left = standing()
    free = [each.pk for each in waiting.iterator() if not like(each, left)]
    for start in range(0, len(free), CHUNK):
        system = Actor.system(Channel.WORKER)
        with transitions.change(free[start : start + CHUNK], actor=system) as changes:
            for change in changes:
                look_again(change.row)
    return len(free)


def look_again(payout: Payout) -> None:
    if payout.reason_code != PayoutCode.UNKNOWN_THERE:
        return  # something else happened to it meanwhile
    if payout.status == PayoutStatus.APPROVED:
        payout.why = NO_REASON
        payout.wait_to_be_sent()
    elif payout.status == PayoutStatus.SUBMITTING:
        payout.due_at = clock.now()
