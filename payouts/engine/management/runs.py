"""One run of one job from the command line: what is due now, then stop."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

import heleket
from audit import clock
from audit.jobs import Job
from audit.operations import Outcome
from payouts import explain
from payouts.engine.start import FirstQuestions
from payouts.engine.worker import Worker, stopped_by_signals
from payouts.gateway import continuity
from payouts.gateway.accounts import GatewayAccount
from payouts.jobs import Check
from payouts.management import base
from payouts.models import Payout, PayoutQuerySet
from payouts.reconciliation.starting import ReadBack
from payouts.staff import command_line
from payouts.states import States
from wallets.coins import network_name


def add_options(parser: CommandParser) -> None:
    parser.add_argument(
        "--threads", type=command_line.positive, default=8, metavar="N", help="calls at once (8)"
    )
    base.add_change_options(parser)


def run_due(
    out: OutputWrapper,
    due: PayoutQuerySet,
    make_job: type[Job],
    is_well: Callable[[Payout], bool],
    *,
    threads: int,
    limit: int | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Run a job for the payouts due now, at most `limit`, and report where each one stands then."""
    with base.signed_in() as (client, account):
        chosen = list(due.due(clock.now()).order_by("due_at", "number")[:limit])
        if chosen and not dry_run:
            if make_job.moves_money and not continuity.lets_send():
                start(client, account, threads)
            run(make_job(client, account, threads), len(chosen))
    outcomes = [waits(each) for each in chosen] if dry_run else stand(chosen, is_well)
    base.report(out, outcomes, dry_run=dry_run, as_json=options["format"] == "json")


def start(client: heleket.HeleketClient, account: GatewayAccount, threads: int) -> None:
    """Make the checks of a start, as a worker does, unless a question stands."""
    FirstQuestions().are_put()
    jobs: list[Job] = [make(client, account, threads) for make in (Check, ReadBack)]
    Worker(jobs).run(once=True)


def run(job: Job, count: int) -> None:
    worker = Worker([job], limit=count)
    with stopped_by_signals(worker), command_line.progress_bar(job.name, count) as show:
        worker.run(once=True, on_round=lambda done: show_on(done[job.name], show))


def show_on(done: int, show: Callable[[int], None]) -> None:
    continuity.keep(clock.now())
    show(done)


def waits(payout: Payout) -> Outcome:
    text = f"Due: {payout.money} on {network_name(payout.network)} to {payout.address}."
    return Outcome(payout.pk, str(payout), done=True, text=text)


def stand(payouts: list[Payout], is_well: Callable[[Payout], bool]) -> list[Outcome]:
    now = Payout.objects.in_bulk([payout.pk for payout in payouts])
    states = States.now()
    return [
        Outcome(each.pk, str(each), is_well(each), explain.explain(each, states).sentence)
        for each in (now[payout.pk] for payout in payouts)
    ]
