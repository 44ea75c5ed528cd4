"""Ninety days of the demo's desk, lived through in seconds.

Nothing is written past the desk: people act through its services, the worker's own functions send
and ask, and a Heleket in this process answers. Only the clock is made up, so all records, events
and their chains are what real days would have left.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User

import heleket
from audit.actor import Actor, Channel
from audit.operations import Outcome, perform
from heleket.sandbox import Gateway
from heleket.webhooks import verify
from payouts import idempotency, operations, polling, submission, webhooks
from payouts.gateway.accounts import GatewayAccount, open_account
from payouts.models import Discrepancy, Origin, Payout
from payouts.operations import PayoutOperation
from payouts.requests import request_payout
from payouts.seen import see
from wallets.models import PayoutMethod, Wallet
from wallets.services import sync_services

DAYS = 90
EVERYTHING = 1000
CREATE, INFO = "/v1/payout", "/v1/payout/info"
SCARCE = {"DOGE", "HMSTR"}  # two stories of today are about these

PURPOSES = [
    ("Commission for {month}", ""),
    ("Design work, milestone {digit}", "INV-{number}"),
    ("Invoice {number}", "INV-{number}"),
    ("Translation, {digit}0,000 words", "PO-{number}"),
    ("Weekly affiliate share", "AFF-{number}"),
    ("Prize, {month} tournament", ""),
    ("Refund of a deposit", "CASE-{number}"),
    ("Freight, {month}", "INV-{number}"),
]


Act = Callable[..., Iterable[Outcome]]


class Clock:
    """A clock that only the story moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Story:
    """The desk with its people, and the sandbox it pays through."""

    clock: Clock
    gateway: Gateway
    client: heleket.HeleketClient
    account: GatewayAccount
    staff: dict[str, User]
    wallets: dict[str, list[Wallet]]  # by the coin they are paid in
    chance: random.Random

    def wait(self, **span: float) -> None:
        self.clock.now += timedelta(**span)

    def wait_until(self, at: datetime) -> None:
        self.clock.now = max(self.clock.now, at)

    # What people do

    def request(
        self, coin: str = "", *, dollars: float = 0, purpose: str = "", by: str = ""
    ) -> Payout:
        """Request a payout; what is not given is left to chance."""
        coin = coin or self.chance.choice(self.usual_coins())
        wallet = self.chance.choice(self.wallets[coin])
        words, reference = self.words(purpose)
        return request_payout(
            client=wallet.client,
            wallet=wallet,
            currency=coin,
            amount=self.amount(wallet, coin, dollars or self.chance.lognormvariate(5.6, 0.9)),
            purpose=words,
            reference=reference,
            idempotency_key=idempotency.manual(UUID(int=self.chance.getrandbits(64))),
            origin=Origin.MANUAL,
            actor=self.actor(by or self.chance.choice(["rosa", "rosa", "rafael"])),
            installation=settings.INSTALLATION,
        )

    def usual_coins(self) -> list[str]:
        """Each coin once per wallet, the stable ones more often."""
        coins = [coin for coin, wallets in self.wallets.items() for _ in wallets]
        return [coin for coin in coins if coin not in SCARCE] + ["USDT"] * 8

    def amount(self, wallet: Wallet, coin: str, dollars: float) -> Decimal:
        least = PayoutMethod.objects.get(network=wallet.network, currency=coin).min_amount
        return max(worth(dollars, self.gateway.prices[coin]), least)

    def words(self, purpose: str) -> tuple[str, str]:
        words = (purpose, "") if purpose else self.chance.choice(PURPOSES)
        return filled_in(words, self.clock.now, self.chance, self.chance.randint(2001, 2999))

    def actor(self, login: str) -> Actor:
        return Actor.staff(self.staff[login], Channel.ADMIN)

    def approve(self, *payouts: Payout, by: str = "") -> None:
        approver = self.actor(by or self.chance.choice(["amira", "arno"]))
        seen = see(Payout.objects.filter(pk__in=[payout.pk for payout in payouts]))
        expect_done(perform(operations.APPROVE, seen, actor=approver))

    def act(self, operation: PayoutOperation[Any], payout: Payout, reason: str, by: str) -> None:
        seen = see([Payout.objects.get(pk=payout.pk)])
        expect_done(perform(operation, seen, actor=self.actor(by), reason=reason))

    # What the worker and Heleket do

    def work(self, rounds: int = 1) -> None:
        """Let the worker send and ask, and Heleket move on and send its webhooks."""
        for _ in range(rounds):
            self.send()
            self.wait(seconds=self.chance.uniform(45, 70))
            self.gateway.run_due()
            self.receive_webhooks()
            self.ask()

    def send(self) -> None:
        self.wait(seconds=self.chance.uniform(1, 5))
        calls = submission.claim(EVERYTHING, self.account).items
        timeout = self.account.timeout
        answers = [submission.send(call, self.client, timeout=timeout) for call in calls]
        submission.record(answers, self.account)

    def ask(self) -> None:
        questions = polling.claim(EVERYTHING, self.account).items
        timeout = self.account.timeout
        replies = [polling.ask(question, self.client, timeout=timeout) for question in questions]
        polling.record(replies, self.account)

    def receive_webhooks(self) -> None:
        for delivery in self.gateway.take_webhooks():
            webhooks.take(delivery.body, verify(delivery.body, settings.HELEKET_API_KEY))

    def sent(self, payout: Payout, fate: str, *, rounds: int = 1) -> None:
        """Approve a payout that ends in this way at Heleket, and send it."""
        self.wait(minutes=self.chance.uniform(4, 40))
        self.gateway.set_fate(fate, order_id=self.order_id(payout))
        self.approve(payout)
        self.work(rounds)

    def order_id(self, payout: Payout) -> str:
        return Payout.objects.get(pk=payout.pk).order_id(settings.INSTALLATION)

    def goes_wrong(self, fault: str, payout: Payout, path: str = CREATE, **more: Any) -> None:
        self.gateway.faults.add(fault, path=path, order_id=self.order_id(payout), **more)


def worth(dollars: float, price: Decimal) -> Decimal:
    """Return so many dollars in a coin of this price, as a person would round it."""
    places = Decimal("0.01") if price < 100 else Decimal("0.0001")
    return (Decimal(dollars) / price).quantize(places, ROUND_HALF_UP)


def filled_in(
    pair: tuple[str, str], at: datetime, chance: random.Random, number: int
) -> tuple[str, str]:
    """Return one of PURPOSES, or words like them, with what it leaves open: purpose, reference."""
    words = {"month": f"{at:%B}", "digit": chance.randint(1, 4), "number": number}
    purpose, reference = pair
    return purpose.format(**words), reference.format(**words)


def expect_done(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if not outcome.done:
            raise RuntimeError(f"The story goes otherwise: {outcome.text}")


def begin(
    clock: Clock, gateway: Gateway, client: heleket.HeleketClient, staff: dict[str, User]
) -> Story:
    """Bind the desk to the sandbox, read its catalogue and put money on its balances."""
    sync_services(client.list_services(), now=clock.now)
    for coin in gateway.balances:
        dollars = Decimal(300 if coin in SCARCE else 250_000)
        gateway.top_up(coin, (dollars / gateway.prices[coin]).quantize(Decimal(1)))
    wallets = defaultdict(list)
    for wallet in Wallet.objects.active().select_related("client").order_by("pk"):
        wallets[wallet.preferred_currency].append(wallet)
    return Story(
        clock=clock,
        gateway=gateway,
        client=client,
        account=open_account(client),
        staff=staff,
        wallets=wallets,
        chance=random.Random(DAYS),  # noqa: S311  # the same story every time
    )


def live(story: Story, end: datetime) -> Iterator[int]:
    """Live until `end`, yielding the number of days that are left."""
    midnight = end.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days_left in range(DAYS, 0, -1):
        story.wait_until(midnight - timedelta(days=days_left) + timedelta(hours=8))
        ordinary_day(story)
        for incident in INCIDENTS.get(days_left, []):
            story.wait(minutes=10)
            incident(story)
        yield days_left
    today(story, end)
    yield 0


def ordinary_day(story: Story) -> None:
    """Requests come in, somebody approves them together, the worker pays them."""
    is_weekend = story.clock.now.weekday() >= 5
    requested = []
    for _ in range(story.chance.randint(0, 2) if is_weekend else story.chance.randint(3, 6)):
        story.wait(minutes=story.chance.uniform(2, 55))
        requested.append(story.request())
    story.wait(minutes=story.chance.uniform(5, 50))
    story.approve(*requested)
    story.work()


# Incidents, each on one day

Incident = Callable[[Story], None]


def is_rejected(reason: str, coin: str = "USDT", dollars: float = 0) -> Incident:
    def incident(story: Story) -> None:
        payout = story.request(coin, dollars=dollars)
        story.wait(minutes=story.chance.uniform(8, 90))
        story.act(operations.REJECT, payout, reason, by="amira")

    return incident


def is_cancelled(reason: str) -> Incident:
    def incident(story: Story) -> None:
        payout = story.request(by="rafael")
        story.wait(minutes=6)
        story.act(operations.CANCEL, payout, reason, by="rafael")

    return incident


def is_cancelled_after_approval(story: Story) -> None:
    payout = story.request("USDC", dollars=900)
    story.wait(minutes=20)
    story.approve(payout)
    story.wait(seconds=1)
    story.act(operations.CANCEL, payout, "Settled by bank transfer instead.", by="omar")


def is_held_and_released(story: Story) -> None:
    payout = story.request("USDT", dollars=3200)
    story.wait(minutes=15)
    story.act(operations.HOLD, payout, "The address is new, we call the client.", by="arno")
    story.wait(hours=2)
    story.act(operations.RELEASE, payout, "The client confirmed by phone.", by="amira")
    story.wait(minutes=5)
    story.approve(payout)
    story.work()


def is_edited(story: Story) -> None:
    payout = story.request("USDT", dollars=500, by="rosa", purpose="Weekly affiliate share")
    story.wait(minutes=9)
    [seen] = see([payout])
    edit = operations.Edit(
        wallet=payout.wallet,
        currency=payout.currency,
        amount=payout.amount - 50,
        purpose=payout.purpose,
    )
    reason = "The advance of 50 was forgotten."
    operations.edit_payout(seen, edit, reason=reason, actor=story.actor("rosa"))
    story.wait(minutes=30)
    story.approve(Payout.objects.get(pk=payout.pk))
    story.work()


def fails(fate: str) -> Incident:
    def incident(story: Story) -> None:
        story.sent(story.request(), fate, rounds=2)

    return incident


def fails_and_is_retried(story: Story) -> None:
    payout = story.request("USDT", dollars=1250)
    story.sent(payout, "final_fail", rounds=2)
    story.wait(hours=1)
    story.act(operations.RETRY, payout, "Heleket's support says: try again.", by="omar")
    story.wait(minutes=10)
    story.approve(Payout.objects.get(pk=payout.pk))
    story.work()


def is_refused(story: Story) -> None:
    """A refusal that is about this payout alone ends it."""
    payout = story.request("BNB", dollars=600)
    story.wait(minutes=16)
    story.goes_wrong("forbidden", payout, text="Wallet not found")
    story.approve(payout)
    story.work()


def answer_is_lost(story: Story) -> None:
    payout = story.request("USDT", dollars=2100)
    story.wait(minutes=14)
    story.goes_wrong("timeout", payout)
    story.approve(payout)
    story.work(rounds=2)


def request_is_lost(story: Story) -> None:
    """Heleket has not known it twice, a quiet time apart: the same bytes are sent again."""
    payout = story.request("TRX", dollars=350)
    story.wait(minutes=22)
    story.goes_wrong("drop_timeout", payout)
    story.approve(payout)
    story.work(rounds=12)


def fails_for_a_while(story: Story) -> None:
    story.sent(story.request("USDC", dollars=780), "fail_then_paid", rounds=4)


def vanishes_for_a_while(story: Story) -> None:
    payout = story.request("LTC", dollars=640)
    story.sent(payout, "stuck")
    story.goes_wrong("forbidden", payout, INFO, text="Payout not found", times=3)
    while not (open_one := Discrepancy.objects.filter(payout=payout).first()):
        story.work()
    story.wait(hours=3)
    operations.close_discrepancy(
        open_one,
        reason="Heleket moved a database; their support sees the payout again.",
        actor=story.actor("omar"),
    )
    story.gateway.set_fate("paid", order_id=story.order_id(payout))
    story.work(rounds=4)


def differs(story: Story) -> None:
    """Somebody used its order id at Heleket by hand, for another amount."""
    payout = story.request("USDT", dollars=950, purpose="Freight, second half")
    story.gateway.add_foreign_payout(
        amount="9500",
        network=payout.network,
        address=payout.address,
        order_id=story.order_id(payout),
    )
    story.wait(minutes=31)
    story.approve(payout)
    story.work()


def stays_held(reason: str, coin: str, dollars: float) -> Incident:
    def incident(story: Story) -> None:
        payout = story.request(coin, dollars=dollars)
        story.wait(minutes=18)
        story.act(operations.HOLD, payout, reason, by="arno")

    return incident


def gets_stuck(story: Story) -> None:
    story.sent(story.request("USDT", dollars=1400), "process check", rounds=2)


def is_requested(coin: str, dollars: float, by: str) -> Incident:
    def incident(story: Story) -> None:
        story.request(coin, dollars=dollars, by=by)

    return incident


INCIDENTS: dict[int, list[Incident]] = {
    88: [is_rejected("This invoice was paid last month.", dollars=4800)],
    85: [answer_is_lost],
    81: [fails_and_is_retried],
    76: [is_cancelled("The client withdrew the request.")],
    71: [answer_is_lost],
    66: [is_held_and_released],
    63: [is_rejected("A zero too many. Please ask the client.", "BTC", 19000)],
    60: [fails("cancel")],
    55: [vanishes_for_a_while],
    50: [is_edited],
    45: [is_refused],
    41: [is_cancelled_after_approval],
    38: [is_rejected("No contract with this client yet.", "ETH", 1500)],
    36: [fails("system_fail")],
    33: [is_cancelled("Requested twice.")],
    31: [fails_for_a_while],
    29: [fails_and_is_retried],
    27: [is_rejected("The purpose does not fit the invoice.", "USDC", 2750)],
    24: [is_held_and_released],
    22: [request_is_lost],
    18: [is_cancelled("The wallet is of an exchange that closes.")],
    16: [fails("final_fail")],
    13: [is_rejected("The campaign is not over yet.", "TON", 400)],
    10: [answer_is_lost],
    8: [is_edited],
    7: [stays_held("He asked by e-mail for another address. We call back first.", "ETH", 2600)],
    5: [fails("final_fail")],
    4: [differs],
    3: [is_requested("XMR", 310, by="rosa"), gets_stuck],
    2: [is_cancelled("Wrong client.")],
    1: [
        stays_held("The invoice is missing.", "USDC", 5400),
        is_requested("LTC", 95, by="rafael"),
    ],
}


# Today: what a newcomer finds


def today(story: Story, end: datetime) -> None:
    for ago, incident in TODAY.items():
        story.wait_until(end - ago)
        incident(story)


def waits_for_a_service(story: Story) -> None:
    """Heleket stops paying this coin just after the approval."""
    payout = story.request("HMSTR", dollars=45, purpose="Prize, autumn tournament")
    story.wait(minutes=11)
    story.approve(payout)
    story.gateway.withdraw_service("ton", "HMSTR")
    sync_services(story.client.list_services(), now=story.clock.now)
    story.work()


def waits_for_funds(story: Story) -> None:
    """More than the balance holds: the sandbox's page can top it up."""
    payout = story.request("DOGE", dollars=800, purpose="Affiliate share, campaign")
    story.wait(minutes=7)
    story.approve(payout)
    story.work()


def loses_its_request(story: Story) -> None:
    """On its way just now, and nobody knows yet whether Heleket has it."""
    payout = story.request("USDT", dollars=820)
    story.wait(minutes=3)
    story.goes_wrong("drop_timeout", payout)
    story.approve(payout)
    story.send()


def sets_off(story: Story) -> None:
    """At Heleket just now; the sandbox goes on with it when it starts."""
    requested = [story.request("USDT", dollars=640), story.request("TON", dollars=90)]
    story.wait(seconds=40)
    story.approve(*requested)
    story.send()


TODAY: dict[timedelta, Incident] = {
    timedelta(hours=5): waits_for_a_service,
    timedelta(hours=4): is_requested("USDT", 3750, by="rosa"),
    timedelta(hours=3): waits_for_funds,
    timedelta(minutes=95): is_requested("USDC", 1200, by="rafael"),
    timedelta(minutes=41): is_requested("BTC", 2300, by="rosa"),
    timedelta(minutes=17): is_requested("USDT", 480, by="rosa"),
    timedelta(minutes=8): is_requested("SOL", 260, by="rafael"),
    timedelta(minutes=6): is_requested("USDT", 150, by="rosa"),
    timedelta(minutes=5): loses_its_request,
    timedelta(minutes=1): sets_off,
}
