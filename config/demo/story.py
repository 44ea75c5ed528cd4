"""A desk at work: what its people, its worker and Heleket do, each at a moment of the story.

Nothing is written past the desk: people act through its operations, the worker's own functions send
and ask, and a Heleket in this process answers. Only the clock is made up, so all records, events
and their chains are what real days would have left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User

import heleket
from audit.actor import Actor, Channel
from audit.operations import Outcome, perform
from config.demo.clock import Clock
from heleket.sandbox import Gateway
from heleket.sandbox.records import Entry
from heleket.webhooks import verify
from payouts import endings, idempotency, operations, polling, submission, webhooks
from payouts.books import movements
from payouts.books.heads import SealHeads
from payouts.books.jobs import FetchBalances
from payouts.books.models import Movement
from payouts.controls.jobs import FetchRates
from payouts.controls.policy import in_force
from payouts.days import day_of
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Discrepancy, Origin, Payout
from payouts.operations import PayoutOperation
from payouts.outcomes import Wish
from payouts.reconciliation import runs, sweeps
from payouts.requests import request_payout
from payouts.seen import see
from wallets.models import PayoutMethod, Wallet
from wallets.operations import FREEZE
from wallets.operations import see as see_wallets

EVERYTHING = 1000  # at once: no day has more
CREATE, INFO = "/v1/payout", "/v1/payout/info"
APPROVERS = ["amira", "arno"]
FULL = 250_000  # dollars of each coin
ANEW = "The client has sent it as another one."  # kept with what looks like a duplicate by chance
SCARCE = {"DOGE": 300, "HMSTR": 300}  # two stories of today are about these

PURPOSES = [
    ("Commission for {month}", "", "Commission"),
    ("Design work, milestone {digit}", "INV-{number}", "Fee"),
    ("Invoice {number}", "INV-{number}", "Invoice"),
    ("Translation, {digit}0,000 words", "PO-{number}", "Fee"),
    ("Weekly affiliate share", "AFF-{number}", "Commission"),
    ("Prize, {month} tournament", "", "Prize"),
    ("Refund of a deposit", "CASE-{number}", "Refund"),
    ("Freight, {month}", "INV-{number}", "Invoice"),
]


@dataclass
class Story:
    """The desk with its people, and the sandbox it pays through."""

    clock: Clock
    gateway: Gateway
    client: heleket.HeleketClient
    account: GatewayAccount
    staff: dict[str, User]
    methods: dict[tuple[str, str], PayoutMethod]  # by network and coin
    wallets: dict[str, list[Wallet]]  # by the coin they are paid in
    chance: Random

    def wait(self, **span: float) -> None:
        self.clock.wait(**span)

    # What people do

    def request(
        self,
        coin: str = "",
        *,
        dollars: float = 0,
        purpose: str = "",
        by: str = "",
        pay_from: datetime | None = None,
        wallet: Wallet | None = None,
    ) -> Payout:
        """Request a payout; what is not given is left to chance."""
        coin = coin or self.chance.choice(self.usual_coins())
        wallet = wallet or self.chance.choice(self.wallets[coin])
        words, reference, category = self.words(purpose)
        return request_payout(
            client=wallet.client,
            wallet=wallet,
            currency=coin,
            amount=self.amount(wallet, coin, dollars or self.chance.lognormvariate(5.6, 0.9)),
            purpose=words,
            reference=reference,
            category=category,
            pay_from=pay_from,
            idempotency_key=idempotency.manual(UUID(int=self.chance.getrandbits(64))),
            origin=Origin.MANUAL,
            actor=self.actor(by or self.chance.choice(["rosa", "rosa", "rafael"])),
            reason=ANEW,
            installation=settings.INSTALLATION,
        )

    def usual_coins(self) -> list[str]:
        """Each coin once per wallet, the stable ones more often."""
        coins = [coin for coin, wallets in self.wallets.items() for _ in wallets]
        return [coin for coin in coins if coin not in SCARCE] + ["USDT"] * 8

    def amount(self, wallet: Wallet, coin: str, dollars: float) -> Decimal:
        least = self.methods[wallet.network, coin].min_amount
        return max(worth(dollars, self.gateway.prices[coin]), least)

    def words(self, purpose: str) -> tuple[str, str, str]:
        """Return a purpose, given or one of PURPOSES, a reference and a category."""
        text, reference, category = (purpose, "", "") if purpose else self.chance.choice(PURPOSES)
        words = {
            "month": f"{self.clock.now:%B}",
            "number": self.chance.randint(2001, 2999),
            "digit": self.chance.randint(1, 4),
        }
        return text.format(**words), reference.format(**words), category

    def actor(self, login: str) -> Actor:
        return Actor.staff(self.staff[login], Channel.ADMIN)

    def approve(self, *payouts: Payout, by: str = "") -> None:
        """Have as many people approve them as the policy asks for, and the moment to undo pass."""
        self.fetch_rates()
        first = by or self.chance.choice(APPROVERS)
        operation, ids = operations.Approve(has_reason=True), [payout.pk for payout in payouts]
        for login in [first, *(each for each in APPROVERS if each != first)]:
            seen = see(Payout.objects.pending().filter(pk__in=ids))
            expect_done(perform(operation, seen, actor=self.actor(login), reason=ANEW))
        self.clock.wait_until(in_force().values.goes_out_at(self.clock.now))

    def act(self, operation: PayoutOperation[Any], payout: Payout, reason: str, by: str) -> None:
        seen = see([Payout.objects.get(pk=payout.pk)])
        expect_done(perform(operation, seen, actor=self.actor(by), reason=reason))

    def end(self, found: Discrepancy, outcome: str, reason: str, by: str) -> None:
        """End a discrepancy, alone: where that takes two people it is only proposed."""
        found.refresh_from_db()
        wish = Wish(found.pk, found.facts, Discrepancy.Outcome(outcome), reason)
        endings.end_or_propose(wish, self.client, self.account, actor=self.actor(by))

    def freeze(self, wallet: Wallet, reason: str, by: str) -> None:
        """Stop payouts to a wallet; nobody requests one to it any more."""
        seen = see_wallets([wallet.pk])
        expect_done(perform(FREEZE, seen, actor=self.actor(by), reason=reason))
        self.wallets[wallet.preferred_currency].remove(wallet)

    def enter(
        self, coin: str, amount: Decimal, category: Movement.Category, evidence: str, by: str
    ) -> None:
        """Enter today what moved a balance; what leaves is negative."""
        direction = Movement.Direction.IN if amount > 0 else Movement.Direction.OUT
        today, size = day_of(self.clock.now), abs(amount)
        wish = movements.Wish(today, coin, direction, size, category, evidence)
        movements.enter(wish, actor=self.actor(by))

    # What the worker and Heleket do

    def fetch_balances(self) -> None:
        """Ask for balances; the books keep them, and alarm about what has left beside payouts."""
        job = FetchBalances(self.client, self.account, threads=1)
        job.record([job.call(moment) for moment in job.claim(EVERYTHING).items])

    def reconcile(self, first: date, last: date) -> None:
        """Read these days of Heleket's list, and see what differs."""
        runs.reconcile(first, last, self.client, self.account, actor=sweeps.WORKER)

    def seal_heads(self) -> None:
        job = SealHeads(self.client, self.account, 1)
        job.record(job.claim(1).items)

    def fetch_rates(self) -> None:
        """Ask what coins are worth, as the worker did all the while."""
        job = FetchRates(self.client, self.account, threads=1)
        job.record([job.call(question) for question in job.claim(EVERYTHING).items])

    def work(self, rounds: int = 1) -> None:
        """Let the worker send and ask, and Heleket move on and send its webhooks."""
        for _ in range(rounds):
            self.wait(seconds=self.chance.uniform(1, 5))
            self.send()
            self.wait(seconds=self.chance.uniform(45, 70))
            self.gateway.run_due()
            self.receive_webhooks()
            self.ask()

    def send(self) -> None:
        timeout = self.account.timeout
        calls = submission.claim(EVERYTHING, self.account).items
        if answers := [submission.send(each, self.client, timeout=timeout) for each in calls]:
            submission.record(answers, self.account)

    def ask(self) -> None:
        self.put(polling.claim(EVERYTHING, self.account).items)

    def watch(self) -> None:
        """Ask about what is over, or put back, and may have been executed all the same."""
        self.put(polling.claim_watched(EVERYTHING, self.account).items)

    def put(self, questions: list[polling.Question]) -> None:
        timeout = self.account.timeout
        if replies := [polling.ask(each, self.client, timeout=timeout) for each in questions]:
            polling.record(replies, self.account)

    def receive_webhooks(self) -> None:
        for delivery in self.gateway.take_webhooks():
            webhooks.take(delivery.body, verify(delivery.body, settings.HELEKET_API_KEY))

    def top_up(self) -> dict[str, Decimal]:
        """See to it that no coin runs short, but for those of which there is little anyway.

        Return what was added.
        """
        added = {}
        for coin, balance in list(self.gateway.balances.items()):
            full = worth(SCARCE.get(coin, FULL), self.gateway.prices[coin])
            if not balance or (coin not in SCARCE and balance < full / 2):
                self.gateway.top_up(coin, full)
                added[coin] = full
        return added

    def move(self, coin: str, amount: Decimal) -> None:
        """Have a balance move beside payouts; what leaves is negative."""
        entry = Entry(self.clock.now, None, None, coin, amount, "transfer")
        self.gateway.ledger.add(entry)

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


def expect_done(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if not outcome.done:
            raise RuntimeError(f"The story goes otherwise: {outcome.text}")
