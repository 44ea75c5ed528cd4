"""Clients' portals: back ends that ask through the real API, and do not always hear the answer.

A portal writes down what it asks before it asks, under a key of idempotency, and asks again with
the same one until it has heard what became of it. It reads the feed from its cursor.
"""

import json
from typing import TYPE_CHECKING, Any

from django.test import Client as Browser

from audit.actor import Actor, Channel
from payouts.portal import feed
from payouts.portal.models import Scope
from tests.factories import usable_key
from tests.sim.seams import reach
from tests.sim.stored import Broken
from wallets.models import Client

if TYPE_CHECKING:
    from tests.sim.world import World

ISSUER = "root"  # who also approves, if anybody lets them
MOST_ASKED = 4  # of each portal
ADDRESSES = ["TPYmHEhy5n8TCEfYGqW2rPxsghSfzghPDn", "TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8"]
AMOUNTS = ["5", "7.25", "0.500001"]
HEARD_NOTHING = 0


def open_portals(world: "World") -> "list[Portal]":
    """One acts for its client with the portal's key, the other with the client's own."""
    by = Actor.staff(world.person(ISSUER), Channel.COMMAND)
    first, second = Client.objects.filter(external_id__in=["S-1", "S-2"]).order_by("external_id")
    _key, of_portal = usable_key(name="Portal", scopes=Scope.values, actor=by)
    own = set(Scope.values) - {Scope.CLIENTS_WRITE}
    _key, of_client = usable_key(name="Client", scopes=own, client=second, actor=by)
    return [
        Portal(world, first, of_portal, {"Desk-Client": first.external_id}, ADDRESSES[0]),
        Portal(world, second, of_client, {}, ADDRESSES[1]),
    ]


def feeder(world: "World") -> None:
    """Number what was committed, some at a time."""
    while True:
        reach("rests")
        if world.try_once(lambda: feed.take_up(world.luck_of_portals.randint(1, 20))):
            reach("has fed")


class Portal:
    """What it has asked for by key, what it was answered, and what it read."""

    def __init__(
        self, world: "World", client: Client, key: str, headers: dict[str, str], address: str
    ) -> None:
        self.world, self.client, self.address = world, client, address
        self.luck, self.name = world.luck_of_portals, f"portal of {client.external_id}"
        self.headers = {"Authorization": f"Bearer {key}"} | headers
        self.browser = Browser(raise_request_exception=False)
        self.asked: dict[str, tuple[str, dict[str, str]]] = {}
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}  # the last word on each key
        self.after: str | None = None
        self.read: list[dict[str, Any]] = []

    def run(self, _world: "World") -> None:
        acts = [self.ask, self.ask, self.ask_again, self.cancel, self.read_on, self.read_on]
        acts += [self.add_wallet, self.look_elsewhere, self.reuse_key]
        while True:
            reach("rests")
            self.luck.choice(acts)()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask once. What is lost on the way, there or back, was not heard."""
        rate = self.world.swarm.portals_lose
        if self.world.acting and self.luck.random() < rate / 2:
            return HEARD_NOTHING, None
        content = {} if body is None else {"data": json.dumps(body)}
        answer = getattr(self.browser, method)(
            f"/api/v1/{path}",
            **content,
            content_type="application/json",
            headers=self.headers | headers,
        )
        reach("was answered")
        if self.world.acting and self.luck.random() < rate / 2:
            return HEARD_NOTHING, None
        return answer.status_code, json.loads(answer.content)

    def get(self, path: str) -> tuple[int, Any]:
        return self.call("get", path)

    # Asking

    def begin(self, path: str, body: dict[str, str]) -> None:
        key = f"{len(self.asked) + 1}"
        self.asked[key] = (path, body)
        self.send(key)

    def send(self, key: str) -> None:
        """I13: whatever was heard of a key before is heard again, to the letter."""
        path, body = self.asked[key]
        status, answer = self.call("post", path, body, **{"Idempotency-Key": key})
        self.world.note(f"{self.name}: asks with key {key}: {status or 'lost'}")
        if status in (HEARD_NOTHING, 409, 429) or status >= 500:
            return
        before = self.answers.setdefault(key, (status, answer))
        if before[0] == 201 and before != (status, answer):
            raise Broken(f"I13 key {key} of the {self.name} made {before}, and now {answer}")
        self.answers[key] = (status, answer)

    def ask(self) -> None:
        if sum(path == "payouts/" for path, _body in self.asked.values()) >= MOST_ASKED:
            return
        wallets = self.client.wallets.order_by("pk").filter(network="tron")
        wallet = self.luck.choice(list(wallets))
        body = {"wallet": str(wallet.public_id), "currency": "USDT", "purpose": "Prize"}
        self.begin("payouts/", body | {"amount": self.luck.choice(AMOUNTS)})

    def add_wallet(self) -> None:
        if all(path != "wallets/" for path, _body in self.asked.values()):
            self.begin("wallets/", {"network": "tron", "address": self.address})

    def ask_again(self) -> None:
        if self.asked:
            self.send(self.luck.choice([*(self.unheard or self.asked)]))

    @property
    def unheard(self) -> list[str]:
        return [key for key in self.asked if key not in self.answers]

    def reuse_key(self) -> None:
        """I13: a key that has made something makes nothing else."""
        made = [key for key, (status, _answer) in self.answers.items() if status == 201]
        if not made:
            return
        path, body = self.asked[key := self.luck.choice(made)]
        other = body | ({"amount": "9"} if path == "payouts/" else {"label": "Other"})
        status, answer = self.call("post", path, other, **{"Idempotency-Key": key})
        if status == 201:
            raise Broken(f"I13 {other} was asked for with key {key}, which was used: {answer}")
        self.world.note(f"{self.name}: uses key {key} for something else: {status or 'lost'}")

    def cancel(self) -> None:
        payouts = self.payouts_made()
        if payouts:
            status, answer = self.call("post", f"payouts/{self.luck.choice(payouts)}/cancel/", {})
            said = answer.get("code") if answer else ""
            self.world.note(f"{self.name}: cancels: {status or 'lost'} {said}")

    def payouts_made(self) -> list[str]:
        made = [answer for status, answer in self.answers.values() if status == 201]
        return [each["id"] for each in made if "amount" in each]

    # Reading

    def read_on(self) -> bool:
        """Read a page of the feed, and return whether there are more."""
        cursor = f"&after={self.after}" if self.after else ""
        size = self.luck.randint(1, 3) if self.world.acting else 50
        status, page = self.get(f"events/?page_size={size}{cursor}")
        if status != 200:
            return bool(cursor)
        self.read += page["results"]
        self.after = page["next"]
        if page["results"]:
            self.world.note(f"{self.name}: reads {[each['type'] for each in page['results']]}")
        return bool(page["has_more"])

    def look_elsewhere(self) -> None:
        """I16: nothing of another client is there."""
        for other in self.world.portals:
            theirs = other.payouts_made()
            if other is self or not theirs:
                continue
            for path in (f"payouts/{theirs[0]}/", f"payouts/?idempotency_key={theirs[0]}"):
                status, page = self.get(path)
                if status == 200 and page.get("results") != []:
                    raise Broken(f"I16 the {self.name} is shown {page}")

    # In the calm

    def hear_the_rest(self) -> None:
        for key in self.unheard:
            self.send(key)
            if key not in self.answers:
                raise Broken(f"I13 key {key} of the {self.name} is never answered")

    def shown(self) -> dict[str, str]:
        """Return the status of every payout of its client, as the API has it."""
        status, page = self.get("payouts/?page_size=200")
        if status != 200:
            raise Broken(f"I16 the {self.name} is answered {page}")
        return {each["id"]: each["status"] for each in page["results"]}
