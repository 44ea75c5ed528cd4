"""Jobs that call Heleket for this database's account, and those that read its price list and its
balances."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

import heleket
from audit import clock
from audit.jobs import Claimed, Job
from payouts.gateway import balance, history, rate_limit
from payouts.gateway.accounts import GatewayAccount, is_still_ours
from wallets.services import sync_services

logger = logging.getLogger("payouts.worker")

PAGES, PER_PAGE = 10, 15  # of Heleket's list: so many calls at a time


class GatewayJob(Job):
    """Takes nothing once the database is bound to another account than this process works for."""

    def __init__(
        self, client: heleket.HeleketClient, account: GatewayAccount, threads: int
    ) -> None:
        self.client, self.account, self.threads = client, account, threads
        # A rate is shared with other processes, which could use what would wait for a thread here.
        self.claims_ahead = account.calls_per_second is None
        self.is_refusal_logged = False

    def claim(self, limit: int) -> Claimed[Any]:
        if is_still_ours(self.account):
            self.is_refusal_logged = False
            return self.take(limit)
        if not self.is_refusal_logged:
            logger.error("the database belongs to another account now: nothing is sent or asked")
        self.is_refusal_logged = True
        return Claimed()

    def take(self, limit: int) -> Claimed[Any]:
        raise NotImplementedError


class Reading(GatewayJob):
    """Asks Heleket one thing every so often, and keeps what it said before if no answer comes."""

    every: ClassVar[timedelta]
    unchanged: ClassVar[str]  # the log's words when no answer comes
    trouble = ""  # logged once as long as it lasts

    def take(self, _limit: int) -> Claimed[Any]:
        rate = self.account.calls_per_second
        if not rate_limit.available(1, rate):
            return Claimed(look_again=rate_limit.look_again(rate))
        rate_limit.consume(1, rate)
        return Claimed([clock.now()])

    def call(self, asked: Any) -> Any:
        try:
            return self.read(asked, time.monotonic() + self.account.timeout)
        except heleket.HeleketError as exc:
            return exc

    def record(self, results: Sequence[Any]) -> None:
        rate_limit.back_off_if_asked(results)
        for result in results:
            if isinstance(result, heleket.HeleketError):
                self.leave(result)
            else:
                self.trouble = ""
                self.take_over(result)

    def asks_to_back_off(self, result: Any) -> bool:
        return isinstance(result, heleket.TooManyRequests)

    def read(self, asked: Any, deadline: float) -> Any:
        """Ask Heleket what was taken, which is the moment of the claim. Raises HeleketError."""
        raise NotImplementedError

    def take_over(self, said: Any) -> None:
        """Store what Heleket said."""
        raise NotImplementedError

    def leave(self, trouble: heleket.HeleketError) -> None:
        if str(trouble) != self.trouble:
            logger.warning("%s: %s", self.unchanged, trouble)
        self.trouble = str(trouble)


@dataclass(frozen=True)
class PriceList:
    services: list[heleket.RemoteService]
    odd: list[str]


class SyncServices(Reading):
    """Take over what Heleket pays, within which limits and for which fee."""

    name = "sync_services"
    every = timedelta(hours=1)
    unchanged = "Heleket's price list stays as it was"

    def read(self, _asked_at: datetime, deadline: float) -> PriceList:
        odd: list[str] = []
        return PriceList(self.client.list_services(deadline=deadline, on_odd=odd.append), odd)

    def take_over(self, prices: PriceList) -> None:
        take_over(prices)


@dataclass(frozen=True)
class Balances:
    asked_at: datetime
    balances: list[heleket.Balance]
    odd: list[str]


class FetchBalances(Reading):
    """Keep in mind what payouts can draw on. Without a payment key nobody may ask."""

    name = "fetch_balances"
    every = timedelta(minutes=1)
    unchanged = "Heleket's balances stay as they were"

    def read(self, asked_at: datetime, deadline: float) -> Balances:
        odd: list[str] = []
        found = self.client.get_balance(deadline=deadline, on_odd=odd.append)
        return Balances(asked_at, found, odd)

    def take_over(self, said: Balances) -> None:
        odd = [*said.odd, *balance.store(said.balances, asked_at=said.asked_at)]
        if odd:
            logger.warning("Heleket's balances that cannot be used, so not known: %s", odd)

    def leave(self, trouble: heleket.HeleketError) -> None:
        if isinstance(trouble, heleket.MissingCredentials):
            balance.forget()
        else:
            super().leave(trouble)


@dataclass(frozen=True)
class Page:
    """Some payouts of before a moment, the newest of them first."""

    before: datetime
    calls: int  # that it took at most


@dataclass(frozen=True)
class PageRead:
    page: Page
    payouts: list[heleket.RemotePayout]


class ReadHistory(Reading):
    """Learn where the account had paid before the desk was installed: once, some pages a minute."""

    name = "read_history"
    every = timedelta(minutes=1)
    unchanged = "Heleket's list of earlier payouts is not read on"

    def take(self, _limit: int) -> Claimed[Any]:
        if (before := history.unread_before()) is None:
            return Claimed()
        rate = self.account.calls_per_second
        if not (calls := rate_limit.available(PAGES, rate)):
            return Claimed(look_again=rate_limit.look_again(rate))
        rate_limit.consume(calls, rate)
        return Claimed([Page(before, calls)])

    def read(self, page: Any, _deadline: float) -> PageRead:
        listed = self.client.list_payouts(date_to=page.before)
        return PageRead(page, list(islice(listed, page.calls * PER_PAGE)))

    def take_over(self, read: PageRead) -> None:
        is_all = len(read.payouts) < read.page.calls * PER_PAGE
        history.take_over(read.payouts, before=read.page.before, is_all=is_all)


def take_over(prices: PriceList) -> None:
    """Store a price list. An empty one would stop all payouts: only a person takes that over."""
    if not prices.services:
        logger.warning("Heleket's price list stays as it was: Heleket lists nothing now")
        return
    report = sync_services(prices.services, now=clock.now(), odd=prices.odd)
    logger.info(
        "Heleket's price list: %d services, %d new, %d changed, %d withdrawn, %d of no use here",
        *(report.listed, report.added, report.changed, report.withdrawn),
        len(report.unknown) + len(report.unreadable),
    )
