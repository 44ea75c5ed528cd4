"""An old copy of the desk's database is put back: what was written since is gone, and Heleket has
it all the same.
"""

from contextlib import suppress
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Max

from audit.actor import Actor, Channel
from audit.refusals import Refused
from payouts.controls import switch
from payouts.engine.start import FirstQuestions
from payouts.gateway import continuity
from payouts.gateway.continuity import Continuity
from payouts.models import Payout
from payouts.reconciliation import restores
from payouts.reconciliation.models import Restore
from tests.sim import machines, people
from tests.sim.seams import reach
from tests.sim.stored import Broken

if TYPE_CHECKING:
    from tests.sim.world import World


Question = Continuity.Question


ROUNDS = 1000
BUSY = {"omar": 10, "olga": 10, "rosa": 5}  # once a copy was put back


class Past(NamedTuple):
    """What the world was like when the copy was made."""

    at: float
    made_there: int  # so many payouts Heleket had
    memory: list[dict[str, Any]]


def pass_step(world: "World", number: int) -> None:
    if number == world.swarm.copied_at:
        make_copy(world)
    if number == world.swarm.put_back_at:
        put_back(world)


def make_copy(world: "World") -> None:
    world.oracle.check_all()
    world.backups.make()
    there = len(world.gateway.payouts)
    world.past = Past(world.clock.monotonic(), there, world.oracle.memory())
    world.note("a copy of the database is made")


def put_back(world: "World") -> None:
    """All processes are gone, and what they knew. Heleket's log of calls begins anew: what was
    called for what is lost has been judged."""
    world.oracle.check_all()
    for actor in world.actors:
        actor.kill()
        if actor.name in BUSY:
            actor.weight = BUSY[actor.name]
    world.backups.put_back()
    world.oracle.go_back(world.past.memory, world.past.at)
    world.is_old = True
    made = world.gateway.payouts[world.past.made_there :]
    world.lost_there |= {each.uuid for each in made}
    world.gateway.calls.clear()
    known = set(Payout.objects.values_list("pk", flat=True))
    world.forgotten = {pk: each for pk, each in world.asked.items() if pk not in known}
    world.asked = {pk: each for pk, each in world.asked.items() if pk in known}
    world.restores_before = Restore.objects.aggregate(last=Max("pk"))["last"] or 0
    world.note(f"the copy is put back: {len(made)} payouts at Heleket are forgotten")
    world.oracle.check()


def has_to_wait(world: "World") -> bool:
    """Whether what Heleket made in the days that are gone shows that a copy was put back, and two
    people have not put that right yet. A list that lags need not show it."""
    if not world.lost_there or "list_lags" in world.swarm.lists:
        return False
    return not is_over(world)


def is_over(world: "World") -> bool:
    """Whether what was put back has been put right."""
    return Restore.objects.filter(is_open=False, pk__gt=world.restores_before).exists()


def work_off(world: "World", name: str) -> None:
    """Begin what is to be done after a restore where the desk asks for it, confirm what another has
    begun, or do the next thing of the list."""
    actor = Actor.staff(world.person(name), Channel.ADMIN)
    if restore := restores.under_way():
        reach("has looked")
        go_on(world, actor, restore)
    elif joint := restores.proposed():
        reach("has looked")
        if joint.proposed_by_id != actor.person_id:
            restores.confirm(joint.pk, seen=restores.facts(), actor=actor)
            world.note(f"{name}: confirms that a copy was put back")
    elif continuity.state().question == Question.UNKNOWN:
        reach("has looked")
        restores.propose(reason="It is an old copy", actor=actor)
        world.note(f"{name}: begins to put a restore right")


def go_on(world: "World", actor: Actor, restore: Restore) -> None:
    """What a person has to look at, one thing after the other; before that what the desk does."""
    left = [each for each in restores.items(restore) if not each.done]
    looked_at = [each.name for each in left if each.by_person]
    if len(left) > len(looked_at):
        restore = restores.go_on(world.client, world.account, actor=actor)
    elif looked_at:
        seen = restores.standing(looked_at[0]).digest
        restore = restores.confirm_step(looked_at[0], seen=seen, actor=actor)
    if not restore.is_open:
        world.note("what a restore asks for is done")


def finish(world: "World") -> None:
    """A worker makes the checks of a start, and people do what is left to be done."""
    first, both = FirstQuestions(), cycle(["omar", "olga"])
    for _ in range(ROUNDS):
        if first.are_put():
            return
        if continuity.state().question in (Question.UNKNOWN, Question.RESTORE):
            work_off(world, next(both))
        elif continuity.state().question:
            say_same(world)
        machines.check(world, 20)
        machines.read_back(world)
        world.oracle.check()
        world.go_by(1)
    raise Broken(f"G52 nothing is sent for ever: {continuity.state()}")


def ask_again(world: "World") -> None:
    """Whoever asked for what is gone asks again, and others approve it as they did before."""
    for key in sorted(world.forgotten, key=str):
        people.request_again(world, "rosa", key)
    for name in ("amira", "anton", "ada") * 4:
        with suppress(Refused):
            people.approve(world, name)
            world.oracle.check()


def say_same(world: "World") -> None:
    actor = Actor.staff(world.person("omar"), Channel.ADMIN)
    switch.set_sending(True, reason="It is the same", actor=actor, is_same_database=True)
