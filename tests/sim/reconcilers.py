"""Those who compare Heleket's list with the desk: by themselves now and then, two of them at times,
and once more when all is over.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

from django.db import transaction

from audit.actor import Actor, Channel
from audit.jobs import Job
from audit.refusals import Refused
from payouts import endings, links
from payouts.gateway.jobs import ReadHistory
from payouts.models import Discrepancy, Payout
from payouts.outcomes import EXPLAINED, LINKED, Wish
from payouts.reconciliation import jobs, listing, runs
from payouts.reconciliation.asking import HEALED, OPENED
from payouts.reconciliation.runs import Reconciliation, reconcile
from payouts.seen import see
from tests.sim.clock import START
from tests.sim.seams import reach
from tests.sim.stored import Broken

if TYPE_CHECKING:
    from tests.sim.world import World

MOVES_ON = 1200  # seconds, in which Heleket moves most payouts on
FOREIGN = Discrepancy.Kind.FOREIGN
FIRST_DAY = listing.day_of(START - timedelta(days=1))


class OneAfterTheOther:
    """A pool of threads in which each call is made when it is handed in, by whoever does so: a run
    has one thread."""

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def submit(self, act: Callable[..., Any], *args: Any, **options: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(act(*args, **options))
        return future


@contextmanager
def in_one_thread(world: "World") -> Iterator[None]:
    with ExitStack() as stack:
        for module in (listing, runs):
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", OneAfterTheOther))
        time = SimpleNamespace(sleep=world.wait, monotonic=world.clock.monotonic)
        for other in (listing, jobs):
            stack.enter_context(patch.object(other, "time", time))
        yield


def read_history(world: "World") -> None:
    """Read what Heleket had before the desk, as the job does in its first minutes."""
    job = ReadHistory(world.client, world.account, 1)
    while asked := take(job):
        job.record([job.call(each) for each in asked])


def script(world: "World") -> None:
    """Compare what may have changed, all days so far or the last ones."""
    luck = world.swarm.luck["books"]
    while True:
        reach("rests")
        days = luck.choice([0, 0, 0, 1, 9])
        found = world.try_once(lambda days=days: compare(world, days))
        if found:
            world.note(f"the list is compared: {in_words(found)}")


def read_on(world: "World") -> None:
    """Do what the worker does of it: take a turn, call, and record what came by then, in whatever
    order."""
    job, luck = jobs.Reconcile(world.client, world.account, 2), world.swarm.luck["books"]
    while True:
        reach("rests")
        asked = world.try_once(lambda: take(job)) or []
        heard = [result for each in asked if (result := job.call(each)) is not None]
        luck.shuffle(heard)
        while heard:
            some = [heard.pop() for _ in range(luck.randint(1, len(heard)))]
            world.try_once(lambda some=some: job.record(some))


@transaction.atomic
def take(job: Job) -> Sequence[Any]:
    return job.take(1).items


def compare(world: "World", days: int) -> Reconciliation:
    last = listing.day_of(world.clock.now())
    first = max(FIRST_DAY, last - timedelta(days=days))
    actor = Actor.system(Channel.RECONCILE)
    return reconcile(first, last, world.client, world.account, actor=actor)


def in_words(found: Reconciliation) -> str:
    counts = {state: found.count(state) for state in (HEALED, OPENED)}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return ", ".join(filter(None, [f"{found.rows} rows", said, *found.all_troubles]))


# What is foreign


def end_foreign(world: "World", name: str) -> None:
    """Say what a payout at Heleket is that nobody asked for here, or confirm what another says."""
    found = Discrepancy.objects.open().filter(kind=FOREIGN).order_by("pk").first()
    if found is None:
        return
    by, joint = Actor.staff(world.person(name), Channel.ADMIN), endings.proposed(found)
    wish = None if joint else wish_for(world, found)
    reach("has looked")
    if joint and joint.proposed_by_id != by.person_id:
        links.confirm(joint, found.facts, world.client, world.account, actor=by)
        world.note(f"{name}: confirms that {found.key[:8]} is {joint.data['outcome']}")
    elif wish:
        links.end_or_propose(wish, world.client, world.account, actor=by)
        world.note(f"{name}: says that {found.key[:8]} is {wish.outcome}")


def wish_for(world: "World", found: Discrepancy) -> Wish:
    """An honest person links it where it can be one of ours, and knows what they paid themselves;
    a hasty one takes any payout that waits for it."""
    luck = world.swarm.luck["books"]
    is_hasty, waiting = luck.random() < 0.2, candidates()
    alike = [each for each in waiting if is_hasty or not links.differing(each, found.theirs)]
    if alike and (found.key not in world.paid_there or luck.random() < 0.7):
        [seen] = see([luck.choice(alike)])
        return Wish(found.pk, found.facts, LINKED, "This is the one", payout=seen)
    return Wish(found.pk, found.facts, EXPLAINED, "To a supplier")


def candidates() -> list[Payout]:
    return list(Payout.objects.filter(status__in=links.LINKABLE).order_by("number"))


def end_somehow(world: "World", found: Discrepancy) -> None:
    """Two people who had no hand in it say what it is."""
    alike = [each for each in candidates() if not links.differing(each, found.theirs)]
    wishes = [(LINKED, seen) for seen in see(alike)] + [(EXPLAINED, None)]
    for outcome, payout in wishes:
        for pair in permutations(("omar", "olga", "root"), 2):
            if end_by(world, found, outcome, payout, pair):
                return


def end_by(world: "World", found: Discrepancy, outcome: Any, payout: Any, pair: Any) -> bool:
    first, second = (Actor.staff(world.person(name), Channel.ADMIN) for name in pair)
    found.refresh_from_db()
    try:
        if joint := endings.proposed(found):
            links.withdraw(joint, actor=first)
        wish = Wish(found.pk, found.facts, outcome, "Looked at", payout=payout)
        links.end_or_propose(wish, world.client, world.account, actor=first)
        if joint := endings.proposed(found):
            links.confirm(joint, found.facts, world.client, world.account, actor=second)
    except Refused as exc:
        world.note(f"{pair}: {found.key[:8]} is not {outcome}: {exc}")
        return False
    world.note(f"{pair}: {found.key[:8]} is {outcome}")
    return True


# In the calm


def hear_by_list(world: "World") -> None:
    """Compare what Heleket has moved on meanwhile before anybody has asked about it."""
    world.go_by(MOVES_ON)
    world.gateway.run_due()
    compare_all(world)
    world.oracle.check()


def compare_once_more(world: "World") -> bool:
    """Compare all days, once; return whether anything differed."""
    if world.has_compared:
        return False
    world.has_compared, found = True, compare_all(world)
    return bool(found.findings)


def compare_again(world: "World") -> None:
    """I19: what was found once is not found anew, and nothing is left to be taken over."""
    found = compare_all(world)
    if new := [each for each in found.findings if each.state in (HEALED, OPENED)]:
        raise Broken(f"I19 found by the second of two comparisons: {new}")


def compare_all(world: "World") -> Reconciliation:
    found = compare(world, 99)
    world.note(f"the list is compared: {in_words(found)}")
    if not found.is_whole:
        raise Broken(f"I19 the list could not be compared in the calm: {found.all_troubles}")
    return found
