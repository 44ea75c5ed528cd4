"""What became of a payout's money, by what people found of each of its tries.

A final status never moves. What Heleket did beside it is kept on the try that it is about; a
payout's `effective` is what all its tries come to, and empty where its status says the same.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal

from audit import clock
from payouts.models import Attempt, Effective, Payout, PayoutStatus
from wallets.amounts import format_amount


def take_for(attempt: Attempt, effective: Effective, amount: Decimal, currency: str) -> None:
    """Keep what people found: that the client was paid so much, or an address that is not his, or
    nobody."""
    attempt.taken_for = {
        "effective": effective,
        "amount": format_amount(amount),
        "currency": currency,
    }


def terms(attempt: Attempt) -> tuple[Decimal, str]:
    """Return amount and coin of a try: what people found that it paid, else what was sent."""
    found = attempt.taken_for
    if found is None or found["effective"] == Effective.NOT_PAID:
        found = json.loads(attempt.body)
    return Decimal(found["amount"]), found["currency"]


def was_paid(payout: Payout, attempt: Attempt) -> bool:
    """Whether Heleket has paid this try, to its client or elsewhere, as far as anybody knows."""
    if attempt.taken_for:
        return bool(attempt.taken_for["effective"] != Effective.NOT_PAID)
    return payout.status == PayoutStatus.CONFIRMED and attempt.generation == payout.generation


def telling_try(payout: Payout, attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the try by which the client was paid, the last if there are more, or the present
    one."""
    tries = list(attempts)
    paid = [each for each in tries if was_paid(payout, each) and not is_elsewhere(each)]
    present = [each for each in tries if each.generation == payout.generation]
    return max(paid or present, key=lambda each: each.generation, default=None)


def is_elsewhere(attempt: Attempt) -> bool:
    return (attempt.taken_for or {}).get("effective") == Effective.ELSEWHERE


def add_up(payout: Payout, attempts: Sequence[Attempt]) -> None:
    """Set `effective` and what belongs to it. Precondition: the payout has ended."""
    paid = sum_of(payout, attempts, Effective.PAID)
    elsewhere = sum_of(payout, attempts, Effective.ELSEWHERE)
    is_confirmed = payout.status == PayoutStatus.CONFIRMED
    effective, found = "", dict[str, Decimal]()
    if paid and not (is_confirmed and paid == {payout.currency: payout.amount}):
        effective, found = Effective.PAID, paid
    elif elsewhere and not paid:
        effective, found = Effective.ELSEWHERE, elsewhere
    elif is_confirmed and not paid:
        effective = Effective.NOT_PAID
    payout.effective, payout.effective_at = effective, clock.now() if effective else None
    payout.effective_currency, payout.effective_amount = next(iter(found.items()), ("", None))


def sum_of(payout: Payout, attempts: Sequence[Attempt], wanted: Effective) -> dict[str, Decimal]:
    """Return what was paid so, by coin, that of the latest try first."""
    sums: dict[str, Decimal] = {}
    for attempt in sorted(attempts, key=lambda each: -each.generation):
        if attempt.taken_for and attempt.taken_for["effective"] == wanted:
            amount, currency = terms(attempt)
        elif wanted == Effective.PAID and not attempt.taken_for and was_paid(payout, attempt):
            currency, amount = payout.currency, payout.amount
        else:
            continue
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return sums
