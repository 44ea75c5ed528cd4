"""The series of balances that the books go by, kept from what Heleket says anyway.

A balance proves something only at a moment when nothing of its coin was under way to Heleket: then
it holds just what the desk knows. Heleket writes down when it made a payout by its own clock and
in whole seconds, so a coin must have been quiet for a few seconds.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max

import heleket
from payouts.books.models import BalanceReading
from payouts.books.ours import made_within
from payouts.days import day_of
from payouts.gateway.balance import is_usable, payable
from payouts.models import Attempt, Payout, PayoutStatus
from wallets.amounts import MAX_AMOUNT, exact

QUIET = timedelta(seconds=5)
# What Heleket made so shortly before a reading, by its clock, was made after it by ours.
CLOCKS_APART = timedelta(seconds=2)
LATELY = timedelta(days=2)
A_FEW_TURNS = timedelta(minutes=3)  # balances are fetched every minute
Way = BalanceReading.Way


def keep(balances: Iterable[heleket.Balance], *, asked_at: datetime) -> list[BalanceReading]:
    """Keep what Heleket said, where it is another balance than before, or the first of its day."""
    said = {
        each.currency: payable(each.amount)
        for each in balances
        if each.owner == "merchant" and is_usable(each)
    }
    last = last_of_each(asked_at)
    if any(each.at >= asked_at for each in last.values()):
        return []  # an answer that comes late
    busy = coins_under_way(asked_at)
    rows = [
        BalanceReading(
            currency=currency,
            amount=amount,
            at=asked_at,
            is_clear=currency not in busy,
        )
        for currency, amount in sorted(said.items())
    ]
    heard = refunds_heard(asked_at)
    news = [each for each in rows if is_news(each, last.get(each.currency), heard)]
    kept = BalanceReading.objects.bulk_create(news)
    keep_what_answers_say(asked_at)
    return kept


def last_of_each(asked_at: datetime) -> dict[str, BalanceReading]:
    """Return the last reading of each coin: one is kept a day at least."""
    lately = BalanceReading.objects.filter(way=Way.BALANCE, at__gt=asked_at - LATELY)
    newest = lately.order_by().values("currency").annotate(last=Max("at"))
    moments = dict(newest.values_list("currency", "last"))
    rows = lately.filter(at__in=set(moments.values()))
    return {each.currency: each for each in rows if each.at == moments[each.currency]}


def refunds_heard(asked_at: datetime) -> dict[str, datetime]:
    """Return when we last heard of each coin that a payout had failed: a balance of before that is
    in doubt, so the same one counts anew."""
    failed = Payout.objects.filter(status=PayoutStatus.FAILED, finished_at__gt=asked_at - LATELY)
    rows = failed.order_by().values_list("currency").annotate(last=Max("finished_at"))
    return {currency: at for currency, at in rows if at}


def is_news(
    now: BalanceReading, last: BalanceReading | None, heard: Mapping[str, datetime]
) -> bool:
    if last is None or now.amount != last.amount or now.is_clear != last.is_clear:
        return True
    if now.currency in heard and heard[now.currency] > last.at:
        return True
    return day_of(now.at) != day_of(last.at)


def coins_under_way(asked_at: datetime) -> set[str]:
    """Return the coins of which Heleket has, or may have, what this balance does not show for
    certain."""
    open_calls = Attempt.objects.filter(uuid=None, released_at=None).exclude(unanswered=[])
    just_made = Attempt.objects.filter(made_within(asked_at - QUIET, asked_at + LATELY))
    return set((open_calls | just_made).values_list("payout__currency", flat=True).distinct())


def is_before(reading_at: datetime) -> datetime:
    """Return the moment before which a debit, by Heleket's clock, is in a clear reading."""
    return reading_at - CLOCKS_APART


# What the answers about payouts say of the balance: it brackets what moved it meanwhile


def keep_what_answers_say(until: datetime) -> None:
    """Keep the balances that answers have carried lately, each once. They are never clear: others
    may have been made at the same moment."""
    since = until - A_FEW_TURNS
    made = Attempt.objects.filter(made_within(since - QUIET, until)).exclude(uuid=None)
    answered = made.filter(answered_at__gt=since, answered_at__lt=until)
    rows = answered.values_list("payer_currency", "payout__currency", "answered_at", "answer")
    BalanceReading.objects.bulk_create(
        [
            BalanceReading(
                currency=payer or coin, amount=amount, at=at, is_clear=False, way="payout"
            )
            for payer, coin, at, answer in rows
            if at and (amount := balance_in(answer)) is not None
        ],
        ignore_conflicts=True,
    )


def balance_in(answer: str) -> Decimal | None:
    """Return the balance that an answer names, if that can be read without doubt."""
    try:
        result = json.loads(answer, parse_float=Decimal)["result"]
        said = result["balance"]
        amount = Decimal(said) if isinstance(said, str | int | Decimal) else None
        if amount is None or isinstance(said, bool) or not 0 <= amount <= MAX_AMOUNT:
            return None
        return exact(payable(amount))
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return None
