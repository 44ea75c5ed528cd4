"""The job that asks Heleket what coins are worth."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

import heleket
from audit import clock
from audit.jobs import TURN_SECONDS, Claimed
from payouts.controls import policy, rates
from payouts.controls.rates import Said
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.jobs import GatewayJob

logger = logging.getLogger("payouts.worker")

THREADS = 4  # nobody waits for these calls


@dataclass(frozen=True)
class Question:
    currency: str
    asked_at: datetime


@dataclass(frozen=True)
class Answer:
    """What became of a question: what Heleket said, or why nothing of it can be used."""

    question: Question
    said: Said | None = None
    trouble: heleket.HeleketError | str = ""
    odd: Sequence[str] = ()


class FetchRates(GatewayJob):
    """Ask about the coins that were not asked about for a while, some in each turn. Without an
    answer a coin's rate stays as it is, and grows old."""

    name = "fetch_rates"
    every = timedelta(seconds=TURN_SECONDS)

    def __init__(
        self, client: heleket.HeleketClient, account: GatewayAccount, threads: int
    ) -> None:
        super().__init__(client, account, min(threads, THREADS))
        self.troubles: dict[str, str] = {}  # of each coin, logged once as long as it lasts

    def take(self, limit: int) -> Claimed[Question]:
        now, rate = clock.now(), self.account.calls_per_second
        due = rates.due(now)
        if not due:
            return Claimed()
        calls = rate_limit.available(min(limit, len(due)), rate)
        if not calls:
            return Claimed(look_again=rate_limit.look_again(rate))
        rate_limit.consume(calls, rate)
        rates.put_off(due[:calls], now)
        return Claimed([Question(currency, now) for currency in due[:calls]])

    def call(self, question: Question) -> Answer:
        deadline, odd = time.monotonic() + self.account.timeout, list[str]()
        try:
            found = self.client.list_rates(question.currency, deadline=deadline, on_odd=odd.append)
        except heleket.HeleketError as exc:
            return Answer(question, trouble=exc)
        courses = courses_of(question.currency, found)
        if len(courses) != 1:
            reference = settings.REFERENCE_CURRENCY
            return Answer(
                question, trouble=f"it names {len(courses)} rates in {reference}", odd=odd
            )
        return Answer(question, Said(question.currency, courses.pop(), question.asked_at), odd=odd)

    def record(self, answers: Sequence[Answer]) -> None:
        rate_limit.back_off_if_asked(each.trouble for each in answers)
        for answer in answers:
            self.log(answer)
        said = [answer.said for answer in answers if answer.said]
        rates.take_over(said, bounds=policy.values().rate_bounds)

    def asks_to_back_off(self, answer: Answer) -> bool:
        return isinstance(answer.trouble, heleket.TooManyRequests)

    def log(self, answer: Answer) -> None:
        currency, text = answer.question.currency, str(answer.trouble)
        if text and text != self.troubles.get(currency):
            logger.warning("Heleket's rate of %s stays as it was: %s", currency, text)
        self.troubles[currency] = text
        if answer.odd:
            logger.warning("Heleket's rates that cannot be used: %s", answer.odd)


def courses_of(currency: str, found: Sequence[heleket.Rate]) -> set[Decimal]:
    """Return what a list says of the coin in the reference currency: one course, if it is clear."""
    pair = (currency, settings.REFERENCE_CURRENCY)
    return {each.course for each in found if (each.source.upper(), each.target.upper()) == pair}
