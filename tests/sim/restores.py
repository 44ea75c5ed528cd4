"""An old copy of the desk's database is put back: what was written since is gone, and Heleket has
it all the same.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from payouts.engine.start import FirstQuestions
from payouts.gateway import continuity
from payouts.models import Payout
from tests.sim import machines

if TYPE_CHECKING:
    from tests.sim.world import World


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
    world.backups.put_back()
    world.oracle.go_back(world.past.memory, world.past.at)
    made = world.gateway.payouts[world.past.made_there :]
    world.lost_there |= {each.uuid for each in made}
    world.gateway.calls.clear()
    known = set(Payout.objects.values_list("pk", flat=True))
    world.forgotten = {pk: each for pk, each in world.asked.items() if pk not in known}
    world.asked = {pk: each for pk, each in world.asked.items() if pk in known}
    world.note(f"the copy is put back: {len(made)} payouts at Heleket are forgotten")
    world.oracle.check()


def finish(world: "World") -> None:
    """A worker makes the checks of a start, and people do what is left to be done."""
    first = FirstQuestions()
    while not first.are_put() and not continuity.state().question:
        machines.check(world, 20)
        machines.read_back(world)
        world.go_by(1)
