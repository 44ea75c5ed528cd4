"""The days of a made-up desk, lived through in seconds: how many they are, and how much happens."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from random import Random

from django.conf import settings

import heleket
from audit import clock
from config.demo import accounting, crowd, incidents, oddities, people
from config.demo.clock import Clock
from config.demo.story import Story
from heleket.sandbox import Gateway
from payouts.auditing import rights_then
from payouts.books.models import Movement
from payouts.controls import documents, policy
from payouts.controls.models import PolicyVersion
from payouts.gateway.accounts import open_account
from payouts.reconciliation.sweeps import WORKER
from wallets.models import PayoutMethod, Wallet
from wallets.services import sync_services

DAYS = 90
DELAY_SECONDS = 15


@contextmanager
def opened(start: datetime, chance: Random, *, clients: int = 0) -> Iterator[Story]:
    """Open a desk on empty tables, bound to a Heleket in this process; time is the story's own.

    It pays the clients that the stories are about, and so many others.
    """
    made_up_clock = Clock(start)
    gateway = Gateway(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        now=made_up_clock,
        sleep=lambda _seconds: None,
        pace_seconds=20,
    )
    with without_logging(), clock.replaced(made_up_clock), client_of(gateway) as client:
        sync_services(client.list_services(), now=start)
        staff = people.hire()
        rights_then.write_down(WORKER)
        people.register(staff, made_up_clock)
        crowd.register(clients, staff, chance, made_up_clock)
        story = Story(
            clock=made_up_clock,
            gateway=gateway,
            client=client,
            account=open_account(client),
            staff=staff,
            methods={(each.network, each.currency): each for each in PayoutMethod.objects.all()},
            wallets=wallets_by_coin(),
            chance=chance,
        )
        let_go_sooner(story)
        oddities.register(story)
        story.top_up()
        yield story


def let_go_sooner(story: Story) -> None:
    """Have what is approved go out after seconds, so that whoever looks at the desk sees it go."""
    [document] = PolicyVersion.objects.values_list("document", flat=True)
    changed = json.loads(document)
    changed["values"]["delay_seconds"] = DELAY_SECONDS
    why = "This is a demo: nobody wants to wait two minutes."
    draft = policy.propose(documents.canonical(changed), reason=why, actor=story.actor("petra"))
    policy.confirm(draft.pk, actor=story.actor("pavel"))


@contextmanager
def without_logging() -> Iterator[None]:
    """The story has its alarms; on a terminal they would look like the demo's own."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def client_of(gateway: Gateway) -> heleket.HeleketClient:
    return heleket.HeleketClient(
        base_url=settings.HELEKET_PROJECT_URL,
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        adapter=gateway.adapter(),
    )


def wallets_by_coin() -> dict[str, list[Wallet]]:
    wallets = defaultdict(list)
    for wallet in Wallet.objects.active().select_related("client").order_by("pk"):
        wallets[wallet.preferred_currency].append(wallet)
    return wallets


def live(story: Story, end: datetime, *, days: int = DAYS, times: float = 1) -> Iterator[int]:
    """Live so many days until `end`, yielding how many are left.

    `times` as many payouts as at the demo's desk are requested on an ordinary day.
    """
    midnight = end.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days_left in range(days, 0, -1):
        story.clock.wait_until(midnight - timedelta(days=days_left) + timedelta(hours=8))
        accounting.begin_day(story, end)
        ordinary_day(story, times)
        for incident in [*incidents.of_day(days_left), *incidents.beside_payouts(days_left)]:
            story.wait(minutes=10)
            incident(story)
        yield days_left
    todays = {**incidents.TODAY, end - accounting.this_morning(end): accounting.yesterday_is_read}
    for ago, incident in sorted(todays.items(), reverse=True, key=itemgetter(0)):
        story.clock.wait_until(end - ago)
        incident(story)
    story.clock.wait_until(end)
    story.fetch_rates()
    story.fetch_balances()
    yield 0


def ordinary_day(story: Story, times: float) -> None:
    """Requests come in, somebody approves them together, the worker pays them."""
    is_weekend = story.clock.now.weekday() >= 5
    usual = story.chance.randint(0, 2) if is_weekend else story.chance.randint(3, 6)
    requested = []
    for _ in range(round(usual * times)):
        story.wait(minutes=story.chance.uniform(2, 55) / max(times, 1))
        requested.append(story.request())
    story.wait(minutes=story.chance.uniform(5, 50))
    story.approve(*requested)
    story.work()
    story.watch()
    for coin, amount in story.top_up().items():
        story.enter(coin, amount, Movement.Category.TOP_UP, "From the treasury", by="alma")
