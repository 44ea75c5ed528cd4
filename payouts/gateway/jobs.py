"""Jobs that call Heleket for this database's account, and the one that reads its price list."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import heleket
from audit import clock
from audit.jobs import Claimed, Job
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount, is_still_ours
from wallets.services import sync_services

logger = logging.getLogger("payouts.worker")


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


@dataclass(frozen=True)
class PriceList:
    services: list[heleket.RemoteService]
    odd: list[str]


class SyncServices(GatewayJob):
    """Take over what Heleket pays, within which limits and for which fee."""

    name = "sync_services"
    every = timedelta(hours=1)

    def take(self, _limit: int) -> Claimed[timedelta]:
        rate = self.account.calls_per_second
        if not rate_limit.available(1, rate):
            return Claimed(look_again=rate_limit.look_again(rate))
        rate_limit.consume(1, rate)
        return Claimed([self.every])

    def call(self, _item: timedelta) -> PriceList | heleket.HeleketError:
        odd: list[str] = []
        deadline = time.monotonic() + self.account.timeout
        try:
            services = self.client.list_services(deadline=deadline, on_odd=odd.append)
        except heleket.HeleketError as exc:
            return exc
        return PriceList(services, odd)

    def record(self, results: Sequence[PriceList | heleket.HeleketError]) -> None:
        rate_limit.back_off_if_asked(results)
        for result in results:
            if isinstance(result, heleket.HeleketError):
                logger.warning("Heleket's price list stays as it was: %s", result)
            else:
                take_over(result)

    def asks_to_back_off(self, result: PriceList | heleket.HeleketError) -> bool:
        return isinstance(result, heleket.TooManyRequests)


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
