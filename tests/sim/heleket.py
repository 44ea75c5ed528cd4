"""The other side: the sandbox behind the real client, with payouts that live as Heleket's may."""

import json
import random
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, Response
from requests.exceptions import ReadTimeout

import heleket
from heleket.sandbox import Gateway
from heleket.sandbox.adapter import SandboxAdapter
from heleket.sandbox.endpoints import CREATE
from heleket.sandbox.faults import Fault
from heleket.sandbox.records import Answer, Request
from payouts.models import Attempt
from tests.sim.seams import reach
from tests.sim.swarm import DELAYS, ON_THE_WIRE

if TYPE_CHECKING:
    from tests.sim.world import World

REFUSALS = ["You are forbidden", "Not enough funds", "The withdrawal amount is too small"]
ENDS = ["paid!", "paid!", "paid!", "p2p!", "fail!", "system_fail!", "cancel!", "paid paid!"]
ON_THE_WAY = ["check", "process", "fail", "system_fail", "frozen_by_review"]


class Heleket(Gateway):
    """A gateway at which every payout has a life of its own, and always a final word."""

    def __init__(self, world: "World", **options: Any) -> None:
        super().__init__(**options)
        self.world, self.chance = world, random.Random(f"lives {world.seed}")
        self.pace_seconds = self.chance.choice([1, 30, 120, 600])
        self.newer_members = self.chance.random() < 0.8

    def _life_for(self, _fields: Any) -> str:
        between = self.chance.choices(ON_THE_WAY, k=self.chance.randrange(4))
        return " ".join(["process", *between, self.chance.choice(ENDS)])

    def _fault_for(self, request: Request) -> Fault | None:
        """A repeat may fail while its first request still hangs somewhere."""
        order_id, swarm = request.fields.get("order_id"), self.world.swarm
        hangs = any(held.request.fields["order_id"] == order_id for held in self.held_requests)
        if hangs and request.path == CREATE:
            if swarm.strikes("repeat_refused"):
                return Fault("forbidden", text=swarm.luck["repeat_refused"].choice(REFUSALS))
            if swarm.strikes("repeat_unavailable"):
                return Fault("refuse_connection")
        return super()._fault_for(request)

    def _strike(self, fault: Fault, request: Request) -> Answer:
        """Swap no answer for that of an equal payout whose id the desk has not heard yet.

        Nobody could tell: the answer need not name the order id (test_g10 says what comes of it).
        """
        unheard = Attempt.objects.filter(uuid=None).values_list("order_id", flat=True)
        if fault.name == "swapped" and {each.order_id for each in self.payouts} & {*unheard}:
            return self.execute(request)
        return super()._strike(fault, request)

    def execute(self, request: Request) -> Answer:
        """An order id may be taken by another desk with our prefix, or a request come twice."""
        if request.path != CREATE:
            return super().execute(request)
        order_id = request.fields.get("order_id")
        if self.find(order_id) is None and self.world.swarm.strikes("occupied"):
            self.add_foreign_payout(amount="7", order_id=order_id)
        if self.world.swarm.strikes("sent_twice"):
            super().execute(request)
        return super().execute(request)


def let_faults_strike(gateway: Heleket) -> None:
    """Give the gateway the faults of this run that it can do by itself."""
    rates = gateway.world.swarm.rates
    for name, seconds in DELAYS.items():
        if name in rates:
            gateway.faults.add("delayed", rate=rates[name], seconds=seconds)
    for name in ON_THE_WIRE:
        if name in rates:
            gateway.faults.add(name, rate=rates[name])


class Wire(SandboxAdapter):
    """The way there and back, with a seam wherever a process can die or fall asleep."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.gateway)
        self.world = world

    def send(  # type: ignore[override]
        self, request: PreparedRequest, *, timeout: Any = None, **others: Any
    ) -> Response:
        self.world.oracle.call_begins(request)
        reach("before the request leaves")
        self.world.oracle.request_leaves(request)
        connect, whole = (
            timeout[0],
            self.world.desk.timeout,
        )  # what is left of it depends on the CPU
        try:
            response = super().send(request, timeout=(connect, whole), **others)
        except ReadTimeout:
            reach("the request has left")
            self.world.wait(whole)
            raise
        except Exception:
            reach("the request has left")
            raise
        reach("the answer is not read yet")
        return response


class Phone(heleket.Client):
    """The real client; what it hears about a payout is noted for the oracle."""

    def __init__(self, world: "World", **options: Any) -> None:
        super().__init__(**options, adapter=Wire(world))
        self.world = world

    def _payout(self, path: str, body: bytes, deadline: float | None) -> heleket.RemotePayout:
        remote = super()._payout(path, body, deadline)
        self.world.oracle.hears(json.loads(body)["order_id"], remote)
        return remote
