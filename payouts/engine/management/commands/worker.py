import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

import heleket
from audit import jobs
from payouts.engine.start import FirstQuestions
from payouts.engine.worker import Worker, stopped_by_signals
from payouts.gateway import accounts, continuity
from payouts.gateway.accounts import GatewayAccount, NotBound
from payouts.heartbeats import Heartbeat, Pulse
from payouts.staff import command_line

logger = logging.getLogger("payouts.worker")

REPORT_SECONDS = 1.0
LONGEST_WAIT = 60  # seconds, for Heleket to sign us in


class Command(BaseCommand):
    help = (
        "Send approved payouts and ask Heleket about those under way, until stopped. Several may "
        "run at once. SIGTERM or Ctrl-C: it finishes the calls under way and stops. "
        "Exit code: 0 done or stopped, 1 error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--threads",
            type=command_line.positive,
            default=8,
            metavar="N",
            help="calls of a kind at once (8)",
        )
        parser.add_argument("--once", action="store_true", help="do what is due now, then stop")
        parser.add_argument(
            "--limit",
            type=command_line.positive,
            metavar="N",
            help="do at most N of each kind of work, then stop",
        )

    def handle(self, *, threads: int, once: bool, limit: int | None, **_options: Any) -> None:
        stops = once or limit is not None
        with command_line.refusals_as_errors(), accounts.heleket_client() as client:
            account = accounts.open_account(client) if stops else sign_in(client)
            every = jobs.make_all(client, account, threads)
            may_send = FirstQuestions().are_put
            pulse = Pulse(Heartbeat.Kind.WORKER, continuity.keep)
            worker = Worker(every, limit=limit, may_send=may_send, pulse=pulse)
            logger.info("works for merchant %s at %s", account.merchant_id, account.host)
            with stopped_by_signals(worker):
                done = worker.run(once=stops, on_round=reporter())
        logger.info("stopped; recorded %s in all", in_words(done))


def sign_in(client: heleket.HeleketClient) -> GatewayAccount:
    """Open the desk; if it is bound to no account yet, wait until Heleket has signed us in."""
    wait = 1
    while True:
        try:
            return accounts.open_account(client)
        except NotBound as exc:
            logger.warning("%s Nothing is sent; the next try is in %d s.", exc, wait)
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


def reporter() -> Callable[[Counter[str]], None]:
    """Return a function that logs what was done, at most once a second and only if it grew. What is
    done every so often anyway is no news."""
    logged: Counter[str] = Counter()
    logged_at = time.monotonic()

    def report(all_done: Counter[str]) -> None:
        nonlocal logged, logged_at
        often = {name for name, job in jobs.REGISTERED.items() if job.every}
        done = Counter({name: count for name, count in all_done.items() if name not in often})
        if done != logged and time.monotonic() - logged_at >= REPORT_SECONDS:
            logger.info("recorded %s", in_words(done - logged))
            logged, logged_at = done.copy(), time.monotonic()

    return report


def in_words(done: Counter[str]) -> str:
    return ", ".join(f"{count} {job}" for job, count in done.items() if count) or "nothing"
