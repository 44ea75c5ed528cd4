"""Judges the books: what is written stays, and what Heleket has is ours, or a difference that
people were shown, once.

It goes by Heleket's own ledger and by the tables as they are stored, with SQL of its own.
"""

import json
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

import heleket
from audit import clock
from heleket.sandbox.lives import FAILURES
from heleket.sandbox.records import Payout
from payouts.books import balance_proof, readings
from payouts.days import DAY, day_of
from tests.sim.clock import START
from tests.sim.stored import Broken, rows
from tests.sim.treasury import IN_AND_OUT

if TYPE_CHECKING:
    from tests.sim.world import World

# What is never changed of each table that only grows: all of it, or these columns.
KEPT: dict[str, list[str]] = {
    "payouts_payoutevent": [],
    "audit_deskevent": [],
    "wallets_walletevent": [],
    "payouts_statement": [],
    "payouts_payoutmaker": [],
    "payouts_approval": [
        *("payout_id", "person_id", "decided_at", "decision", "digest", "policy_version"),
        *("statement_id", "expires_at"),
    ],
    "payouts_attempt": [
        *("payout_id", "generation", "order_id", "gateway_host", "merchant_id", "body"),
        "created_at",
    ],
    "payouts_webhookdelivery": ["digest", "body", "outcome", "order_id"],
    "payouts_discrepancy": ["kind", "key", "ours", "first_seen_at", "opened_at"],
    "payouts_controls_policyversion": ["number", "document"],
    "payouts_entry": [],
    "payouts_posting": [],
}
# What stands in the journal while a payout is so, each time its amount.
BY_STATUS = {
    "approved": "owed",
    "submitting": "reserved",
    "broadcast": "reserved",
    "confirmed": "sent",
}
AFTER_ALL = {"paid": "sent", "elsewhere": "sent", "not_paid": ""}
ENDED = ["closed_at", "closed_by_id", "proposed_by_id", "outcome", "close_reason"]
FOREIGN = "foreign"


class Difference(NamedTuple):
    """A discrepancy as it is stored."""

    id: int
    kind: str
    key: str
    payout: object
    attempt: int | None
    theirs: str
    outcome: str
    closed_by: int | None
    proposed_by: int | None

    @property
    def facts(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.theirs)
        return found


class Standing(NamedTuple):
    """What a payout is, as the journal has to have it."""

    id: object
    number: int
    status: str
    currency: str
    amount: object
    effective: str
    effective_amount: object
    effective_currency: str

    @property
    def kind(self) -> str:
        by_status = BY_STATUS.get(self.status, "")
        return AFTER_ALL[self.effective] if self.effective else by_status

    @property
    def position(self) -> dict[tuple[str, str], Decimal]:
        """What clients are owed, what is on its way, and what was sent, fees apart."""
        coin, amount = self.currency, self.amount
        if self.effective:
            coin, amount = self.effective_currency or coin, self.effective_amount
        return {(self.kind, coin): Decimal(str(amount))} if self.kind and amount else {}


class Owned(NamedTuple):
    """A try that has an id of Heleket's."""

    id: int
    order_id: str
    uuid: str
    status: str
    is_final: bool
    cost: object
    fee: object
    payout: object

    @property
    def names_fee(self) -> bool:
        """Whether an answer said it: by itself, or by what was taken in all. One may be odd."""
        return self.cost is not None or self.fee is not None

    @property
    def has_failed(self) -> bool:
        return bool(self.is_final) and self.status in FAILURES


class Auditor:
    def __init__(self, world: "World") -> None:
        self.world, self.gateway = world, world.gateway
        self.kept: dict[str, dict[object, tuple]] = {}
        self.last_foreign = self.last_posting = 0
        self.posted: dict[object, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.read: dict[str, list[tuple[datetime, int]]] = defaultdict(list)

    # What is written stays

    def check_kept(self) -> None:
        """I17: what was there is there as it was."""
        for table, columns in self.tables.items():
            names = ", ".join(columns) or "*"
            found = rows(f"SELECT id, {names} FROM {table}")
            self.compare_kept(table, {row[0]: row for row in found})
        ended = rows(
            f"SELECT id, {', '.join(ENDED)} FROM payouts_discrepancy WHERE closed_at IS NOT NULL"
        )
        self.compare_kept("ends of discrepancies", {row[0]: row for row in ended})

    def compare_kept(self, table: str, now: dict[object, tuple]) -> None:
        before, self.kept[table] = self.kept.get(table, {}), now
        for key, row in before.items():
            if now.get(key) != row:
                raise Broken(f"I17 row {key} of {table} was {row}, and is {now.get(key)}")

    @cached_property
    def tables(self) -> dict[str, list[str]]:
        there = set(connection.introspection.table_names())
        return {table: columns for table, columns in KEPT.items() if table in there}

    # The journal

    def judge_journal(self) -> None:
        """G67: what is owed, on its way and sent stands there as status and `effective` say, and
        what Heleket took for its fee was sent as well."""
        for number, payout, kind, side, coin, amount in rows(
            "SELECT payouts_posting.id, payout_id, payouts_posting.kind, side, currency, amount "
            "FROM payouts_posting JOIN payouts_entry ON entry_id = payouts_entry.id "
            "WHERE payouts_posting.id > %s ORDER BY payouts_posting.id",
            self.last_posting,
        ):
            self.last_posting = number
            sign = 1 if side == "credit" else -1
            self.posted[payout][kind, coin] += sign * Decimal(str(amount))
        for each in standing():
            found = self.posted[each.id]
            if sum(found.values()):
                raise Broken(f"G67 the postings of P-{each.number} do not balance: {found}")
            stands = {key: found[key] for key in found if key[0] in ("owed", "reserved", "sent")}
            for kind, coin in [key for key in stands if key[0] == "sent"]:
                stands[kind, coin] += found["fees", coin]
            stands = {key: amount for key, amount in stands.items() if amount}
            if stands != each.position:
                raise Broken(f"G67 P-{each.number} is {each.kind}, the journal has {dict(found)}")

    def judge_sent(self, owned: dict[str, Owned], by_try: dict[str, list[Difference]]) -> None:
        """I10: what the journal has as sent is what Heleket took for what nobody differs about."""
        sent, cost = Counter[tuple[object, str]](), Counter[tuple[object, str]]()
        for payout, found in self.posted.items():
            sent.update(
                {(payout, coin): found[kind, coin] for kind, coin in found if kind == "sent"}
            )
        doubtful = {each.payout for each in self.differences() if each.kind != FOREIGN}
        for each in owned.values():
            remote = self.gateway.find_uuid(each.uuid)
            if remote and is_alive(remote):
                known = remote.merchant_amount if each.names_fee else remote.amount
                cost[each.payout, remote.debit_currency] += known
        for key in sent.keys() | cost.keys():
            if sent[key] != cost[key] and key[0] not in doubtful:
                raise Broken(f"I10 the journal has {sent[key]} sent of {key}, Heleket {cost[key]}")

    # Differences

    def look(self) -> None:
        """I19: nothing is called foreign that one of our tries has asked for."""
        for found in self.differences(f"kind = '{FOREIGN}' AND id > {self.last_foreign}"):
            self.last_foreign = found.id
            self.world.note(f"Heleket has a payout that is none of ours: {found.key[:8]}")
            remote = self.gateway.find_uuid(found.key)
            if remote is None:
                raise Broken(f"I19 {found.key} is called foreign, and Heleket has no such payout")
            tries = self.world.oracle.tries
            asked = [each for each in tries.values() if remote.order_id == each.order_id]
            if asked or any(each.uuid == found.key for each in tries.values()):
                raise Broken(f"I19 {remote.order_id} is called foreign, and we asked for it")

    def check_end(self) -> None:
        """I10, I19: all that Heleket has paid for is ours, or was there before us, or is a
        difference that people were shown once and ended by name."""
        self.find_twice()
        if "payouts_gateway_baselinerow" not in connection.introspection.table_names():
            return
        owned = {each.uuid: each for each in self.owned()}
        shown = {each.key: each for each in self.differences() if each.kind == FOREIGN}
        by_try = self.by_try()
        taken, explained = Counter[str](), Counter[str]()
        for entry in self.gateway.ledger:
            if entry.uuid:
                taken[entry.currency] -= entry.delta
        for remote in self.gateway.payouts:
            place = self.place_of(remote, owned, shown, by_try)
            if is_alive(remote) or (place == "ours" and not owned[remote.uuid].has_failed):
                explained[remote.debit_currency] += self.cost_of(remote, owned, by_try)
        if strip(taken) != strip(explained):
            raise Broken(f"I10 Heleket took {strip(taken)}, and we know of {strip(explained)}")
        self.judge_sent(owned, by_try)
        self.judge_balances()

    def place_of(
        self,
        remote: Payout,
        owned: dict[str, Owned],
        shown: dict[str, Difference],
        by_try: dict[str, list[Difference]],
    ) -> str:
        """I19: where it stands in our books; just one place is right."""
        is_linked = remote.uuid in shown and shown[remote.uuid].outcome == "linked"
        places = [
            name
            for name, is_there in [
                ("ours", remote.uuid in owned),
                ("before us", remote.uuid in self.baseline),
                ("foreign", remote.uuid in shown and not is_linked),
            ]
            if is_there
        ]
        if not places and by_try.get(remote.order_id or ""):
            return "differs"
        if places == ["ours", "foreign"] and remote.uuid in self.world.lost_there:
            return "ours"  # asked for, and forgotten by what was put back, and asked for again
        if len(places) != 1:
            raise Broken(f"I19 {remote.uuid} ({remote.order_id}, {remote.status}) is {places}")
        return places[0]

    def cost_of(
        self, remote: Payout, owned: dict[str, Owned], by_try: dict[str, list[Difference]]
    ) -> Decimal:
        """I10: what we know it cost: Heleket's own word where the try has it."""
        mine = owned.get(remote.uuid)
        if mine is None:
            return remote.merchant_amount
        if mine.has_failed == is_alive(remote):
            if not by_try.get(mine.order_id):
                raise Broken(f"I10 {mine} is not what Heleket has: {remote.status}")
            return remote.merchant_amount if is_alive(remote) else Decimal(0)
        return remote.merchant_amount if mine.cost is None else Decimal(str(mine.cost))

    def find_twice(self) -> None:
        """I19: what people ended never opens again on the same facts, and nothing is open twice."""
        by_key = defaultdict(list)
        for each in self.differences():
            by_key[each.kind, each.key].append(each)
        for (kind, key), some in by_key.items():
            for before, after in pairwise(some):
                if not before.outcome:
                    raise Broken(f"I19 {kind} of {key} is open twice")
                if before.outcome != "left" and agree(before.facts, after.facts):
                    raise Broken(f"I19 {kind} of {key} opened again on {after.theirs}")
        for each in self.differences():
            if each.outcome and each.closed_by is None:
                raise Broken(f"I19 nobody ended {each}")
            if each.kind == FOREIGN and each.outcome and each.proposed_by is None:
                raise Broken(f"I19 one person alone ended {each}")

    # The balance

    def read_balances(self) -> None:
        """Let the desk keep what it has at Heleket now, without a call: faults strike those."""
        found = [
            heleket.Balance(owner="merchant", currency=coin, amount=amount)
            for coin, amount in sorted(self.gateway.balances.items())
            if coin in IN_AND_OUT
        ]
        for each in readings.keep(found, asked_at=clock.now()):
            if each.is_clear:
                self.read[each.currency].append((each.at, len(self.gateway.ledger)))

    def judge_balances(self) -> None:
        """I10: what the books call unexplained is what moved the balance and was no payout of ours,
        to the last unit. A coin that people were asked about is left out."""
        self.read_balances()
        mine = {each.uuid for each in self.owned()}
        asked_about = self.coins_in_doubt()
        periods = balance_proof.of_span(day_of(START) - DAY, day_of(clock.now())).periods
        for coin, read in self.read.items():
            first, last = read[0], read[-1]
            found = [each for each in periods if each.currency == coin]
            is_read = found and (found[0].opening.at, found[-1].latest.at) == (first[0], last[0])
            if not is_read or coin in asked_about or any(each.unpriced for each in found):
                continue
            others = [
                each.delta
                for each in list(self.gateway.ledger)[first[1] : last[1]]
                if each.currency == coin and each.uuid not in mine
            ]
            rest = sum(each.rest for each in found)
            self.world.note(f"the books have {rest:f} {coin} to be explained")
            if rest != sum(others):
                raise Broken(f"I10 the books have {rest} {coin} to be explained, not {sum(others)}")

    def coins_in_doubt(self) -> set[str]:
        return {
            coin
            for (coin,) in rows(
                "SELECT DISTINCT payout.currency FROM payouts_discrepancy AS found "
                "JOIN payouts_payout AS payout ON payout.id = found.payout_id "
                f"WHERE found.kind != '{FOREIGN}'"
            )
        }

    # What is stored

    def differences(self, which: str = "1 = 1") -> list[Difference]:
        return [
            Difference(*each)
            for each in rows(
                "SELECT id, kind, key, payout_id, attempt_id, theirs, outcome, closed_by_id, "
                f"proposed_by_id FROM payouts_discrepancy WHERE {which} ORDER BY id"
            )
        ]

    def by_try(self) -> dict[str, list[Difference]]:
        tries = dict(rows("SELECT id, order_id FROM payouts_attempt"))
        found = defaultdict(list)
        for each in self.differences():
            if each.attempt is not None:
                found[tries[each.attempt]].append(each)
        return found

    def explained(self) -> set[str]:
        """Heleket's ids of what people took for none of ours."""
        return {each.key for each in self.differences("outcome = 'explained'")}

    def owned(self) -> list[Owned]:
        return [
            Owned(*each)
            for each in rows(
                "SELECT id, order_id, uuid, remote_status, is_final, merchant_amount, commission, "
                "payout_id FROM payouts_attempt WHERE uuid IS NOT NULL ORDER BY id"
            )
        ]

    @cached_property
    def baseline(self) -> set[str]:
        return {uuid for (uuid,) in rows("SELECT uuid FROM payouts_gateway_baselinerow")}


def standing() -> list[Standing]:
    return [
        Standing(*each)
        for each in rows(
            "SELECT id, number, status, currency, amount, effective, effective_amount, "
            "effective_currency FROM payouts_payout ORDER BY number"
        )
    ]


def is_alive(remote: Payout) -> bool:
    """Whether Heleket has taken money for it and not given it back."""
    return not (remote.is_final and remote.status in FAILURES)


def agree(some: dict[str, object], others: dict[str, object]) -> bool:
    return all(some[name] == others[name] for name in some.keys() & others.keys())


def strip(sums: Counter[str]) -> dict[str, Decimal]:
    return {coin: Decimal(amount).normalize() for coin, amount in sums.items() if amount}
