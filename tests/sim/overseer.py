"""Judges what leaves by the policy in force, and who was given the right to approve.

It reads the policy's text, the staff and the payouts with SQL of its own, adds up by itself, and
compares what came about with what people were seen to do. None of the product's judges is asked.
"""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.sim.governors import RIGHT, WORTH
from tests.sim.stored import Broken, Event, Row, as_time, rows

if TYPE_CHECKING:
    from tests.sim.world import World

POWERFUL = {"Approver", "Operator", "Policy manager", "User manager"}
ENDS_ALL = {"edit", "hold", "release", "void", "retry", "reject", "cancel"}
BEGINS_ANEW = {"request", "edit", "retry", "release"}
ON_ITS_WAY = {"submitting", "broadcast"}
GOES = ON_ITS_WAY | {"pending", "held", "approved"}
BY_ITSELF = {"void": "is sent back", "wait": "waits", "hold": "is set aside", "approve": "may go"}
UNIT = Decimal("0.00000001")


class Given(NamedTuple):
    """An approval that was seen."""

    at: datetime
    until: datetime


class Holder(NamedTuple):
    """What a person holds."""

    is_active: bool
    is_superuser: bool
    groups: frozenset[str]

    @property
    def powers(self) -> frozenset[str]:
        """What of it decides about money or rights."""
        return self.groups & POWERFUL if self.is_active else frozenset()

    @property
    def may_approve(self) -> bool:
        return self.is_active and (
            self.is_superuser or (RIGHT in self.groups and "User manager" not in self.groups)
        )


class Counted(NamedTuple):
    """A payout as limits and sums of a day count it."""

    id: object
    client: int
    currency: str
    amount: object
    status: str
    effective: str
    effective_amount: object
    effective_currency: str
    effective_at: object
    finished_at: object

    @property
    def worth(self) -> Decimal:
        return worth_of(self.currency, self.amount)

    @property
    def is_paid(self) -> bool:
        by_status = self.status == "confirmed" and not self.effective
        return by_status or self.effective in ("paid", "elsewhere")

    @property
    def left(self) -> Decimal:
        """What limits count of it."""
        if self.effective in ("paid", "elsewhere"):
            same = self.effective_currency in ("", self.currency)
            return worth_of(self.currency, self.effective_amount if same else self.amount)
        is_out = not self.effective and self.status in ON_ITS_WAY | {"confirmed"}
        return self.worth if is_out else Decimal(0)

    @property
    def at(self) -> datetime | None:
        """Since when it is paid."""
        if not self.is_paid:
            return None
        return as_time(self.effective_at if self.effective else self.finished_at)


def worth_of(currency: str, amount: Any) -> Decimal:
    return (Decimal(amount) * WORTH[currency]).quantize(UNIT, ROUND_HALF_EVEN)


class Overseer:
    def __init__(self, world: "World") -> None:
        self.world = world
        self.version, self.policy = 0, dict[str, Any]()
        self.holders: dict[int, Holder] = {}
        self.names: dict[str, int] = {}
        self.given: dict[object, dict[int, Given]] = defaultdict(dict)
        self.approved_at: dict[object, datetime] = {}
        self.sums: dict[object, Decimal] = {}  # of its client's day, at the last approval
        self.let_go: set[object] = set()
        # What people were about to do
        self.policies: dict[str, set[tuple[str, str]]] = {"drafts": set(), "confirms": set()}
        self.rights: dict[str, dict[str, set[str]]] = {
            "drafts": defaultdict(set),
            "confirms": defaultdict(set),
        }

    @property
    def trusts_clocks(self) -> bool:
        return not self.world.swarm.is_on("clock_jumps") and not self.world.clock.swing

    # Reported by those who govern, before they do it

    def drafts_policy(self, name: str, text: str) -> None:
        self.policies["drafts"].add((name, text))

    def confirms_policy(self, name: str, text: str) -> None:
        self.policies["confirms"].add((name, text))

    def drafts_right(self, name: str, whom: str) -> None:
        self.rights["drafts"][whom].add(name)

    def confirms_right(self, name: str, whom: str) -> None:
        self.rights["confirms"][whom].add(name)

    # After each step

    def look(self) -> None:
        """Read the policy in force and what everybody holds."""
        self.read_staff()
        self.read_policy()

    def read_policy(self) -> None:
        for number, text, drafter, confirmer in rows(
            "SELECT number, document, drafted_by_id, approved_by_id "
            "FROM payouts_controls_policyversion WHERE number > %s ORDER BY number",
            self.version,
        ):
            self.version, self.policy = number, json.loads(text)
            if number > 1:
                self.judge_version(number, text, drafter, confirmer)

    def judge_version(self, number: int, text: str, drafter: int, confirmer: int) -> None:
        """One person was seen to draft just this, and another one to confirm it."""
        people = {self.names.get(name, 0): name for name in self.names}
        pair = people.get(drafter, ""), people.get(confirmer, "")
        is_drafted = (pair[0], text) in self.policies["drafts"]
        is_confirmed = (pair[1], text) in self.policies["confirms"]
        if drafter == confirmer or not (is_drafted and is_confirmed):
            raise Broken(f"G63 version {number} is in force by {pair}, who did not both do it")

    def read_staff(self) -> None:
        groups, flags = defaultdict(set), {}
        for person, name, is_active, is_superuser, group in rows(
            "SELECT u.id, u.username, u.is_active, u.is_superuser, g.name FROM auth_user u "
            "LEFT JOIN auth_user_groups ug ON ug.user_id = u.id "
            "LEFT JOIN auth_group g ON g.id = ug.group_id ORDER BY u.id, g.name"
        ):
            self.names[name] = person
            groups[person] |= {group} - {None}
            flags[person] = bool(is_active), bool(is_superuser)
        before, self.holders = (
            self.holders,
            {person: Holder(*flags[person], frozenset(groups[person])) for person in flags},
        )
        for name, person in self.names.items():
            if before and before[person] != self.holders[person]:
                self.judge_change(name, before[person], self.holders[person])

    def judge_change(self, name: str, before: Holder, now: Holder) -> None:
        """What somebody approved before does not count any more; what they gained, one person was
        seen to draft and another one to confirm, who does not gain by it."""
        if self.trusts_clocks:  # it goes by the times of both
            for some in self.given.values():
                some.pop(self.names[name], None)
        if not now.powers - before.powers:
            return
        drafters = self.rights["drafts"].pop(name, set())
        seconds = self.rights["confirms"].pop(name, set()) - {name}
        if not any(one != other for one in drafters for other in seconds):
            raise Broken(f"G46 {name} may approve by the word of {drafters | seconds} alone")

    # Events of payouts

    def note(self, payout: Row, event: Event) -> None:
        """Write down who approved what, before it is judged, and what the policy did by itself."""
        now = self.world.clock.now()
        if words := BY_ITSELF.get(event.event_type, "") if event.person is None else "":
            self.world.note(f"P-{payout.number} {words}: {event.code}")
        if event.event_type in ENDS_ALL:
            self.given.pop(payout.id, None)
        if event.event_type in BEGINS_ANEW:
            self.let_go.discard(payout.id)
        if event.event_type == "release":
            self.let_go.add(payout.id)
        if event.event_type == "undo":
            self.given[payout.id].pop(event.person or 0, None)
        if event.event_type == "approve":
            hours = timedelta(hours=self.policy["values"]["approvals_last_hours"])
            starts = max(now, as_time(payout.pay_from)) if payout.pay_from else now
            if event.person:
                self.given[payout.id][event.person] = Given(now, starts + hours)
            self.approved_at[payout.id] = now
            self.sums[payout.id] = self.day_of(payout)

    def day_of(self, payout: Row) -> Decimal:
        """What a client's payouts come to that wait, are under way, or were paid within a day."""
        since = self.world.clock.now() - timedelta(hours=24)
        own = [each for each in counted() if each.client == payout.client]
        return sum(
            (each.worth for each in own if each.status in GOES or (each.at and each.at > since)),
            Decimal(0),
        )

    # What leaves

    def judge(self, payout: Row, act: str, makers: set[int | None]) -> None:
        """I2, I12: what is sent may be, by the policy that is in force now."""
        what = f"P-{payout.number}: {act} under version {self.version}"
        fired = [each for each in self.policy["rules"] if self.fires(each, payout)]
        effects = {each["effect"]: each["name"] for each in fired}
        if not fired:
            raise Broken(f"I2 {what}, no rule of which is for it")
        if "block" in effects:
            raise Broken(f"I2 {what}, though “{effects['block']}” blocks it")
        if "hold" in effects and payout.id not in self.let_go:
            raise Broken(f"I2 {what}, though “{effects['hold']}” sets it aside")
        people = self.approvers(payout, makers)
        if not self.are_enough(people, fired):
            raise Broken(f"I2 {what}, which asks for more than {sorted(people)}")
        delay = timedelta(seconds=self.policy["values"]["delay_seconds"])
        is_early = self.world.clock.now() < self.approved_at[payout.id] + delay
        if is_early and self.trusts_clocks:
            raise Broken(f"I2 {what} before its time to undo is over")
        if act == "claim" and (reached := self.passed(payout)):
            raise Broken(f"I12 {what} passes {reached}")

    def fires(self, rule: dict[str, Any], payout: Row) -> bool:
        asked = rule.get("if", {})
        if asked.keys() - {"networks", "clients", "amounts"}:
            raise ValueError(f"nobody has said what {rule} means")
        sizes = {
            "payout": worth_of(payout.currency, payout.amount),
            "client_day": self.sums.get(payout.id, Decimal(0)),
        }
        return (
            payout.network in asked.get("networks", [payout.network])
            and external_id(payout) in asked.get("clients", [external_id(payout)])
            and all(
                sizes[measure] > Decimal(bounds.get("above", -1))
                and sizes[measure] <= Decimal(bounds.get("up_to", "Infinity"))
                for measure, bounds in asked.get("amounts", {}).items()
            )
        )

    def approvers(self, payout: Row, makers: set[int | None]) -> set[int]:
        """Whose approval counts now: seen, not over, by somebody who may still and is no maker."""
        now = self.world.clock.now()
        return {
            person
            for person, given in self.given[payout.id].items()
            if self.holders[person].may_approve
            and person not in makers
            and (given.until > now or not self.trusts_clocks)
        }

    def are_enough(self, people: set[int], fired: list[dict[str, Any]]) -> bool:
        """Each place of a group is taken by somebody of it, nobody takes two, and all together are
        as many as anybody asks for."""
        asked: dict[str, int] = defaultdict(int)
        for rule in fired:
            if rule["effect"] == "require":
                group = rule.get("group", "")
                asked[group] = max(asked[group], rule["count"])
        anyone = asked.pop("", 0)
        places = [group for group, count in asked.items() for _ in range(count)]
        return len(people) >= anyone and any(
            all(
                group in self.holders[each].groups for group, each in zip(places, some, strict=True)
            )
            for some in permutations(people, len(places))
        )

    # Limits

    def passed(self, payout: Row) -> str:
        """Return a limit that what has left passes, the payout included."""
        amount = worth_of(payout.currency, payout.amount)
        for each in self.limits_of(payout):
            used = amount if each["of"] == "payout" else self.used(each, payout)
            if used > Decimal(each["at_most"]):
                return f"{each} with {used}"
        return ""

    def holds_up(self, payout: Row) -> bool:
        """Whether a limit leaves no place for what waits for one. A day's hours count whole."""
        amount = worth_of(payout.currency, payout.amount)
        return any(
            amount > Decimal(each["at_most"])
            or (
                each["of"] != "payout"
                and amount + self.used(each, payout, more=1) > Decimal(each["at_most"])
            )
            for each in self.limits_of(payout)
        )

    def limits_of(self, payout: Row) -> list[dict[str, Any]]:
        """Those that are for it: its client's own takes the place of that for all clients."""
        names = {"client": external_id(payout), "currency": payout.currency}
        found = [
            each
            for each in self.policy["limits"]
            if each.get("only", "") in ("", names.get(each["of"], ""))
        ]
        own = {each["hours"] for each in found if each["of"] == "client" and each.get("only")}
        return [
            each
            for each in found
            if each["of"] != "client" or each.get("only") or each["hours"] not in own
        ]

    def used(self, limit: dict[str, Any], payout: Row, more: int = 0) -> Decimal:
        """What is under way, and what was paid in the last hours; that only by a clock that does
        not jump."""
        since = self.world.clock.now() - timedelta(hours=limit["hours"] + more)
        same = {
            "desk": lambda _each: True,
            "client": lambda each: each.client == payout.client,
            "currency": lambda each: each.currency == payout.currency,
        }[limit["of"]]
        return sum(
            (
                each.left
                for each in counted()
                if same(each) and (each.at is None or (self.trusts_clocks and each.at > since))
            ),
            Decimal(0),
        )

    def judge_wait(self, payout: Row) -> None:
        """I11: what waits for a limit would pass one."""
        if self.trusts_clocks and not self.holds_up(payout):
            raise Broken(f"I11 P-{payout.number} waits for a limit, and none is reached")


def external_id(payout: Row) -> str:
    [(found,)] = rows("SELECT external_id FROM wallets_client WHERE id = %s", payout.client)
    return str(found)


def counted() -> list[Counted]:
    return [
        Counted(*each)
        for each in rows(
            "SELECT id, client_id, currency, amount, status, effective, "
            "effective_amount, effective_currency, effective_at, finished_at "
            "FROM payouts_payout ORDER BY number"
        )
    ]
