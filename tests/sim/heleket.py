"""The other side: the sandbox behind the real client, with payouts that live as Heleket's may."""

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, Response
from requests.exceptions import ReadTimeout

import heleket
from heleket.sandbox import Gateway, endpoints
from heleket.sandbox.adapter import SandboxAdapter
from heleket.sandbox.faults import CREATE, INFO, Fault
from heleket.sandbox.records import Answer, Entry, Payout, Refused, Request
from payouts.models import Attempt
from tests.sim.seams import reach
from tests.sim.swarm import DELAYS, LIES, ON_THE_WIRE

if TYPE_CHECKING:
    from tests.sim.world import World

REFUSALS = ["You are forbidden", "Not enough funds", "The withdrawal amount is too small"]
LIE_TEXTS = [*REFUSALS, "Your address is under review"]
OUTAGES = ["503", "html_502", "timeout", "drop_timeout"]
OUTAGE_SECONDS = [30, 600, 7200]
# Members that no decision hangs on, and what they may be instead of what was documented.
SIDE_MEMBERS = ["balance", "payer_amount", "payer_currency", "commission", "merchant_amount"]
ODD = [{"value": "129"}, ["129"], "1,234.50", "x" * 300, f"0.{'1' * 30}", True, None]
ENDS = ["paid!", "paid!", "paid!", "p2p!", "fail!", "system_fail!", "cancel!", "paid paid!"]
ON_THE_WAY = ["check", "process", "fail", "system_fail", "frozen_by_review"]

LIST = "/v1/payout/list"
LAGS = [30, 1800, 6 * 3600]  # so old, in seconds, is the youngest row of a list that lags
SHIFTS = [-3, -1, 1, 2]  # a page begins so many rows later than it should
FIRST_WORD = {"status": "process", "is_final": False, "txid": None}


class Heleket(Gateway):
    """A gateway at which every payout has a life of its own, and always a final word."""

    def __init__(self, world: "World", **options: Any) -> None:
        chance = random.Random(f"lives {world.seed}")
        super().__init__(pace_seconds=chance.choice([1, 30, 120, 600]), **options)
        self.world, self.chance = world, chance
        self.newer_members = self.chance.random() < 0.8
        self.hidden: set[str] = set()  # executed, or about to be, though the call was refused
        self.forgotten: set[str] = set()  # order ids of calls that the desk has lost with its past
        self.outage: Fault | None = None
        self.down_until = 0.0

    def _life_for(self, _fields: Any) -> str:
        between = self.chance.choices(ON_THE_WAY, k=self.chance.randrange(4))
        return " ".join(["process", *between, self.chance.choice(ENDS)])

    def _fault_for(self, request: Request) -> Fault | None:
        """A repeat may fail while its first request still hangs somewhere."""
        order_id, swarm = request.fields.get("order_id"), self.world.swarm
        if request.path in (CREATE, INFO) and (outage := self.outage_now()):
            return outage
        hangs = any(held.request.fields["order_id"] == order_id for held in self.held_requests)
        if hangs and request.path == CREATE:
            if swarm.strikes("repeat_refused"):
                return Fault("forbidden", text=swarm.luck["repeat_refused"].choice(REFUSALS))
            if swarm.strikes("repeat_unavailable"):
                return Fault("refuse_connection")
        return super()._fault_for(request)

    def outage_now(self) -> Fault | None:
        """For a while every call ends in the same trouble."""
        swarm, now = self.world.swarm, self.world.clock.monotonic()
        if now >= self.down_until and swarm.strikes("outage"):
            luck = swarm.luck["outage"]
            self.outage = Fault(luck.choice(OUTAGES), commit=False)
            self.down_until = now + luck.choice(OUTAGE_SECONDS)
        return self.outage if swarm.is_on("outage") and now < self.down_until else None

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
        if request.path == INFO:
            return self.with_odd_member(super().execute(request))
        if request.path == LIST:
            return self.with_odd_rows(super().execute(self.shifted(request)))
        if request.path != CREATE:
            return super().execute(request)
        order_id = request.fields.get("order_id")
        if self.find(order_id) is None and self.world.swarm.strikes("occupied"):
            self.add_foreign_payout(amount="7", order_id=order_id)
        if self.world.swarm.strikes("sent_twice"):
            super().execute(request)
        is_new = self.find(order_id) is None and order_id not in self.hidden
        for name, delays in LIES.items():
            if is_new and self.world.swarm.strikes(name):
                return self.refuse_and_execute(request, name, delays)
        return self.with_odd_member(super().execute(request))

    def refuse_and_execute(self, request: Request, name: str, delays: tuple[int, ...]) -> Answer:
        luck = self.world.swarm.luck[name]
        self.hidden.add(str(request.fields["order_id"]))
        if delay := luck.choice(delays):
            self._hold(request, Fault("delayed", seconds=delay))
        else:
            super().execute(request)
        return Answer.json(422, {"state": 1, "message": luck.choice(LIE_TEXTS)})

    def with_odd_member(self, answer: Answer) -> Answer:
        luck = self.world.swarm.luck["odd_member"]
        if answer.status != 200 or not self.world.swarm.strikes("odd_member"):
            return answer
        members = json.loads(answer.body)
        members["result"][luck.choice(SIDE_MEMBERS)] = luck.choice(ODD)
        return Answer.json(200, members)

    @property
    def next_step_at(self) -> datetime | None:
        """When the next of its payouts moves on."""
        return min((each.next_step_at for each in self._moving.values()), default=None)

    # The list

    def shifted(self, request: Request) -> Request:
        """A page may begin somewhat before or behind the end of the one before."""
        swarm, cursor = self.world.swarm, endpoints.read_cursor(request.query)
        if not cursor or not swarm.strikes("list_shifts"):
            return request
        number = cursor["id"] + swarm.luck["list_shifts"].choice(SHIFTS)
        if not 1 <= number <= len(self.payouts):
            return request
        forward = bool(cursor.get("_pointsToNextItems", True))
        text = endpoints.write_cursor(self.payouts[number - 1], forward)
        return replace(request, query=f"cursor={text}")

    def with_odd_rows(self, answer: Answer) -> Answer:
        """Of rows the list may lack the youngest, have them as they were, or write them otherwise.
        It may be without an end."""
        swarm = self.world.swarm
        if answer.status != 200 or not swarm.has_books:
            return answer
        members = json.loads(answer.body)
        found = members["result"]
        if swarm.strikes("list_lags"):
            since = self.now() - timedelta(seconds=swarm.luck["list_lags"].choice(LAGS))
            found["items"] = [row for row in found["items"] if self.made_at(row) <= since]
        if swarm.strikes("list_old_words"):
            found["items"] = [row | FIRST_WORD for row in found["items"]]
        if swarm.strikes("list_other_spelling"):
            found["items"] = [row | other_spelling(row) for row in found["items"]]
        if found["items"] and swarm.strikes("list_loops"):
            first = self._by_uuid[found["items"][0]["uuid"]]
            found["paginate"]["nextCursor"] = endpoints.write_cursor(first, True)
        return Answer.json(200, members)

    def made_at(self, row: dict[str, Any]) -> Any:
        return self._by_uuid[row["uuid"]].created_at

    # What the merchant's people do there by hand

    def pay_there(self, **terms: Any) -> Payout | None:
        """None if the terms are none that Heleket pays, or the order id is taken."""
        try:
            return self.add_foreign_payout(**terms)
        except (Refused, ValueError):
            return None

    def move(self, currency: str, delta: Decimal, why: str) -> None:
        """Money that comes or goes for another reason than a payout."""
        self.ledger.add(Entry(self.now(), None, None, currency, delta, why))
        if why == "transfer":
            personal = self.ledger.personal
            personal[currency] = personal.get(currency, Decimal(0)) - delta
        self.version += 1


def other_spelling(row: dict[str, Any]) -> dict[str, Any]:
    amount = Decimal(row["amount"])
    return {
        "amount": f"{amount:.8f}",
        "currency": row["currency"].lower(),
        "network": row["network"].upper(),
        "address": row["address"].lower() if row["network"] == "eth" else row["address"],
    }


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
        if LIST not in str(request.url):
            reach("before the request leaves")
        self.world.oracle.request_leaves(request)
        connect, whole = (
            timeout[0],
            self.world.account.timeout,
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


class Phone(heleket.HeleketClient):
    """The real client; what it hears about a payout is noted for the oracle."""

    def __init__(self, world: "World", **options: Any) -> None:
        super().__init__(**options, adapter=Wire(world))
        self.world = world

    def _payout(self, path: str, body: bytes, *others: Any, **more: Any) -> heleket.RemotePayout:
        remote = super()._payout(path, body, *others, **more)
        asked = json.loads(body)
        self.world.oracle.hears(asked.get("order_id") or asked["uuid"], remote)
        return remote
