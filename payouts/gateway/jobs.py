"""Jobs that call Heleket for this database's account."""

import logging
from typing import Any

import heleket
from audit.jobs import Claimed, Job
from payouts.gateway.accounts import GatewayAccount, is_still_ours

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
