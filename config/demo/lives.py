"""What becomes of made-up payouts, each lived through in memory with the desk's own functions.

Transitions, attempts, answers and the links of the chain are made by the code that makes them at a
real desk. Only the database is left out: whoever has a life takes its rows and stores many at once.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Model

import heleket
from audit import chain, clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import next_links
from audit.operations import Change
from config.demo.history import PURPOSES, Clock, filled_in, worth
from heleket.sandbox.catalogue import PRICES
from heleket.signing import sign
from payouts import call_answers, recording, submission
from payouts.controls import policy
from payouts.gateway.accounts import GatewayAccount
from payouts.models import (
    Approval,
    Attempt,
    Discrepancy,
    EventType,
    MakerRole,
    Origin,
    Payout,
    PayoutEvent,
    PayoutMaker,
    WaitingFor,
    WebhookDelivery,
)
from payouts.settling import Case
from wallets.amounts import format_amount
from wallets.codes import WalletCode
from wallets.models import PayoutMethod, Wallet

FILE_AND_LINE = "import:{batch:016x}:{line}"
REASONS = {
    "reject": ["This invoice was paid last month.", "No contract with this client yet."],
    "cancel": ["Requested twice.", "The client withdrew the request.", "Wrong client."],
    "hold": ["The address is new, we call the client.", "The invoice is missing."],
    "edit": ["The advance of 50 was forgotten.", "The invoice was corrected."],
}


@dataclass(frozen=True)
class World:
    """Who works at the desk, whom it pays through which account, and its time."""

    staff: dict[str, User]
    wallets: list[Wallet]
    weights: list[float]  # cumulative: some are paid every day, most a few times a year
    services: dict[tuple[str, str], PayoutMethod]
    account: GatewayAccount
    clock: Clock
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Entry:
    """How payouts come in: who asks, who else had a hand in it, under which key."""

    origin: Origin
    channel: Channel
    by: str | None
    makers: list[tuple[str, MakerRole]]
    key: str
    share: int


ENTRIES = [
    Entry(Origin.MANUAL, Channel.ADMIN, "rosa", [], "manual:{nonce:032x}", 30),
    Entry(Origin.MANUAL, Channel.ADMIN, "rafael", [], "manual:{nonce:032x}", 20),
    Entry(
        Origin.IMPORT, Channel.COMMAND, "rosa", [("rafael", MakerRole.IMPORTED)], FILE_AND_LINE, 27
    ),
    Entry(Origin.API, Channel.API, None, [("uma", MakerRole.KEY)], "api:{nonce:032x}", 15),
    Entry(
        Origin.SCHEDULED,
        Channel.COMMAND,
        None,
        [("rosa", MakerRole.PLANNED)],
        "scheduled:plan:{line}",
        6,
    ),
    Entry(
        Origin.BONUS, Channel.COMMAND, None, [("rafael", MakerRole.PLANNED)], "bonus:rule:{line}", 2
    ),
]
SHARES = list(itertools.accumulate(entry.share for entry in ENTRIES))


@dataclass
class Life:
    """One payout with everything that is written down about it."""

    world: World
    chance: Random
    payout: Payout
    events: list[PayoutEvent] = field(default_factory=list)
    makers: list[PayoutMaker] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)
    webhooks: list[WebhookDelivery] = field(default_factory=list)
    fee: Decimal = field(init=False)
    change: Change[Payout] = field(init=False)

    def __post_init__(self) -> None:
        self.change = Change(self.payout)

    def rows(self) -> Iterator[Model]:
        yield self.payout
        for some in (self.makers, self.approvals, self.attempts, self.events):
            yield from some
        yield from self.discrepancies
        yield from self.webhooks

    def wait(self, least: float, most: float) -> None:
        """Let seconds pass, though never beyond the present."""
        world = self.world
        later = world.clock.now + timedelta(seconds=self.chance.uniform(least, most))
        world.clock.now = min(later, world.end)

    def log(self, event_type: EventType, reason: str = "", **fields: object) -> None:
        self.change.log_event(event_type, Reason(words=reason), **fields)

    def write(self, channel: Channel, by: User | None = None) -> None:
        """Seal what was logged into the chain."""
        last = self.events[-1].hash if self.events else ""
        actor = Actor(channel, person=by)
        self.events += next_links(
            self.change, last, actor, partial(PayoutEvent, payout_id=self.payout.pk)
        )
        self.change = Change(self.payout)

    def person(self, *logins: str) -> User:
        return self.world.staff[self.chance.choice(logins)]

    # What people do

    def add_makers(self, makers: list[tuple[int | None, MakerRole]]) -> None:
        known = {(maker.person_id, maker.role) for maker in self.makers}
        self.makers += [
            PayoutMaker(payout_id=self.payout.pk, person_id=person, role=role)
            for person, role in makers
            if person is not None and (person, role) not in known
        ]

    def decide(self, decision: Approval.Decision, by: User) -> None:
        self.approvals.append(
            Approval(
                payout_id=self.payout.pk,
                person_id=by.pk,
                decided_at=clock.now(),
                decision=decision,
                digest=self.payout.digest(),
                policy_version=policy.VERSION,
            )
        )

    def void_approvals(self, act: EventType) -> None:
        for approval in self.approvals:
            if approval.voided_at is None:
                approval.voided_at, approval.voided_by = clock.now(), act

    def approve(self) -> None:
        self.wait(120, 6 * 3600)
        by = self.person("amira", "arno")
        digest = self.payout.digest()
        self.log(EventType.APPROVE, digest=digest, policy=policy.VERSION)
        self.payout.approve()
        self.write(Channel.ADMIN, by)
        self.decide(Approval.Decision.APPROVED, by)

    def reject(self) -> None:
        self.wait(300, 24 * 3600)
        by = self.person("amira", "arno")
        reason = self.chance.choice(REASONS["reject"])
        self.log(EventType.REJECT, reason)
        self.payout.reject(Reason(words=reason))
        self.write(Channel.ADMIN, by)
        self.decide(Approval.Decision.REJECTED, by)

    def hold(self) -> None:
        self.wait(300, 8 * 3600)
        reason = self.chance.choice(REASONS["hold"])
        self.log(EventType.HOLD, reason)
        self.payout.hold(Reason(words=reason))
        self.write(Channel.ADMIN, self.person("amira", "arno"))
        self.void_approvals(EventType.HOLD)

    def release(self) -> None:
        self.wait(3600, 48 * 3600)
        self.log(EventType.RELEASE, "The client confirmed by phone.")
        self.payout.release()
        self.write(Channel.ADMIN, self.person("amira", "arno"))
        self.void_approvals(EventType.RELEASE)

    def cancel(self) -> None:
        self.wait(1, 4 * 3600)
        reason = self.chance.choice(REASONS["cancel"])
        self.log(EventType.CANCEL, reason)
        self.payout.cancel(Reason(words=reason))
        self.write(Channel.ADMIN, self.person("omar"))
        self.void_approvals(EventType.CANCEL)

    def edit(self) -> None:
        self.wait(300, 8 * 3600)
        by, before = self.person("rosa", "rafael"), self.payout.money
        self.log(EventType.EDIT, self.chance.choice(REASONS["edit"]), old_money=before)
        self.payout.amount *= 2
        self.payout.edit()
        self.write(Channel.ADMIN, by)
        self.void_approvals(EventType.EDIT)
        self.add_makers([(by.pk, MakerRole.EDITED)])

    def retry(self) -> None:
        self.wait(3600, 72 * 3600)
        self.log(EventType.RETRY, "Heleket's support says: try again.")
        self.payout.retry()
        self.write(Channel.ADMIN, self.person("omar"))
        self.void_approvals(EventType.RETRY)

    # What the worker and Heleket do

    @property
    def attempt(self) -> Attempt:
        return self.attempts[-1]

    @property
    def case(self) -> Case:
        return Case(self.change, self.attempt, self.attempts)

    def send(self) -> None:
        self.wait(1, 20)
        payout = self.payout
        self.attempts.append(submission.new_attempt(payout, self.world.account))
        service = self.world.services[payout.network, payout.currency]
        self.fee = service.fee_for(payout.amount)
        self.call()

    def call(self) -> None:
        submission.start_call(self.change, self.attempt, self.world.account)
        self.write(Channel.WORKER)

    def lose_answer(self) -> None:
        self.wait(45, 46)
        trouble = heleket.OutcomeUnknown("No answer came in time.")
        call_answers.apply_no_answer(self.case, self.attempt.calls, trouble, self.world.account)
        self.write(Channel.WORKER)

    def is_answered(self) -> None:
        call_answers.answered(self.attempt, self.attempt.calls, self.world.account)

    def is_refused(self, text: str) -> None:
        self.wait(0.2, 2)
        self.is_answered()
        self.log(EventType.FAIL, text, order_id=self.attempt.order_id)
        self.payout.fail(Reason(words=text))
        self.attempt.refusal = self.attempt.answer = text
        self.write(Channel.WORKER)

    def is_put_back(self, text: str, waiting_for: WaitingFor) -> None:
        self.wait(0.2, 2)
        self.is_answered()
        call_answers.put_back(self.case, Reason(words=text), waiting_for)
        self.write(Channel.WORKER)

    def is_accepted(self) -> None:
        self.wait(0.2, 2)
        self.is_answered()
        self.hear("process", Channel.WORKER)

    def hears_its_word(self, status: str, *, is_final: bool = True) -> None:
        """Heleket comes to this status, says so by webhook, and is asked."""
        self.wait(40, 400)
        self.announce(status, is_final)
        self.wait(0.5, 5)
        self.hear(status, Channel.POLL, is_final=is_final)

    def hear(self, status: str, channel: Channel, *, is_final: bool = False) -> None:
        """Heleket answers to our own call."""
        payout, members = self.payout, self.members(status, is_final)
        remote = heleket.RemotePayout(
            uuid=members["uuid"],
            status=status,
            is_final=is_final,
            txid=members["txid"],
            payer_currency=payout.currency,
            payer_amount=payout.amount,
            merchant_amount=payout.amount + self.fee,
            commission=self.fee,
            answer=chain.ENCODER.encode(members),
        )
        recording.move_on(self.case, remote, channel)
        self.write(channel)

    def announce(self, status: str, is_final: bool) -> None:
        members = {"type": "payout", **self.members(status, is_final)}
        text = chain.ENCODER.encode(members)
        signature = sign(text.encode(), settings.HELEKET_API_KEY)
        body = f'{text[:-1]},"sign":"{signature}"}}'
        self.webhooks.append(
            WebhookDelivery(
                digest=hashlib.sha256(body.encode()).hexdigest(),
                body=body,
                outcome="known",
                order_id=self.attempt.order_id,
                received_at=clock.now(),
            )
        )

    def members(self, status: str, is_final: bool) -> dict[str, Any]:
        payout = self.payout
        txid = hashlib.sha256(self.attempt.order_id.encode()).hexdigest()
        amount = format_amount(payout.amount)
        return {
            "uuid": f"{txid[:8]}-{txid[8:12]}-4{txid[13:16]}-a{txid[17:20]}-{txid[20:32]}",
            "order_id": self.attempt.order_id,
            "amount": amount,
            "merchant_amount": str(payout.amount + self.fee),
            "commission": str(self.fee),
            "is_final": is_final,
            "status": status,
            "txid": txid if status == "paid" else None,
            "currency": payout.currency,
            "network": payout.network,
            "address": payout.address,
            "payer_currency": payout.currency,
            "payer_amount": amount,
        }

    def differs(self, kind: Discrepancy.Kind, ours: str, theirs: str, *, critical: bool) -> None:
        found = Discrepancy(
            kind=kind,
            key=self.attempt.order_id,
            payout_id=self.payout.pk,
            is_critical=critical,
            ours=ours,
            theirs=theirs,
            opened_at=clock.now(),
        )
        self.discrepancies.append(found)
        self.log(EventType.DISCREPANCY, str(kind.label), ours=ours, theirs=theirs)
        self.payout.stop()
        self.write(Channel.POLL)

    def is_cleared_up(self) -> None:
        self.wait(3600, 72 * 3600)
        by, reason = self.person("omar"), "Heleket's support sees the payout again."
        for found in self.discrepancies:
            found.closed_at, found.closed_by_id = clock.now(), by.pk
            found.close_reason = reason
            self.log(EventType.CLOSE_DISCREPANCY, reason, kind=found.kind)
        self.payout.go_on()
        self.write(Channel.ADMIN, by)


def begin(world: World, number: int, at: datetime, chance: Random) -> Life:
    """Request a payout."""
    world.clock.now = at
    [entry] = chance.choices(ENTRIES, cum_weights=SHARES)
    [wallet] = chance.choices(world.wallets, cum_weights=world.weights)
    currency = wallet.preferred_currency
    service = world.services[wallet.network, currency]
    dollars = chance.lognormvariate(5.2, 1.3)
    amount = min(max(worth(dollars, PRICES[currency]), service.min_amount), service.max_amount / 2)
    purpose, reference = filled_in(chance.choice(PURPOSES), at, chance, 10_000 + number)
    key = entry.key.format(nonce=chance.getrandbits(128), batch=number // 400, line=number)
    by = world.staff[entry.by] if entry.by else None
    payout = Payout(
        id=Payout.id_for(settings.INSTALLATION, wallet.client, key),
        number=number,
        client_id=wallet.client_id,
        wallet_id=wallet.pk,
        network=wallet.network,
        address=wallet.address,
        memo=wallet.memo,
        currency=currency,
        amount=amount,
        purpose=purpose,
        reference=reference,
        origin=entry.origin,
        trigger="" if by else key,
        idempotency_key=key,
        requested_at=at,
        requested_by_id=by.pk if by else None,
        waiting_since=at,
    )
    life = Life(world, chance, payout)
    life.log(EventType.REQUEST, money=payout.money, network=payout.network, address=payout.address)
    life.write(entry.channel, by)
    makers = [(world.staff[login].pk, role) for login, role in entry.makers]
    requested = [(by.pk, MakerRole.REQUESTED)] if by else []
    life.add_makers([*requested, (wallet.added_by_id, MakerRole.WALLET), *makers])
    return life


# Fates, each with about how many of a thousand it meets

Fate = Callable[[Life], None]


def is_paid(life: Life) -> None:
    life.approve()
    life.send()
    life.is_accepted()
    life.hears_its_word("paid")


def is_edited(life: Life) -> None:
    life.edit()
    is_paid(life)


def is_held_for_a_while(life: Life) -> None:
    life.hold()
    life.release()
    is_paid(life)


def fails(life: Life) -> None:
    life.approve()
    life.send()
    life.is_accepted()
    life.hears_its_word(life.chance.choice(["fail", "system_fail", "cancel"]))


def is_retried(life: Life) -> None:
    fails(life)
    life.retry()
    is_paid(life)


def is_turned_down(life: Life) -> None:
    """Refused by Heleket for what it is."""
    life.approve()
    life.send()
    life.is_refused("Wallet not found")


def is_cancelled_after_approval(life: Life) -> None:
    life.approve()
    life.cancel()


def loses_its_answer(life: Life) -> None:
    life.approve()
    life.send()
    life.lose_answer()
    life.wait(30, 60)
    life.hear("process", Channel.POLL)
    life.hears_its_word("paid")


def vanishes_for_a_while(life: Life) -> None:
    life.approve()
    life.send()
    life.is_accepted()
    life.wait(600, 900)
    life.differs(Discrepancy.Kind.VANISHED, "process", "not found, 3 times", critical=False)
    life.is_cleared_up()
    life.hears_its_word("paid")


PAST: dict[Fate, int] = {
    is_paid: 900,
    is_edited: 12,
    is_held_for_a_while: 12,
    fails: 16,
    is_retried: 8,
    is_turned_down: 6,
    Life.reject: 15,
    Life.cancel: 12,
    is_cancelled_after_approval: 8,
    loses_its_answer: 8,
    vanishes_for_a_while: 3,
}


# What is not over yet


def waits_for_approval(_life: Life) -> None:
    """It was requested, and that is all."""


def is_under_way(life: Life) -> None:
    life.approve()
    life.send()
    life.is_accepted()


def waits_for_answer(life: Life) -> None:
    life.approve()
    life.send()
    life.lose_answer()


def waits_for_service(life: Life) -> None:
    life.approve()
    refusal = "Heleket does not pay it at the moment."
    submission.park(life.change, WaitingFor.SERVICE, Reason(words=refusal))
    life.write(Channel.WORKER)


def waits_for_wallet(life: Life) -> None:
    """Its answer was lost, and meanwhile somebody looks into its wallet."""
    waits_for_answer(life)
    submission.park(life.change, WaitingFor.WALLET, Reason(WalletCode.WALLET_FROZEN))
    life.write(Channel.WORKER)


def waits_for_funds(life: Life) -> None:
    """There is always enough of the main coin."""
    life.approve()
    if life.payout.currency != "USDT":
        life.send()
        life.is_put_back("Not enough funds", WaitingFor.FUNDS)


def waits_for_gateway(life: Life) -> None:
    life.approve()
    life.send()
    life.is_put_back("The terminal was not found", WaitingFor.GATEWAY)


def stands_still(life: Life) -> None:
    life.approve()
    life.send()
    life.is_accepted()
    life.wait(60, 600)
    sent = f"amount {format_amount(life.payout.amount)}"
    life.differs(Discrepancy.Kind.DIFFERENT, sent, f"{sent}0", critical=True)


# Of a hundred in a row each meets as many.
PRESENT: dict[Fate, int] = {
    is_paid: 29,
    waits_for_approval: 24,
    Life.approve: 12,
    is_under_way: 10,
    waits_for_funds: 6,
    waits_for_answer: 5,
    Life.hold: 4,
    waits_for_service: 2,
    waits_for_gateway: 2,
    fails: 2,
    Life.reject: 2,
    waits_for_wallet: 1,
    stands_still: 1,
}
