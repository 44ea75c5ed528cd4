"""The job that compares Heleket's list with ours, a few windows at a time."""

import time
from collections.abc import Sequence
from datetime import timedelta

import heleket
from audit.jobs import TURN_SECONDS, Claimed
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.jobs import GatewayJob
from payouts.reconciliation import asking, sweeps
from payouts.reconciliation.asking import Heard, Question
from payouts.reconciliation.listing import SIDE_BY_SIDE, open_window
from payouts.reconciliation.sweeps import Answered, Asked, Ended, Item, Read, Window

MOST_CALLS = 160  # in one turn


class Reconcile(GatewayJob):
    """Read the last two days again and again, and all of the last 90 each night."""

    name = "reconcile"
    every = timedelta(seconds=TURN_SECONDS)

    def __init__(
        self, client: heleket.HeleketClient, account: GatewayAccount, threads: int
    ) -> None:
        super().__init__(client, account, min(threads, SIDE_BY_SIDE))
        rate = account.calls_per_second
        self.pause = self.threads / rate if rate else 0.0  # between two calls of one thread

    def take(self, _limit: int) -> Claimed[Item]:
        rate = self.account.calls_per_second
        calls = rate_limit.available(MOST_CALLS, rate)
        if not calls:
            return Claimed(look_again=rate_limit.look_again(rate))
        items = sweeps.take(calls, self.account)
        rate_limit.consume(sum(map(calls_of, items)), rate)
        return Claimed(list(items))

    def call(self, item: Item) -> Read | Answered | None:
        if isinstance(item, Ended):
            return None
        if isinstance(item, Asked):
            return Answered(item.sweep, [self.ask(each) for each in item.questions])
        return self.read(item)

    def ask(self, question: Question) -> Heard:
        time.sleep(self.pause)
        return asking.ask(question, self.client, timeout=self.account.timeout)

    def read(self, window: Window) -> Read:
        """Read it to its end, which may take more calls than were expected."""
        listed, entries = open_window(window.span, self.client), []
        while not listed.is_over:
            entries += listed.take(listed.ask())
            time.sleep(self.pause)
        return Read(window, entries, listed.page_count, listed.trouble)

    def record(self, results: Sequence[Read | Answered]) -> None:
        rate_limit.back_off_if_asked(each for result in results for each in troubles_of(result))
        rate = self.account.calls_per_second
        beyond = sum(
            max(each.pages - each.window.calls, 0) for each in results if isinstance(each, Read)
        )
        rate_limit.consume_more(beyond, rate)
        sweeps.record(results, self.account)

    def asks_to_back_off(self, result: Read | Answered | None) -> bool:
        return any(isinstance(each, heleket.TooManyRequests) for each in troubles_of(result))


def calls_of(item: Item) -> int:
    if isinstance(item, Ended):
        return 0
    return item.calls


def troubles_of(result: Read | Answered | None) -> list[object]:
    if isinstance(result, Answered):
        return [each.answer for each in result.heard]
    return [result.trouble] if result else []
