"""A run: a storm in which anything may happen, then the calm in which all has to come right."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q

from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import Refused
from payouts import foreign, polling
from payouts.codes import PayoutCode
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.destinations import APPROVE
from payouts.gateway.models import Pause, RateLimit
from payouts.models import Attempt, Discrepancy, EventType, Payout, PayoutEvent
from payouts.models import PayoutStatus as Status
from payouts.portal import feed
from tests import policies
from tests.sim import governors, machines, people, portals, reconcilers, restores, treasury
from tests.sim.stored import Broken
from tests.sim.world import Player, World
from wallets.models import PayoutMethod, Wallet
from wallets.operations import RELEASE, see

STEPS = 300
LOOK_AT_ALL_EVERY = 50
CALM = timedelta(days=3)  # a day more than a clock that was set back holds up what is due
MOST_JOBS = 20  # of one kind at one moment
ROUNDS = 5000  # far more than the questions of so many days, and what waits for people asks often
MOVING = Q(status__in=[Status.APPROVED, Status.SUBMITTING, Status.BROADCAST])


@dataclass(frozen=True)
class Report:
    """What became of one run. `broken` is empty if every promise held."""

    seed: int
    asked: int  # steps of the storm
    steps: int  # that were taken
    faults: dict[str, float]
    without: frozenset[str]
    luck: int
    broken: str
    trace: list[str] = field(repr=False)
    acts: Counter[str] = field(repr=False)
    reasons: Counter[str] = field(repr=False)  # of waits and of what went back, by code
    refusals: Counter[str] = field(repr=False)  # of what people tried, by code
    seconds: float

    @property
    def promise(self) -> str:
        """The name of the one that was broken."""
        return self.broken.partition(" ")[0]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {rate:g}" for name, rate in self.faults.items())
        tail = "\n".join(self.trace[-30:])
        return (
            f"seed {self.seed}, step {self.steps}: {self.broken or 'every promise held'}\n"
            f"faults: {faults or 'none'}\n{tail}\n"
            f"trace {self.digest[:16]}; again: {self.again}"
        )

    @property
    def again(self) -> str:
        """The command that repeats this run."""
        if (self.asked, self.without, self.luck, connection.vendor) == (STEPS, set(), 0, "sqlite"):
            return f"pytest tests/sim --seed {self.seed}"
        words = [f"python -m tests.sim --seed {self.seed} --steps {self.asked} --luck {self.luck}"]
        if self.without:
            words.append(f"--without {','.join(sorted(self.without))}")
        if connection.vendor == "postgresql":
            words.append("--engine postgres")
        return " ".join(words)


def run(
    seed: int, steps: int = STEPS, without: frozenset[str] = frozenset(), luck: int = 0
) -> Report:
    """Run one seed. The same arguments give the same trace, always."""
    started = time.perf_counter()
    world, broken, acts = World(seed, without, luck), "", Counter()
    reasons: Counter[str] = Counter()
    faults = dict(world.swarm.rates)
    with world.running():
        try:
            storm(world, steps)
            calm(world)
        except Broken as exc:
            broken = str(exc)
        acts.update(PayoutEvent.objects.values_list("event_type", flat=True))
        acts.update(DeskEvent.objects.values_list("event_type", flat=True))
        stopped = PayoutEvent.objects.filter(event_type__in=[EventType.WAIT, EventType.VOID])
        reasons.update(stopped.values_list("reason_code", flat=True))
    seconds = time.perf_counter() - started
    return Report(
        seed=seed,
        asked=steps,
        steps=world.step,
        faults=faults,
        without=without,
        luck=luck,
        broken=broken,
        trace=world.trace,
        acts=acts,
        reasons=reasons,
        refusals=world.refusals,
        seconds=seconds,
    )


def cast(world: World) -> list[Player]:
    """Who is there. One to four workers."""
    courier = machines.Courier(world)
    workers = [
        Player(f"worker {number}", machines.worker, weight=8)
        for number in range(1, world.chance.randint(1, 4) + 1)
    ]
    scripts = {
        "rosa": [people.request, people.request, people.edit, people.cancel],
        "selma": [people.request, people.approve, people.edit],
        "amira": [
            *[people.approve] * 3,
            *[people.reject, people.hold, people.release, people.approve_in_admin],
        ],
        "anton": [people.approve, people.approve, people.release, people.freeze_wallet],
        "omar": [
            *[people.cancel, people.retry, people.retry, people.send_now, people.ask_now],
            *[people.set_sending, people.end_discrepancy, people.top_up],
        ],
        "olga": [people.end_discrepancy, people.ask_now],
        "root": [
            *[people.approve, people.request, people.tamper, people.demote],
            people.withdraw_service,
        ],
    }
    if world.swarm.talks:
        scripts["amira"].append(people.send_back)
        scripts["rosa"] += [people.answer, people.answer]
    if world.swarm.has_new_wallets:
        scripts["anton"].append(people.approve_wallet)
        scripts["rosa"].append(people.archive_wallet)
    if world.swarm.has_stops:
        scripts["omar"] += [people.pause_some, people.pause_some, people.resume_some]
        scripts["olga"].append(people.resume_some)
    if world.swarm.has_rules:
        scripts["root"].remove(people.demote)
        scripts["omar"] += [people.send_now, people.send_now]
        scripts |= {"ada": [people.approve], "nina": [people.approve]}
    if world.swarm.funds_order:
        scripts["omar"] += [people.top_up, people.top_up]
    if world.swarm.has_books:
        scripts["omar"] += [reconcilers.end_foreign] * 6
        scripts["olga"] += [reconcilers.end_foreign] * 3
    if world.swarm.is_restored:
        scripts["omar"] += [restores.work_off] * 6
        scripts["olga"] += [restores.work_off] * 6
    has_more = {"omar", "olga"} if world.swarm.has_books else set[str]()
    staff = [
        Player(name, people.person(name, *acts), 3 if name in has_more else 1)
        for name, acts in scripts.items()
    ]
    others = [Player("heleket", machines.heleket, 2), Player("courier", courier.run, 2)]
    clients = [Player(each.name, each.run, 2) for each in world.portals]
    feeders = [Player("feeder", portals.feeder)] if clients else []
    guards = [Player("guard", machines.guard)] if world.swarm.has_stops else []
    is_short = bool(world.swarm.funds_order)
    treasuries = [Player("treasury", machines.fetch_balances, 12)] if is_short else []
    books = [Player("by hand", treasury.script, 2)] if world.swarm.has_books else []
    if world.swarm.has_books:
        books += [Player("reconciler", reconcilers.script, 12)]
        books += [Player(f"reader {number}", reconcilers.read_on, 6) for number in (1, 2)]
    governing = [
        Player(name, people.person(name, *acts), governors.WEIGHTS[name])
        for name, acts in (governors.SCRIPTS.items() if world.swarm.has_rules else ())
    ]
    return [*workers, *staff, *governing, *others, *clients, *feeders, *guards, *treasuries, *books]


def storm(world: World, steps: int) -> None:
    world.actors = cast(world)
    begin(world)
    world.oracle.check()
    for number in range(1, steps + 1):
        world.take_step()
        world.oracle.check()
        if world.swarm.is_restored:
            restores.pass_step(world, number)
        if number % LOOK_AT_ALL_EVERY == 0:
            world.oracle.check_all()


def begin(world: World) -> None:
    """Let some payouts be there from the start, most of them approved."""
    if world.swarm.has_new_wallets:
        wallets = list(Wallet.objects.order_by("pk").values_list("pk", flat=True))
        new = Wallet.objects.filter(pk__in=world.swarm.luck["wallets"].sample(wallets, 3))
        new.update(status="new", approved_by=None, approved_at=None)
    if world.swarm.has_rules:
        governors.begin(world)
    elif world.swarm.funds_order:
        managers = world.person("omar"), world.person("olga")
        values = governors.order_of_funds(world)
        policies.put_in_force(policies.with_values(policies.LENIENT, **values), managers)
    if order := world.swarm.funds_order:
        world.note(f"the order of funds is {order}")
    for number in range(world.chance.randint(3, 7)):
        world.step = -number  # a key of its own for each
        with suppress(Refused):  # the same key again, with other content
            people.request(world, "rosa")
        if world.chance.random() < 0.7:
            people.approve(world, "amira")
        if world.swarm.has_rules:
            governors.approve_more(world)
    if world.swarm.has_books:
        world.oracle.auditor.read_balances()
        treasury.pay_what_waits(world)
        treasury.pay_a_stranger(world)
    world.step = 0


def calm(world: World) -> None:
    """No fault strikes any more and everybody has gone home; workers and Heleket go on.

    Within days of their time every payout has ended, or waits for a person and says so.
    """
    world.swarm.calm_down()
    world.gateway.faults.clear()
    for actor in world.actors:
        actor.kill()
    world.clock.jump(timedelta())
    world.is_calm = True
    world.note("calm")
    for portal in world.portals:
        portal.hear_the_rest()
    if world.swarm.is_restored:
        restores.finish(world)
    put_right(world)
    if world.forgotten:
        restores.ask_again(world)
    if world.swarm.has_books:
        reconcilers.hear_by_list(world)
    courier = machines.Courier(world)
    end = world.clock.now() + CALM
    for _ in range(ROUNDS):
        world.gateway.run_due()
        courier.go_round()
        for job in (check, submit):  # an answer lets a later try go at once
            for _ in range(MOST_JOBS):
                if not job(world, 20):
                    break
        world.oracle.check()
        put_switches_right(world)
        is_over = is_settled(world) and not (
            reconcilers.compare_once_more(world) or end_discrepancies(world) or sleep_a_day(world)
        )
        if is_over or world.clock.now() > end:
            break
        world.go_by(max(1, (next_moment(world) - world.clock.now()).total_seconds()))
    for portal in world.portals:
        feed.take_up()
        while portal.read_on():
            pass
    reconcilers.compare_again(world)
    world.oracle.check_end()
    for entry in world.gateway.ledger:
        if entry.order_id:
            world.note(f"{entry.order_id}: {entry.delta} {entry.currency}")


# A claim costs far more than to see that there is nothing to be claimed.


def check(world: World, most: int) -> int:
    now = money_clock.now()
    is_due = Payout.objects.askable().due(now).exists() or polling.watched(now).exists()
    return machines.check(world, most) if is_due else 0


def submit(world: World, most: int) -> int:
    return machines.submit(world, most) if Payout.objects.sendable().exists() else 0


def put_right(world: World) -> None:
    """What people and money held up is over."""
    people.top_up(world, "treasury")
    if world.swarm.has_rules:
        governors.put_right(world)
    else:
        User.objects.update(is_active=True)
    PayoutMethod.objects.update(is_available=True)
    put_wallets_right(world)
    put_switches_right(world)


def put_switches_right(world: World) -> None:
    """In the calm too the guard may pause, and somebody looks at it."""
    for each in Switch.objects.filter(is_on=False).order_by("pk"):
        actor = Actor.staff(world.person("omar"), Channel.ADMIN)
        switch.set_sending(
            True, reason="Over", actor=actor, scope=each.scope, is_same_database=True
        )


def put_wallets_right(world: World) -> None:
    actor = Actor.staff(world.person("amira"), Channel.ADMIN)
    for operation, status in ((RELEASE, "frozen"), (APPROVE, "new")):
        found = Wallet.objects.filter(status=status).order_by("pk")
        perform(operation, see(found.values_list("pk", flat=True)), actor=actor)


def end_discrepancies(world: World) -> bool:
    """Let people have looked at what stands still, once; return whether there was anything."""
    if world.has_looked:
        return False
    world.has_looked, found = True, list(Discrepancy.objects.open().order_by("pk"))
    for each in found:
        if each.kind == Discrepancy.Kind.FOREIGN:
            reconcilers.end_somehow(world, each)
        else:
            people.end_somehow(world, each)
    return bool(found)


def is_settled(world: World) -> bool:
    """Whether nothing is under way any more, at the desk, on the wire or at Heleket, but what waits
    for people, nor is anything left that a refusal hid and Heleket is still to be asked about."""
    executed = [each for each in sorted(world.gateway.hidden) if world.gateway.find(each)]
    hidden = Attempt.objects.filter(order_id__in=executed, uuid=None)
    is_watched = hidden.exclude(watch_at=None).filter(payout__discrepancies=None).exists()
    if world.gateway.held_requests or is_watched or world.gateway.next_step_at:
        return False
    moving = Payout.objects.filter(MOVING).exclude(waiting_for="discrepancy")
    if foreign.standing():
        moving = moving.exclude(reason_code=PayoutCode.UNKNOWN_THERE)
    return not moving.exclude(waiting_for="limit", due_at__gt=world.clock.now()).exists()


def sleep_a_day(world: World) -> bool:
    """Let the window of every limit pass, once, if something waits for one."""
    if world.has_slept or not Payout.objects.filter(MOVING, waiting_for="limit").exists():
        return False
    world.has_slept = True
    world.go_by(timedelta(hours=26).total_seconds())
    world.note("a day goes by")
    return True


def next_moment(world: World) -> datetime:
    """When something is due next, a quarter of an hour from now if nothing is."""
    now = world.clock.now()
    soon = [at for at in moments(world) if at and at > now]
    return min(soon, default=now + timedelta(minutes=15))


def moments(world: World) -> Iterator[datetime | None]:
    moving = Payout.objects.filter(MOVING).exclude(waiting_for="limit")
    yield from moving.values_list("due_at", flat=True)
    yield from Pause.objects.values_list("probe_at", flat=True)
    yield from Attempt.objects.exclude(watch_at=None).values_list("watch_at", flat=True)
    if there := world.gateway.next_step_at:
        yield there + world.clock.ahead
    limit = RateLimit.objects.get()
    yield from (limit.backoff_until, limit.free_at)
    for held in world.gateway.held_requests:
        yield held.due_at and held.due_at + world.clock.ahead
