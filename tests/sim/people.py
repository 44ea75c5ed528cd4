"""People at work: some honest, some hasty, some who approve what they should not.

Each looks at a payout and acts on what was seen, with a seam in between: meanwhile anything may
have happened to it.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import permutations, product
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.urls import reverse

from audit import clock
from audit.actor import Actor, Channel
from audit.operations import Outcome, perform
from audit.refusals import Refused
from payouts import destinations, endings, operations, outcomes, polling, send_backs, submission
from payouts.controls import switch
from payouts.controls.models import Scope, Switch
from payouts.models import Discrepancy, Origin, Payout, PayoutStatus, WaitingFor
from payouts.requests import request_payout
from payouts.seen import Seen, see
from tests.sim.seams import reach
from tests.sim.stored import Broken
from wallets import operations as wallet_operations
from wallets.models import Client, PayoutMethod, Wallet

if TYPE_CHECKING:
    from tests.sim.world import World

# Equal ones that Heleket may confuse, small ones, and some with more digits than a float has.
AMOUNTS = {
    "USDT": ["5", "5", "5", "17.5", "0.500001", "40", "98765.432101"],
    "SHIB": ["234567891.12345673", "345678912.98765432", "250000"],
}
TOP_UPS = {"USDT": ["6", "30", "60", "99000"], "SHIB": ["300000", "240000000"]}
COINS = {"tron": "USDT", "eth": "SHIB"}
MOST_PAYOUTS = 12
Act = Callable[["World", str], None]


def person(name: str, *acts: Act) -> Callable[["World"], None]:
    """Return the script of somebody who does these things, one after the other, by chance."""

    def script(world: "World") -> None:
        while True:
            reach("rests")
            act = world.chance.choice(acts)
            try:
                world.try_once(lambda act=act: act(world, name))
            except Refused as exc:
                world.refusals[exc.refusal.code] += 1
                world.note(f"{name}: refused: {exc}")

    return script


def some_payout(world: "World", *statuses: str) -> Payout | None:
    found = list(Payout.objects.filter(status__in=statuses).order_by("number"))
    return world.chance.choice(found) if found else None


def account_for(seen: Sequence[Seen], outcomes: Sequence[Outcome]) -> None:
    """I20: a row for each that was chosen, none twice."""
    if [each.id for each in outcomes] != [each.id for each in seen]:
        raise Broken(f"I20 {len(seen)} rows were chosen, {outcomes} came back")


def do(act_name: str, *statuses: str, **options: str) -> Act:
    """Return an act on one payout, or hastily on several, in one of these statuses."""
    operation = getattr(send_backs, act_name, None) or getattr(operations, act_name)
    if act_name == "APPROVE":
        operation = operations.Approve(has_reason=bool(options))

    def act(world: "World", name: str) -> None:
        found = list(Payout.objects.filter(status__in=statuses).order_by("number"))
        if not found:
            return
        most = len(found) if world.chance.random() < 0.2 else 1
        seen = see(world.chance.sample(found, most))
        reach("has looked")
        by = world.person(name)
        outcomes = perform(operation, seen, actor=Actor.staff(by, Channel.ADMIN), **options)
        account_for(seen, outcomes)
        for each in outcomes:
            world.note(f"{name}: {act_name} {each.name}: {each.text}")

    return act


def request(world: "World", name: str) -> None:
    """Ask for a payout; sometimes again with the same key, sometimes for another one with it."""
    known = list(Payout.objects.filter(origin=Origin.MANUAL).order_by("number"))
    wallet = world.chance.choice(list(Wallet.objects.order_by("pk")))
    coin = COINS[wallet.network]
    content = {
        "wallet": wallet,
        "client": wallet.client,
        "currency": coin,
        "amount": Decimal(world.chance.choice(AMOUNTS[coin])),
        "purpose": "Prize",
        "pay_from": None,
        "idempotency_key": f"manual:{name} {world.step}",
    }
    if known and (len(known) >= MOST_PAYOUTS or world.chance.random() < 0.1):
        again = world.chance.choice(known)
        content |= {"client": again.client, "idempotency_key": again.idempotency_key}
        if world.chance.random() < 0.7:
            content |= {"wallet": again.wallet, "currency": COINS[again.wallet.network]}
        else:
            content |= {"wallet": world.chance.choice(list(again.client.wallets.order_by("pk")))}
        content |= {"purpose": world.chance.choice(["Prize", "Prize", "Refund"])}
        content |= {"pay_from": again.pay_from}
    elif world.forgotten and world.swarm.luck["books"].random() < 0.5:
        content |= world.forgotten.pop(some_forgotten(world))
        world.note("what is gone is asked for again")
    elif talks(world, 0.3):
        hours = world.swarm.luck["talks"].uniform(0, 12)
        content |= {"pay_from": clock.now() + timedelta(hours=hours)}
    payout = ask_for(world, name, content)
    asked = world.asked.setdefault(payout.pk, content)  # it may have been edited since
    if asked != content:
        raise Broken(f"I13 {content} was asked for, and {payout} came back, which was {asked}")
    world.note(f"{name}: requests {payout} of {payout.money}")
    if payout.waiting_for == WaitingFor.WALLET:
        world.note(f"{payout} waits for its wallet")
    if payout.pay_from:
        world.note(f"{payout} has a date: {payout.pay_from:%d %H:%M:%S}")


def ask_for(world: "World", name: str, content: dict[str, Any]) -> Payout:
    return request_payout(
        **content,
        origin=Origin.MANUAL,
        actor=Actor.staff(world.person(name), Channel.ADMIN),
        installation=world.account.installation,
        reason="Another one",
    )


def some_forgotten(world: "World") -> object:
    """What was asked for in the days that are gone is asked for again, under its old key."""
    return world.swarm.luck["books"].choice(sorted(world.forgotten, key=str))


def request_again(world: "World", name: str, key: object) -> None:
    content = world.forgotten.pop(key)
    try:
        ask_for(world, name, content)
    except Refused as exc:  # by what was asked for since
        world.note(f"{name}: is refused what is gone: {exc}")
    else:
        world.note("what is gone is asked for again")


def talks(world: "World", rate: float) -> bool:
    return world.swarm.talks and world.swarm.luck["talks"].random() < rate


def edit(world: "World", name: str) -> None:
    payout = some_payout(world, "pending", "held", "approved")
    if payout is None:
        return
    [seen] = see([payout])
    reach("has looked")
    wallet = world.chance.choice(list(payout.client.wallets.order_by("pk")))
    operations.edit_payout(
        seen,
        operations.Edit(
            wallet=wallet,
            currency=COINS[wallet.network],
            amount=Decimal(world.chance.choice(AMOUNTS[COINS[wallet.network]])),
            purpose="Prize",
            pay_from=payout.pay_from if talks(world, 0.5) else None,
        ),
        reason="Changed",
        actor=Actor.staff(world.person(name), Channel.ADMIN),
    )
    world.note(f"{name}: edits {payout}")


approve = do("APPROVE", "pending", reason="Another one")
reject = do("REJECT", "pending", "held", reason="No")
hold = do("HOLD", "pending", "approved", reason="Wait")
release = do("RELEASE", "held")
cancel = do("CANCEL", "approved", "submitting", "broadcast", reason="Stop")
retry = do("RETRY", "failed", reason="Again")
send_back = do("SEND_BACK", "pending", reason="Which invoice?")
answer = do("ANSWER", "pending", reason="The one of May")


def approve_in_admin(world: "World", name: str) -> None:
    """Open the confirmation in a browser, and post what it showed."""
    payout = some_payout(world, "pending")
    if payout is None:
        return
    browser = world.browser
    browser.force_login(world.person(name))
    page = browser.get(reverse("admin:payouts_payout_act_on", args=[payout.pk, "approve"]))
    reach("has looked")
    if seen := re.search(rb'name="seen" value="([^"]*)"', page.content):
        url = reverse("admin:payouts_payout_act", args=["approve"])
        answer = browser.post(url, {"seen": seen[1].decode(), "reason": "So"}, follow=True)
        done = "done" if b"It will be sent." in answer.content else "refused"
        world.note(f"{name}: approves {payout} in the Admin: {done} ({answer.status_code})")


def send_now(world: "World", name: str) -> None:
    at_once(world, name, submission.send_now, PayoutStatus.APPROVED)


def ask_now(world: "World", name: str) -> None:
    at_once(world, name, polling.ask_now, PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)


def at_once(world: "World", name: str, now: Callable[..., Outcome], *statuses: str) -> None:
    payout = some_payout(world, *statuses)
    if payout is None:
        return
    [seen] = see([payout])
    by = world.person(name)
    outcome = now(seen, world.client, world.account, actor=Actor.staff(by, Channel.ADMIN))
    world.note(f"{name}: {now.__name__} {payout}: {outcome.text}")


def set_sending(world: "World", name: str) -> None:
    is_on = Switch.objects.get(pk=1).is_on
    pauses = is_on and world.chance.random() < 0.3
    actor = Actor.staff(world.person(name), Channel.ADMIN)
    turned = switch.set_sending(
        not pauses, reason="Audit", actor=actor, is_same_database=not pauses
    )
    world.note(f"{name}: {'pauses' if pauses else 'resumes'} sending")
    if turned and pauses:
        world.oracle.sending_is_paused(submission.calls_out())


def some_scope(world: "World") -> Scope:
    luck = world.swarm.luck["stops"]
    network = luck.choice(sorted(COINS))
    client = luck.choice(list(Client.objects.order_by("pk"))).pk
    return luck.choice(
        [
            Scope(currency=COINS[network]),
            Scope(network=network),
            Scope(network, COINS[network]),
            Scope(client_id=client),
        ]
    )


def pause_some(world: "World", name: str) -> None:
    """Stop a coin, a network, a coin on a network, or a client."""
    scope, actor = some_scope(world), Actor.staff(world.person(name), Channel.ADMIN)
    if switch.set_sending(False, reason="Odd", actor=actor, scope=scope):
        world.note(f"{name}: pauses {scope.columns}")
        world.oracle.is_paused(scope, submission.calls_out(scope))


def resume_some(world: "World", name: str) -> None:
    off = list(Switch.objects.filter(is_on=False).order_by("pk"))
    luck = world.swarm.luck["stops"]
    if off and luck.random() < 0.3:
        each = luck.choice(off)
        actor, seen = Actor.staff(world.person(name), Channel.ADMIN), str(each.changed_at)
        reach("has looked")
        switch.set_sending(
            True, reason="Fine", actor=actor, scope=each.scope, seen=seen, is_same_database=True
        )
        world.note(f"{name}: resumes {each.scope.columns or 'all'}")


def of_ours() -> QuerySet[Discrepancy]:
    """What Heleket has of our payouts and differs; `reconcilers` have the foreign ones."""
    return Discrepancy.objects.open().exclude(kind=Discrepancy.Kind.FOREIGN)


def end_discrepancy(world: "World", name: str) -> None:
    """Propose an end, or confirm one that somebody else has proposed. Heleket may refuse both."""
    found = of_ours().order_by("pk").first()
    if found is None:
        return
    by, joint = Actor.staff(world.person(name), Channel.ADMIN), endings.proposed(found)
    reach("has looked")
    if joint and joint.proposed_by_id != by.person_id:
        endings.confirm(joint, found.facts, world.client, world.account, actor=by)
        world.note(f"{name}: confirms that {found} ends as {joint.data['outcome']}")
    elif joint is None:
        outcome = world.chance.choice(outcomes.possible(found))
        day = world.clock.now() + timedelta(days=1)
        wish = outcomes.Wish(found.pk, found.facts, outcome, "Looked at", day)
        endings.end_or_propose(wish, world.client, world.account, actor=by)
        world.note(f"{name}: wants {found} to end as {outcome}")


def end_somehow(world: "World", found: Discrepancy) -> None:
    """Two people who had no hand in it end it in the first way that is open; one always is."""
    day = world.clock.now() + timedelta(days=60)
    for outcome, pair in product(
        outcomes.possible(found), permutations(("omar", "olga", "root"), 2)
    ):
        first, second = (Actor.staff(world.person(name), Channel.ADMIN) for name in pair)
        found.refresh_from_db()
        wish = outcomes.Wish(found.pk, found.facts, outcome, "Looked at", day)
        with suppress(Refused):
            if joint := endings.proposed(found):
                endings.withdraw(joint, actor=first)
            endings.end_or_propose(wish, world.client, world.account, actor=first)
            if joint := endings.proposed(found):
                endings.confirm(joint, found.facts, world.client, world.account, actor=second)
            world.note(f"{pair}: end {found} as {outcome}")
            return


def top_up(world: "World", name: str) -> None:
    """Treasury has enough for everything, an operator where money is short for a little."""
    for coin in AMOUNTS:
        amount = "1000000000000"
        if world.swarm.funds_order and name != "treasury":
            amount = world.swarm.luck["funds"].choice(TOP_UPS[coin])
        world.gateway.top_up(coin, amount)
    world.note(f"{name}: tops up")


# Trouble that people make


def tamper(world: "World", name: str) -> None:
    """Change an approved payout behind the desk's back."""
    if not world.swarm.strikes("tampered"):
        return
    found = Payout.objects.filter(status="approved").filter(~Q(attempts__gt=0)).order_by("number")
    if payout := found.first():
        with connection.cursor() as cursor:
            sql = "UPDATE payouts_payout SET address = %s WHERE number = %s"
            cursor.execute(sql, ["TPYmHEhy5n8TCEfYGqW2rPxsghSfzghPDn", payout.number])
        world.note(f"{name}: tampers with {payout}")


def demote(world: "World", name: str) -> None:
    """Take an approver's right away, or give it back."""
    approver = world.person("amira")
    if not approver.is_active or world.swarm.strikes("demoted"):
        approver.is_active = not approver.is_active
        approver.save()
        world.note(f"{name}: amira's account is {'on' if approver.is_active else 'off'}")


def freeze_wallet(world: "World", name: str) -> None:
    wallet = world.chance.choice(list(Wallet.objects.order_by("pk")))
    if wallet.status == "frozen":
        perform(
            wallet_operations.RELEASE,
            wallet_operations.see([wallet.pk]),
            actor=Actor.staff(world.person(name), Channel.ADMIN),
        )
    elif wallet.status == "new":
        decide(world, name, destinations.APPROVE, wallet)
    elif world.swarm.strikes("wallet_frozen"):
        perform(
            wallet_operations.FREEZE,
            wallet_operations.see([wallet.pk]),
            actor=Actor.staff(world.person(name), Channel.ADMIN),
            reason="Looks wrong",
        )
        world.note(f"{name}: freezes {wallet}")


def approve_wallet(world: "World", name: str) -> None:
    if wallet := Wallet.objects.waiting().order_by("pk").first():
        decide(world, name, destinations.APPROVE, wallet)


def archive_wallet(world: "World", name: str) -> None:
    """Find, rarely, that a wallet which is not approved yet is wrong."""
    wallet = Wallet.objects.waiting().order_by("pk").last()
    if wallet and world.swarm.luck["wallets"].random() < 0.1:
        decide(world, name, destinations.ARCHIVE, wallet)


def decide(
    world: "World", name: str, operation: wallet_operations.WalletOperation, wallet: Wallet
) -> None:
    seen = wallet_operations.see([wallet.pk])
    reach("has looked")
    [outcome] = perform(operation, seen, actor=Actor.staff(world.person(name), Channel.ADMIN))
    world.note(f"{name}: {wallet}: {outcome.text}")


def withdraw_service(world: "World", name: str) -> None:
    """Heleket takes a service away or gives it back, and the desk hears of it."""
    service = world.chance.choice(list(PayoutMethod.objects.order_by("pk")))
    if not service.is_available or world.swarm.strikes("withdrawn"):
        service.is_available = not service.is_available
        service.save()
        world.note(f"the service is {'there' if service.is_available else 'gone'}")
