"""Those who govern: policy managers change what is asked for while payouts are under way, user
managers give and take the right to approve, and now and then one of them tries it alone.

What they are about to do stands in the world before they do it: the oracle compares.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch

from django.contrib.auth.models import Group, User
from django.db import transaction

from audit.actor import Actor, Channel
from audit.refusals import Refused
from payouts.controls import documents, policy, rates
from payouts.staff import drafts, grants, people, two_people
from payouts.staff.models import JointAct
from tests.policies import LENIENT, require, with_values
from tests.sim.people import Act, approve
from tests.sim.seams import reach

if TYPE_CHECKING:
    from tests.sim.world import World

WORTH = {"USDT": Decimal(1), "SHIB": Decimal("0.0000001")}  # of one coin, in the reference currency
APPROVERS = ("amira", "anton", "ada")  # who may lose the right, and get it back
NEWCOMERS = ("nina", "paula")  # who may get it, and lose it again
RIGHT = "Approver"
PASSED_OVER_HOURS = 1  # where what fits goes first

EVERY = require(1, "Every payout")


def above(amount: str, count: int, measure: str = "payout", group: str = "") -> dict[str, object]:
    name = f"More than {amount} ({measure})"
    return require(count, name, group, amounts={measure: {"above": amount}})


def limit(of: str, at_most: str, **more: object) -> dict[str, object]:
    return {"of": of, "at_most": at_most, **({} if of == "payout" else {"hours": 24}), **more}


def rule(name: str, effect: str, **conditions: object) -> dict[str, object]:
    return {"name": name, "effect": effect, "if": conditions}


# What the policy managers choose from: rules, limits, and values that are not those of most runs.
POLICIES: dict[str, tuple[list[object], list[object], dict[str, object]]] = {
    "one for each": ([EVERY], [limit("desk", "100150")], {}),
    "two above 10": (
        [EVERY, above("10", 2, group=RIGHT)],
        [limit("client", "80")],
        {"approvals_last_hours": 1, "delay_seconds": 300},
    ),
    "three above 30": ([EVERY, above("2", 2), above("30", 3)], [limit("payout", "1000")], {}),
    "two a day": (
        [EVERY, above("20", 2, "client_day")],
        [limit("currency", "60", only="USDT"), limit("payout", "50000")],
        {},
    ),
    "small ones go": (
        [
            rule("Small ones", "allow", amounts={"payout": {"up_to": "5"}}),
            above("5", 2, group=RIGHT),
        ],
        [limit("desk", "60")],
        {},
    ),
    "nothing for S-3": (
        [EVERY, rule("No more for S-3", "block", clients=["S-3"]), above("10", 2)],
        [limit("client", "100000"), limit("client", "30", only="S-1")],
        {"delay_seconds": 90},
    ),
    "eth aside": (
        [EVERY, rule("A look at eth", "hold", networks=["eth"]), above("15", 2)],
        [limit("desk", "120"), limit("currency", "60")],
        {},
    ),
}


def document(world: "World", name: str) -> str:
    rules, limits, values = POLICIES[name]
    values = {**order_of_funds(world), **values}
    return documents.canonical(with_values({**LENIENT, "rules": rules, "limits": limits}, **values))


def order_of_funds(world: "World") -> dict[str, object]:
    if not world.swarm.funds_order:
        return {}
    return {"funds_order": world.swarm.funds_order, "passed_over_hours": PASSED_OVER_HOURS}


@contextmanager
def known_worth() -> Iterator[None]:
    """Let each coin have one price for the whole run."""

    def judged(currency, _row, _bounds, now):
        return rates.Rate(currency, WORTH[currency], now, rates.HELEKET)

    with patch.object(rates, "judged", judged):
        yield


def begin(world: "World") -> None:
    """Have a policy and its limits from the start."""
    draft_policy(world, "paula")
    confirm_policy(world, "pavel")


def approve_more(world: "World") -> None:
    """Let most of what is there from the start be approved by as many as are asked for."""
    world.oracle.check()
    for name in ("anton", "ada"):
        if world.swarm.luck["rules"].random() < 0.7:
            approve(world, name)
            world.oracle.check()


# Policy managers


def by(world: "World", name: str) -> Actor:
    return Actor.staff(world.person(name), Channel.ADMIN)


def draft_policy(world: "World", name: str) -> None:
    luck = world.swarm.luck["rules"]
    chosen, seen = luck.choice(sorted(POLICIES)), policy.state()
    reach("has looked")
    text = document(world, chosen)
    world.oracle.overseer.drafts_policy(name, text)
    policy.propose(text, reason="It is time", actor=by(world, name), seen=seen)
    world.note(f"{name}: drafts the policy “{chosen}”")


def confirm_policy(world: "World", name: str) -> None:
    waiting = policy.draft()
    if waiting is None:
        return
    alone = waiting.proposed_by.username == name
    reach("has looked")
    world.oracle.overseer.confirms_policy(name, waiting.data["document"])
    try:
        version = policy.confirm(waiting.pk, actor=by(world, name)).number
    except Refused as exc:
        world.refusals[exc.refusal.code] += 1
        world.note(f"{name}: is refused to confirm {'their own' if alone else 'a'} policy: {exc}")
        return
    world.note(f"{name}: puts version {version} in force")


def withdraw_policy(world: "World", name: str) -> None:
    if waiting := policy.draft():
        reach("has looked")
        policy.withdraw(waiting.pk, actor=by(world, name))
        world.note(f"{name}: withdraws a policy")


def change_policy(world: "World", name: str) -> None:
    """Draft a policy, or confirm the other's draft; rarely one's own, or withdraw it."""
    waiting, luck = policy.draft(), world.swarm.luck["rules"].random()
    if waiting is None or luck < 0.1:
        draft_policy(world, name)
    elif two_people.earlier(waiting) and luck < 0.6:
        withdraw_policy(world, name)  # both of them drafted it: neither confirms it
    elif waiting.proposed_by.username != name or luck < 0.5:
        confirm_policy(world, name)
    elif luck < 0.6:
        withdraw_policy(world, name)


# Who may approve


def has_right(name: str) -> bool:
    return User.objects.filter(username=name, is_active=True, groups__name=RIGHT).exists()


def change_rights(world: "World", name: str) -> None:
    """Take the right to approve from somebody, or draft that they get it."""
    luck = world.swarm.luck["rules"]
    whom = luck.choice([*APPROVERS, *NEWCOMERS])
    if has_right(whom):
        take_right(world, name, whom)
    else:
        give_right(world, name, whom)


def take_right(world: "World", name: str, whom: str) -> None:
    if world.swarm.luck["rules"].random() < 0.5 and whom != "paula":
        reach("has looked")
        people.disable(world.person(whom), reason="On leave", actor=by(world, name))
    else:
        reach("has looked")
        with transaction.atomic():  # as their page does when it is saved
            person = User.objects.select_for_update().get(username=whom)
            before = people.facts_of_person(person)
            person.groups.remove(Group.objects.get(name=RIGHT))
            people.log_person(person, before, actor=by(world, name))
    world.note(f"{name}: takes the right to approve from {whom}")


def give_right(world: "World", name: str, whom: str) -> None:
    person = world.person(whom)
    seen = people.last_stop(person)
    reach("has looked")
    world.oracle.overseer.drafts_right(name, whom)
    if person.is_active:
        grant = grants.Grant(roles=[Group.objects.get(name=RIGHT).pk])
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=person.pk)
            grants.draft_person(locked, grant, reason="Helps out", actor=by(world, name))
    else:
        grants.enable(person, seen=seen, reason="Is back", actor=by(world, name))
    world.note(f"{name}: drafts that {whom} may approve")


def confirm_right(world: "World", name: str) -> None:
    """Confirm what somebody is to get, their own draft or what they gain themselves included."""
    waiting = list(drafts.open_drafts().select_related("proposed_by"))
    if not waiting:
        return
    joint = world.swarm.luck["rules"].choice(waiting)
    draft, seen = drafts.of(joint), drafts.of(joint).facts()
    alone = name in (joint.proposed_by.username, draft.name)
    reach("has looked")
    world.oracle.overseer.confirms_right(name, draft.name)
    try:
        drafts.confirm(joint.pk, seen, actor=by(world, name))
    except Refused as exc:
        world.refusals[exc.refusal.code] += 1
        what = "what they drafted or gain" if alone else "a right"
        world.note(f"{name}: is refused to confirm {what}: {exc}")
        return
    world.note(f"{name}: confirms that {draft.name} may approve")


def withdraw_right(world: "World", name: str) -> None:
    joint = drafts.open_drafts().first()
    if joint and world.swarm.luck["rules"].random() < 0.3:
        reach("has looked")
        drafts.withdraw(joint.pk, actor=by(world, name))
        world.note(f"{name}: withdraws what {drafts.of(joint).name} was to get")


SCRIPTS: dict[str, list[Act]] = {
    "paula": [change_policy, change_policy, confirm_right],
    "pavel": [change_policy, change_policy, confirm_right],
    "uma": [change_rights, change_rights, confirm_right],
    "ugo": [confirm_right, confirm_right, change_rights, withdraw_right],
}
WEIGHTS = {"paula": 2, "pavel": 2, "uma": 1, "ugo": 1}


# In the calm


def put_right(world: "World") -> None:
    """Whoever may approve usually may do so again, by two people."""
    for whom in APPROVERS:
        while not has_right(whom):
            subject = f"person:{world.person(whom).pk}"
            if not (waiting := drafts.open_drafts().filter(subject=subject).first()):
                give_right(world, "uma", whom)
                continue
            finish(world, waiting, whom)


def finish(world: "World", joint: JointAct, whom: str) -> None:
    draft = drafts.of(joint)
    if draft.is_outdated or draft.is_abandoned or draft.earlier:
        drafts.withdraw(joint.pk, actor=by(world, "ugo"))
        return
    second = "ugo" if joint.proposed_by.username == "uma" else "uma"
    world.oracle.overseer.confirms_right(second, whom)
    drafts.confirm(joint.pk, draft.facts(), actor=by(world, second))
