"""Judges each step by Heleket's own ledger and by our rows as they are stored, never by our words.

It reads the tables with SQL of its own and remembers what was approved, so that a mistake in the
code it judges does not blind it. The names of the promises are those of docs/faults.md.
"""

import json
from collections import Counter, defaultdict
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from requests import PreparedRequest

import heleket
from heleket.sandbox.faults import CREATE
from heleket.sandbox.records import Payout
from payouts import guard
from payouts.controls.models import Scope
from payouts.models import PayoutStatus
from tests.payouts.invariants import check_invariants, drawn, is_alive
from tests.sim import restores
from tests.sim.auditor import Auditor
from tests.sim.governors import PASSED_OVER_HOURS
from tests.sim.overseer import Overseer
from tests.sim.stored import Broken, Event, Row, Try, as_time, rows

if TYPE_CHECKING:
    from tests.sim.portals import Portal
    from tests.sim.world import World

UNDER_WAY = {PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST}
LENGTH, GENERATION = 32, 2  # of an order id of ours, and of the number of the try at its end
LATE = 1800  # seconds: so long after an earlier try came to Heleket the desk has asked about it
# What it has read in the database. The rest it saw happen in the world.
OF_THE_DATABASE = ["payouts", "tries", "last_event", "approved", "makers", "last_desk_event"]
APPROVAL_ENDS = {"edit", "hold", "release", "void", "retry", "reject", "cancel"}


def without_world(judge: object) -> dict[str, Any]:
    return {name: each for name, each in vars(judge).items() if name not in ("world", "gateway")}


def is_create(request: PreparedRequest) -> bool:
    return str(request.url).endswith(CREATE)


class Oracle:
    def __init__(self, world: "World") -> None:
        self.world, self.gateway = world, world.gateway
        self.overseer, self.auditor = Overseer(world), Auditor(world)
        self.payouts: dict[object, Row] = {}
        self.tries: dict[str, Try] = {}
        self.last_event = 0
        self.version = self.writes = -1
        self.approved: dict[object, tuple[object, ...]] = {}
        self.makers: dict[object, set[int | None]] = defaultdict(set)
        self.called_at: dict[object, float] = {}
        self.left_at: dict[str, float] = {}  # the last call of each order id
        self.lease_ends: dict[str, float] = {}
        self.nothing_is_out = False
        self.quiet: set[Scope] = set()  # of these no call was out when they were stopped
        self.last_desk_event = 0
        self.approved_before: set[object] = set()  # in a copy that was put back
        self.heard: dict[str, set[tuple[str, bool]]] = defaultdict(set)

    # Reported by the wire

    def call_begins(self, request: PreparedRequest) -> None:
        """I14: it has the time for it, and begins before sending is paused, or with a call out."""
        if not is_create(request):
            return
        self.look()
        order_id, now = json.loads(request.body)["order_id"], self.world.clock.monotonic()
        self.called_at[self.tries[order_id].payout] = now
        if now + self.world.account.timeout > self.lease_ends[order_id] + 0.001:
            raise Broken(f"I14 the call of {order_id} may last longer than its lease")
        if self.nothing_is_out and not self.sending_is_on():
            raise Broken(f"I14 {order_id} is sent, though sending was paused with no call out")
        if stopped := self.quiet & self.stops_of(self.payouts[self.tries[order_id].payout]):
            raise Broken(f"I14 {order_id} is sent, though {stopped} was paused with no call out")

    def request_leaves(self, request: PreparedRequest) -> None:
        """I1, I2, I7, I15: what leaves was committed and approved, byte for byte, and not ended."""
        if connection.in_atomic_block:
            raise Broken("I1 Heleket is called inside a transaction")
        if not is_create(request):
            return
        self.look()
        sent = json.loads(request.body)
        attempt = self.tries.get(sent["order_id"])
        if attempt is None or attempt.body.encode() != request.body:
            raise Broken(f"I1 bytes that are not stored leave: {request.body!r}")
        payout = self.payouts[attempt.payout]
        if restores.has_to_wait(self.world):
            raise Broken(f"G52 {attempt.order_id} leaves before the restore was put right")
        self.judge_later_try(attempt)
        if attempt.generation == payout.generation:
            terms = (sent["currency"], Decimal(sent["amount"]), sent["network"], sent["address"])
            stored = (payout.currency, Decimal(payout.amount), payout.network, payout.address)
            if terms != stored or sent.get("memo", "") != payout.memo:
                raise Broken(f"I15 P-{payout.number} is {stored}, but {terms} leaves")
            if self.approved.get(payout.id) != payout.terms:
                raise Broken(f"I2 P-{payout.number} leaves in other terms than were approved")
        if payout.status not in UNDER_WAY | {PayoutStatus.CONFIRMED, PayoutStatus.FAILED}:
            raise Broken(f"I7 a call leaves for P-{payout.number}, which is {payout.status}")

    def judge_later_try(self, attempt: Try) -> None:
        """I1: a later try leaves a quiet time after the last call of each earlier one, not while
        Heleket has had that for some time."""
        world, now = self.world, self.world.clock.monotonic()
        for each in self.tries.values():
            if each.payout != attempt.payout or each.generation >= attempt.generation:
                continue
            remote, left_at = self.gateway.find(each.order_id), self.left_at.get(each.order_id)
            quiet = world.account.quiet - world.clock.swing.total_seconds()
            if remote is None and left_at is not None and now - left_at < quiet:
                raise Broken(f"I1 {attempt.order_id} leaves at once after {each.order_id}")
            age = (self.gateway.now() - remote.created_at).total_seconds() if remote else 0
            if is_alive(remote) and age > LATE and not world.clock.swing:
                raise Broken(f"I1 {attempt.order_id} leaves, but Heleket has {each.order_id}")
        self.left_at[attempt.order_id] = now

    def hears(self, order_id: str, remote: heleket.RemotePayout) -> None:
        self.heard[order_id].add((remote.status, remote.is_final))

    # Reported by whoever paused

    def sending_is_paused(self, calls_out: int) -> None:
        """I14: from now on nothing leaves, if no call was out. A lease by a clock that jumps tells
        nothing of that."""
        is_quiet = calls_out == 0 and not self.world.swarm.is_on("clock_jumps")
        self.nothing_is_out = is_quiet and not self.sending_is_on()

    def is_paused(self, scope: Scope, calls_out: int) -> None:
        """I14: the same of less than all."""
        if calls_out == 0 and not self.world.swarm.is_on("clock_jumps"):
            self.quiet.add(scope)

    def stops_of(self, payout: Row) -> set[Scope]:
        """What is off of less than all and stops this payout."""
        off = rows(
            "SELECT network, currency, client_id FROM payouts_controls_switch "
            "WHERE NOT is_on AND id <> 1"
        )
        has = (payout.network, payout.currency, payout.client)
        return {
            Scope(*of)
            for of in off
            if all(not mine or mine == theirs for mine, theirs in zip(of, has, strict=True))
        }

    def judge_guard(self) -> None:
        """What the guard pauses for is newer than the last resume."""
        for number, event_type, person, code in rows(
            "SELECT number, event_type, person_id, reason_code FROM audit_deskevent "
            "WHERE number > %s ORDER BY number",
            self.last_desk_event,
        ):
            self.last_desk_event = number
            if event_type == "pause" and person is None:
                self.world.note(f"the guard pauses: {code}")
                if code == "guard_differences" and not self.world.swarm.is_on("clock_jumps"):
                    self.judge_differences(number)

    def judge_differences(self, number: int) -> None:
        count = rows(
            "SELECT COUNT(DISTINCT payout_id) FROM payouts_discrepancy WHERE opened_at > "
            "COALESCE((SELECT MAX(at) FROM audit_deskevent WHERE number < %s "
            "AND event_type = 'resume' AND data NOT LIKE '%%\"currency\"%%' "
            "AND data NOT LIKE '%%\"network\"%%' AND data NOT LIKE '%%\"client\"%%'), "
            "'1970-01-01')",
            number,
        )[0][0]
        if count < guard.bounds_in_force().discrepancies_per_hour:
            raise Broken(f"G68 the guard paused for {count} differences since the last resume")

    def sending_is_on(self) -> bool:
        return bool(rows("SELECT 1 FROM payouts_controls_switch WHERE is_on"))

    # Around a restore

    def memory(self) -> list[dict[str, Any]]:
        """Return what it knows of the database, to go back to."""
        mine = {name: getattr(self, name) for name in OF_THE_DATABASE}
        others = [without_world(each) for each in (self.overseer, self.auditor)]
        return deepcopy([mine, *others])

    def go_back(self, memory: list[dict[str, Any]], since: float) -> None:
        """The database is as it was then, and so is what was read in it. What Heleket has, and when
        it was called and said what, stays: of the calls since then the desk knows nothing."""
        for each, known in zip((self, self.overseer, self.auditor), memory, strict=True):
            vars(each).update(deepcopy(known))
        self.gateway.forgotten |= {order_id for order_id, at in self.left_at.items() if at >= since}
        self.writes = self.version = -1
        self.nothing_is_out, self.quiet = False, set()
        self.heard.clear()
        self.approved_before = set(self.approved)

    # After each step

    def check(self) -> None:
        """Look at what the step did. Raises Broken."""
        if connection.in_atomic_block:
            raise Broken("I1 a transaction was left open")
        if self.world.swarm.has_stops:
            self.judge_guard()
        has_changed = self.look()
        if self.world.swarm.has_books:
            self.auditor.look()
        if has_changed or self.gateway.version != self.version:
            self.version = self.gateway.version
            self.compare_with_heleket()

    def check_all(self) -> None:
        """Every promise over every row."""
        self.auditor.check_kept()
        try:
            check_invariants(self.gateway, clock_jumped=bool(self.world.clock.swing))
        except AssertionError as exc:
            raise Broken(str(exc)) from None

    def look(self) -> bool:
        """Read what changed and judge each event; return whether anything did."""
        writes = getattr(connection.connection, "total_changes", None)  # SQLite's
        if writes is not None and writes == self.writes:
            return False
        self.writes = writes
        if self.world.swarm.has_rules:
            self.overseer.look()
        stored = rows(
            "SELECT id, number, status, last_event, generation, waiting_for, due_at, "
            "client_id, wallet_id, currency, amount, network, address, memo, pay_from "
            "FROM payouts_payout ORDER BY number"
        )
        before, self.payouts = self.payouts, {each[0]: Row(*each) for each in stored}
        self.auditor.judge_journal()
        if before == self.payouts:
            return False
        self.read_tries()
        events = defaultdict(list)
        for each in rows(
            "SELECT id, payout_id, number, event_type, from_status, to_status, person_id, "
            "reason_code FROM payouts_payoutevent WHERE id > %s ORDER BY id",
            self.last_event,
        ):
            event = Event(*each)
            events[event.payout].append(event)
            self.last_event = event.id
        for payout in self.payouts.values():
            self.replay(before.get(payout.id), payout, events[payout.id])
        if self.world.swarm.funds_order:
            self.judge_funds(before, events)
        if self.world.swarm.has_rules:
            self.judge_waits(before)
        if self.world.portals:
            self.judge_answers()
        return True

    def judge_funds(self, before: dict[object, Row], events: dict[object, list[Event]]) -> None:
        """G39: of a coin that is short nothing goes before what is older, unless a person has it
        sent, or the policy lets it and that is noted. I12: what does fits the balance."""
        short = rows("SELECT currency FROM payouts_gateway_pause WHERE cause = 'funds'")
        for payout in self.payouts.values():
            was, types = before.get(payout.id), [each.event_type for each in events[payout.id]]
            if was is None or was.place is None or "claim" not in types:
                continue
            older = self.waiting_before(was)
            if (payout.currency,) not in short or not older or self.is_expedited(payout):
                continue
            if self.world.swarm.funds_order == "strict":
                raise Broken(f"G39 P-{payout.number} overtakes P-{older[0].number}")
            self.judge_passing(payout, older)

    def judge_waits(self, before: dict[object, Row]) -> None:
        """What a claim has just put off for a limit; who has it sent makes it due alone."""
        for payout in self.payouts.values():
            was = before.get(payout.id)
            is_new = was is None or (was.waiting_for, was.due_at) != payout[5:7]
            is_put_off = is_new and payout.waiting_for == "limit"
            if is_put_off and as_time(payout.due_at) > self.world.clock.now():
                self.overseer.judge_wait(payout)

    def waiting_before(self, was: Row) -> list[Row]:
        """What could go as well, stands in front of this one and waits on."""
        now, waits = self.world.clock.now(), ("worker", "funds", "gateway", "date")
        return [
            each
            for each in self.payouts.values()
            if (each.currency, each.waiting_for in waits) == (was.currency, True)
            and (each.place and each.place < was.place and each.place[0] <= now)
            and not self.stops_of(each)
            and not self.is_being_cancelled(each)
        ]

    def is_being_cancelled(self, payout: Row) -> bool:
        asked = "SELECT 1 FROM payouts_payout WHERE id = %s AND cancel_asked_at IS NOT NULL"
        return bool(rows(asked, payout.id))

    def is_expedited(self, payout: Row) -> bool:
        """Whether a person had it sent: their word is the event before the claim."""
        found = rows(
            "SELECT event_type FROM payouts_payoutevent WHERE payout_id = %s AND number < %s "
            "ORDER BY number DESC LIMIT 1",
            payout.id,
            payout.last_event,
        )
        return found == [("expedite",)]

    def judge_passing(self, payout: Row, older: list[Row]) -> None:
        noted = rows(
            "SELECT over_id FROM payouts_passing WHERE payout_id = %s ORDER BY id", payout.id
        )
        if missing := [each for each in older if (each.id,) not in noted]:
            raise Broken(f"G39 P-{payout.number} passes P-{missing[0].number} silently")
        self.world.note(f"P-{payout.number} goes before {len(older)}")
        [(amount, fetched_at)] = rows(
            "SELECT amount, fetched_at FROM payouts_gateway_balance WHERE currency = %s",
            payout.currency,
        )
        together = rows(
            "SELECT DISTINCT payouts_payout.id, amount FROM payouts_payout JOIN payouts_passing "
            "ON payout_id = payouts_payout.id WHERE currency = %s AND at >= %s",
            payout.currency,
            fetched_at,
        )
        if sum(Decimal(each) for _id, each in together) > Decimal(amount):
            raise Broken(f"I12 more than {amount} {payout.currency} goes before what is older")
        latest = self.world.clock.now() - timedelta(hours=PASSED_OVER_HOURS)
        for each in older:
            first = rows(
                "SELECT MIN(at) FROM payouts_passing JOIN payouts_payout ON over_id = "
                "payouts_payout.id WHERE over_id = %s AND at >= approved_at",
                each.id,
            )[0][0]
            if as_time(first) <= latest and not self.world.swarm.is_on("clock_jumps"):
                raise Broken(f"G39 P-{each.number} has been passed over since {first}")

    def judge_answers(self) -> None:
        """I13: what the API made is stored together with its answer, one for each key."""
        made = rows(
            "SELECT client_id, idempotency_key, id FROM payouts_payout WHERE origin = 'api'"
        )
        answered = rows(
            "SELECT client_id, 'api:' || key, payout_id FROM payouts_portal_apianswer "
            "WHERE payout_id IS NOT NULL"
        )
        if sorted(map(str, made)) != sorted(map(str, answered)):
            raise Broken(f"I13 the API made {made}, and answered {answered}")

    def read_tries(self) -> None:
        for each in rows(
            "SELECT payout_id, generation, order_id, body, uuid, released_at IS NOT NULL, "
            "watch_at IS NOT NULL, calls, "
            "lease_until, is_linked FROM payouts_attempt ORDER BY id"
        ):
            attempt = Try(*each)
            known = self.tries.get(attempt.order_id)
            if known and known.body != attempt.body:
                raise Broken(f"I17 the bytes of {attempt.order_id} were changed")
            if known is None or known.calls != attempt.calls:
                self.begin_lease(attempt)
            self.tries[attempt.order_id] = attempt

    def begin_lease(self, attempt: Try) -> None:
        clock = self.world.clock
        if attempt.lease_until is None:  # it was linked, and is never called
            return
        lasts = as_time(attempt.lease_until) - clock.now()
        self.lease_ends[attempt.order_id] = clock.monotonic() + lasts.total_seconds()

    def replay(self, before: Row | None, payout: Row, events: list[Event]) -> None:
        """I4, I8: the new events lead along the arrows from the status before to the one now."""
        status, number = (before.status, before.last_event) if before else ("pending", 0)
        for event in events:
            number += 1
            if (event.number, event.before) != (number, status):
                raise Broken(f"I4 P-{payout.number}: {event} does not follow {number - 1} {status}")
            if event.after not in drawn(event.event_type, event.before):
                raise Broken(f"I4 P-{payout.number} goes from {event.before} by {event.event_type}")
            status = event.after
        if (status, number) != (payout.status, payout.last_event):
            raise Broken(f"I4 P-{payout.number} is {payout.status}, its events say {status}")
        for event in events:
            self.judge(payout, event)

    def judge(self, payout: Row, event: Event) -> None:
        if event.event_type in APPROVAL_ENDS:
            self.approved.pop(payout.id, None)
            self.approved_before.discard(payout.id)
        if event.event_type in ("request", "edit"):
            self.makers[payout.id] |= {event.person or self.world.issuer, self.adder(payout)}
        if event.event_type == "retry":
            self.makers[payout.id].add(event.person)
        if event.event_type == "undo" and not self.standing(payout):
            self.approved.pop(payout.id, None)
        if event.event_type == "approve":
            if event.person in self.makers[payout.id]:
                raise Broken(f"I2 a maker of P-{payout.number} approved it")
            self.approved[payout.id] = payout.terms
        if self.world.swarm.has_rules:
            self.overseer.note(payout, event)
        if event.event_type in ("claim", "repeat"):
            self.judge_claim(payout, event.event_type)
        if event.event_type == "confirm":
            self.judge_final_word(payout)
        if event.event_type in ("withdraw", "fail") and not self.is_shown(payout):
            self.judge_release(payout)
        # The first of two approvals, and what else leaves it waiting: only an edit ends it.
        goes_on = (event.before, event.after) == ("pending", "pending")
        is_half = goes_on and event.event_type != "edit"
        if event.event_type == "undo":  # it ends the approval of who undoes theirs
            is_half = event.person not in self.standing(payout)
        if payout.status in ("pending", "held") and not is_half and self.standing(payout):
            raise Broken(
                f"I3 approvals of P-{payout.number} stand although it is {payout.status}, "
                f"after {event.event_type}"
            )

    def judge_claim(self, payout: Row, act: str) -> None:
        """I2, I3, I14 at the moment of the claim."""
        self.nothing_is_out = False
        is_early = payout.pay_from and as_time(payout.pay_from) > self.world.clock.now()
        if is_early and not self.world.swarm.is_on("clock_jumps"):
            raise Broken(f"I3 P-{payout.number}: {act} before {payout.pay_from}")
        if not self.sending_is_on():
            raise Broken(f"I14 P-{payout.number}: {act} while sending is paused")
        if stopped := self.stops_of(payout):
            raise Broken(f"I14 P-{payout.number}: {act} while {stopped} is paused")
        has = payout._asdict() | {"client_id": payout.client}
        self.quiet -= {
            each for each in self.quiet if each.columns.items() <= has.items()
        }  # it was resumed
        if payout.id in self.approved_before and restores.is_over(self.world):
            raise Broken(f"G52 P-{payout.number}: {act} by the approvals of an old copy")
        if self.approved.get(payout.id) != payout.terms:
            raise Broken(f"I3 P-{payout.number} is not what was approved: {payout.terms}")
        makers = self.makers[payout.id]
        if self.world.swarm.has_rules:
            self.overseer.judge(payout, act, makers)
            return
        people = User.objects.in_bulk(self.standing(payout)).values()
        may = [each for each in people if each.has_perm("payouts.approve_payout")]
        if not may or len(may) < len(people) or any(each.pk in makers for each in people):
            raise Broken(f"I2 P-{payout.number} : {act} on the approvals of {list(people)}")

    def standing(self, payout: Row) -> list[int]:
        found = rows(
            "SELECT person_id FROM payouts_approval WHERE payout_id = %s AND voided_at IS NULL "
            "AND decision = 'approved'",
            payout.id,
        )
        return [person for (person,) in found]

    def adder(self, payout: Row) -> int:
        [(person,)] = rows("SELECT added_by_id FROM wallets_wallet WHERE id = %s", payout.wallet)
        return person or self.world.issuer

    def judge_release(self, payout: Row) -> None:
        """I6: what Heleket does not know ends when no call of it can arrive any more. What the
        desk's clock has jumped it cannot know."""
        world, present = self.world, (payout.id, payout.generation)
        tries = [each for each in self.tries.values() if (each.payout, each.generation) == present]
        if payout.id not in self.called_at or not any(each.was_released for each in tries):
            return
        if any(each.order_id in self.gateway.forgotten for each in tries):
            return
        passed = world.clock.monotonic() - self.called_at[payout.id]
        if passed < world.account.release - world.clock.swing.total_seconds():
            raise Broken(f"I6 P-{payout.number} was released {passed:.0f} s after its last call")

    def judge_final_word(self, payout: Row) -> None:
        """I5: Heleket said so to our own call, and it is true of this payout."""
        [attempt] = [
            each
            for each in self.tries.values()
            if (each.payout, each.generation) == (payout.id, payout.generation)
        ]
        remote = self.remote_of(attempt)
        if remote is None or (remote.status, remote.is_final) != ("paid", True):
            raise Broken(f"I5 P-{payout.number} is confirmed, but Heleket has {remote}")
        if ("paid", True) not in self.heard[attempt.asked_by]:
            raise Broken(f"I5 P-{payout.number} is confirmed without an answer that says so")
        ours = (Decimal(payout.amount), payout.currency, payout.network, payout.address)
        if ours != (remote.amount, remote.currency, remote.network, remote.address):
            raise Broken(f"I5 P-{payout.number} is {ours}, but Heleket paid {remote}")

    def compare_with_heleket(self) -> None:
        """I1, I6, I7: Heleket has one living payout at most, none for what is not under way."""
        alive = defaultdict(list)
        for attempt in self.tries.values():
            # What was linked to one that had failed stands beside its final word.
            is_beside = attempt.is_linked and self.payouts[attempt.payout].status == "failed"
            if is_beside:
                continue
            if is_alive(self.remote_of(attempt)) and attempt.order_id not in self.gateway.forgotten:
                alive[attempt.payout].append(attempt)
        for payout_id, some in alive.items():
            payout = self.payouts[payout_id]
            # What a refusal hid for long is found late, and shown then: nobody could know.
            some = [each for each in some if not self.is_hidden(each, payout)] or some[:1]
            if len(some) > 1:
                raise Broken(f"I1 P-{payout.number} is paid twice: {[each[2] for each in some]}")
            [attempt] = some
            if self.is_hidden(attempt, payout):
                continue
            is_under_way = payout.status in UNDER_WAY | {PayoutStatus.CONFIRMED}
            is_present = is_under_way and attempt.generation == payout.generation
            if not is_present and not attempt.was_released and not self.is_shown(payout):
                raise Broken(
                    f"I6 I7 P-{payout.number} is {payout.status}, but Heleket has {attempt[2]}"
                )

        for held in self.gateway.held_requests:
            if held.request.fields["order_id"] in self.gateway.forgotten:
                continue
            attempt = self.tries[held.request.fields["order_id"]]
            payout, is_new = self.payouts[attempt.payout], self.gateway.find(attempt[2]) is None
            is_excused = attempt.was_released or self.is_hidden(attempt, payout)
            if is_new and payout.status not in UNDER_WAY and not is_excused:
                raise Broken(f"I6 P-{payout.number} is {payout.status}, but may still be paid")
        if self.gateway.forgotten:
            self.find_paid_again()

    def find_paid_again(self) -> None:
        """I1: what was forgotten with the past is not paid again, unless people took it for none of
        ours."""
        of_payout = defaultdict(list)
        for remote in self.gateway.payouts:
            if is_alive(remote) and remote.order_id and len(remote.order_id) == LENGTH:
                of_payout[remote.order_id[:-GENERATION]].append(remote)
        for some in of_payout.values():
            forgotten = [each for each in some if each.order_id in self.gateway.forgotten]
            if len(some) < 2 or not forgotten:
                continue
            explained = self.auditor.explained()
            if not any(each.uuid in explained or self.is_lie(each) for each in some):
                raise Broken(f"I1 {[each.order_id for each in some]} are of one payout")

    def is_lie(self, remote: Payout) -> bool:
        return remote.order_id in self.gateway.hidden

    def remote_of(self, attempt: Try) -> Payout | None:
        """What Heleket has of it."""
        if attempt.is_linked:
            return self.gateway.find_uuid(attempt.uuid)
        return self.gateway.find(attempt.order_id)

    def is_hidden(self, attempt: Try, payout: Row) -> bool:
        """Whether Heleket refused it and executed it all the same, and is still asked about it or
        was found out."""
        is_lie = attempt.order_id in self.gateway.hidden
        return is_lie and (attempt.is_watched or self.is_shown(payout))

    def is_shown(self, payout: Row) -> bool:
        """Whether people have it before them, or have looked at it and closed it."""
        return bool(
            rows(
                "SELECT 1 FROM payouts_discrepancy WHERE payout_id = %s "
                "AND (closed_at IS NULL OR kind != 'vanished')",
                payout.id,
            )
        )

    # In the calm

    def check_end(self) -> None:
        """I10, I11, I19: all has come to an end that a person can read."""
        self.check()
        self.check_all()
        for payout in self.payouts.values():
            is_ours = payout.status in UNDER_WAY | {PayoutStatus.APPROVED}
            if payout.status == PayoutStatus.APPROVED and payout.waiting_for == "limit":
                self.overseer.judge_wait(payout)
            elif is_ours and payout.waiting_for != "discrepancy":
                raise Broken(
                    f"I11 P-{payout.number} is still {payout.status}, {payout.waiting_for}"
                )
        for attempt in self.tries.values():
            self.judge_end_of(attempt)
        self.judge_sums()
        self.auditor.check_end()
        if self.world.portals:
            self.judge_feed()

    def judge_end_of(self, attempt: Try) -> None:
        """I9, I10: what Heleket has is known or shown, and its last facts are ours."""
        payout, remote = self.payouts[attempt.payout], self.remote_of(attempt)
        is_lie = attempt.order_id in self.gateway.hidden
        is_released = attempt.was_released and not is_lie
        is_known = remote and (attempt.uuid == remote.uuid or is_released)
        if is_alive(remote) and not is_known and not self.is_shown(payout):
            raise Broken(f"I10 nobody knows that Heleket paid {attempt.order_id}")
        is_current = attempt.generation == payout.generation
        has_heard = payout.status in ("confirmed", "failed") and attempt.uuid == (
            remote and remote.uuid
        )
        if remote is None or not (is_current and has_heard) or self.is_shown(payout):
            return
        [(status, is_final, txid, amount)] = rows(
            "SELECT remote_status, is_final, txid, merchant_amount FROM payouts_attempt "
            "WHERE order_id = %s",
            attempt.order_id,
        )
        theirs = (remote.status, remote.is_final, remote.txid or "")
        if (status, bool(is_final), txid or "") != theirs:
            raise Broken(f"I9 {attempt.order_id} is {status} {is_final} {txid}, but {theirs} there")
        if amount is not None and Decimal(amount) != remote.merchant_amount:
            raise Broken(f"I9 {attempt.order_id} cost {remote.merchant_amount}, not {amount}")

    def judge_sums(self) -> None:
        """I10: in each coin Heleket's debits less its refunds are what our attempts cost."""
        taken, ours = Counter(), Counter()
        for entry in self.gateway.ledger:
            if entry.order_id in self.tries:
                taken[entry.currency] -= entry.delta
        for order_id, cost in rows("SELECT order_id, merchant_amount FROM payouts_attempt"):
            remote = self.gateway.find(order_id)
            if is_alive(remote):
                ours[remote.debit_currency] += (
                    remote.merchant_amount if cost is None else Decimal(cost)
                )
        if {coin: amount for coin, amount in taken.items() if amount} != dict(ours):
            raise Broken(f"I10 Heleket took {dict(taken)}, our attempts cost {dict(ours)}")

    # Of clients

    def judge_feed(self) -> None:
        """G41, I16: each event once and without a gap, in one order, of its own client alone; in
        the end they say where every payout stands."""
        fed = rows("SELECT number, client_id FROM payouts_portal_feedevent ORDER BY number")
        if [number for number, _client in fed] != list(range(1, len(fed) + 1)):
            raise Broken(f"G41 the feed has the numbers {fed}")
        if rows("SELECT 1 FROM payouts_portal_unfedevent"):
            raise Broken("G41 something is never in the feed")
        for portal in self.world.portals:
            read = [int(each["id"].rpartition("_")[2]) for each in portal.read]
            if {each["client"] for each in portal.read} - {portal.client.external_id}:
                raise Broken(f"I16 the {portal.name} has read of others")
            if read != [number for number, client in fed if client == portal.client.pk]:
                raise Broken(f"G41 the {portal.name} has read {read} of {fed}")
            self.judge_view(portal)

    def judge_view(self, portal: "Portal") -> None:
        played = {each["data"]["payout"]: each["data"]["status"] for each in portal.read}
        if played != (shown := portal.shown()):
            raise Broken(f"G41 the {portal.name} has read {played}, and is shown {shown}")
        for payout in self.payouts.values():
            id_shown = str(UUID(str(payout.id)))
            if (payout.client == portal.client.pk) != (id_shown in shown):
                raise Broken(f"I16 the {portal.name} is shown {shown}, P-{payout.number} apart")
