"""Trouble of every kind for real processes, drawn from one seed, and what it came to.

Two processes of an engine send payouts. After every few steps of theirs something strikes one of
them, the database, the broker or the gateway. Then all of that is mended, and each payout must have
been paid once. The seed fixes what strikes and after how many steps; at which instruction that
meets a process is up to the machine.
"""

import os
import random
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass

import requests

from benchmarks import stage
from payouts.models import Attempt, Discrepancy, Payout, PayoutEvent
from tests.payouts.invariants import broken_chains
from tests.payouts.processes.conftest import ask_all, count, make_due, order_ids
from tests.payouts.processes.cuts import Cutter
from tests.payouts.processes.harness import until

CREW = 2
BACKLOG = 20  # payouts that wait at any time, so that every moment is a busy one
LATENCY = 0.4
READY = re.compile(r"works for merchant|ready\.")
LOST_ANSWERS = ["drop", "timeout", "commit_then_drop", "commit_then_500", "race_500", "503"]
CALM_SECONDS = 240
DRY_SECONDS = 5  # a trouble that finds nothing to strike is given up


@dataclass(frozen=True)
class Verdict:
    """What a storm came to."""

    name: str
    seed: int
    struck: dict[str, int]
    payouts: int
    debits: int
    doubled: int  # payouts that were paid more than once, under whatever order ids
    unpaid: int  # payouts that were not paid
    foreign: int  # order ids that were paid and belong to no payout
    unfinished: int  # payouts that did not end as confirmed
    broken: int  # chains that do not close or do not lead to the status
    discrepancies: int
    seconds: int

    @property
    def is_clean(self) -> bool:
        wrong = (self.doubled, self.unpaid, self.foreign, self.unfinished, self.broken)
        return self.payouts == self.debits and not any(wrong) and not self.discrepancies


class Storm:
    """`start` starts one process of the engine, `make` makes so many approved payouts."""

    def __init__(self, name, seed, kills, *, start, make, sandbox, proxy, say, broker=None):
        self.name, self.seed, self.kills = name, seed, kills
        self.start, self.make, self.sandbox, self.say = start, make, sandbox, say
        self.chance, self.struck, self.began = random.Random(seed), Counter(), time.monotonic()
        self.cutter = Cutter()
        proxy.judge = self.cutter.judge
        # How often each strikes: dying is what this is about.
        self.troubles = {
            self.kill: 8,
            self.kill_at_the_gate: 4,
            self.freeze: 3,
            self.stop: 2,
            self.cut: 5,
            self.lose_answers: 3,
            self.refuse: 1,
        }
        if broker:
            self.broker = broker
            self.troubles |= {self.kill_child: 6, self.lose_broker: 1, self.flush_broker: 1}

    def blow(self):
        """Strike until so many processes were killed; two of them are left."""
        self.sandbox.control("latency", seconds=LATENCY)
        self.make(BACKLOG)
        self.crew = [self.start() for _ in range(CREW)]
        weights = list(self.troubles.values())
        while self.killed() < self.kills:
            self.after_steps(self.chance.randrange(1, 12))
            [trouble] = self.chance.choices(list(self.troubles), weights)
            trouble()
            assert all(each.popen.poll() is None for each in self.crew), "one has left by itself"
            self.say_how_far()

    def killed(self):
        return sum(times for what, times in self.struck.items() if what.startswith("SIGKILL"))

    def say_how_far(self):
        others = self.struck.total() - self.killed()
        seconds = time.monotonic() - self.began
        self.say(
            f"{self.name}: {self.killed()} of {self.kills} kills and {others} other troubles, "
            f"{count(status='broadcast')} payouts sent, {seconds:.0f} s"
        )

    def keep_busy(self):
        """Have something to do at every moment."""
        waiting = count(status="approved")
        if waiting < BACKLOG // 2:
            self.make(BACKLOG - waiting)
        return make_due()

    def after_steps(self, steps):
        enough = PayoutEvent.objects.count() + steps
        until(lambda: self.keep_busy() and PayoutEvent.objects.count() >= enough, every=0.2)

    def replace(self, process):
        self.crew[self.crew.index(process)] = self.start()

    # What strikes

    def kill(self):
        victim = self.chance.choice(self.crew)
        victim.kill()
        self.struck["SIGKILL"] += 1
        self.replace(victim)

    def kill_at_the_gate(self):
        """Die while the gateway holds a call back, before or after it has paid."""
        place = self.chance.choice(["before", "after"])
        victim = self.chance.choice(self.crew)
        self.sandbox.control("gate", mode=place)
        until(lambda: self.keep_busy() and self.sandbox.waiting(), every=0.2)
        victim.kill()
        self.sandbox.control("gate", mode="open")
        self.struck[f"SIGKILL with calls out, {place} they paid"] += 1
        self.replace(victim)

    def freeze(self):
        """Stand still for a moment, or for longer than a lease."""
        frozen, seconds = self.chance.choice(self.crew), self.chance.choice([0.3, 1.0, 6.0])
        frozen.freeze()
        time.sleep(seconds)
        frozen.thaw()
        self.struck[f"SIGSTOP for {seconds:g} s"] += 1

    def stop(self):
        leaver = self.chance.choice(self.crew)
        until(lambda: READY.search(leaver.written))
        leaver.send(signal.SIGTERM)
        assert leaver.ends() == 0, leaver.written
        self.struck["SIGTERM"] += 1
        self.replace(leaver)

    def cut(self):
        """Cut the connection to the database at one message of a claim, a question or a record."""
        kind = self.chance.choice(["claim", "question", "record"])
        place, verdict = self.chance.random(), self.chance.choice(["cut", "cut after"])
        if kind not in self.cutter.said:
            return
        number = 1 + int(place * (len(self.cutter.said[kind]) - 1))
        self.cutter.arm(kind, number, verdict)
        end = time.monotonic() + DRY_SECONDS
        until(
            lambda: self.keep_busy() and (self.cutter.plan is None or time.monotonic() > end),
            every=0.2,
        )
        if self.cutter.disarm():
            self.struck[f"database cut in a {kind}"] += 1

    def kill_child(self):
        """Celery starts another process in its place."""
        [victim] = self.chance.choices(self.crew)
        os.kill(self.chance.choice(until(lambda: victim.children)), signal.SIGKILL)
        self.struck["SIGKILL of one process of a Celery worker"] += 1

    def lose_broker(self):
        self.broker.lose()
        time.sleep(1.0)
        self.broker.start()
        self.struck["broker lost and back"] += 1

    def flush_broker(self):
        self.broker.flush()
        self.struck["broker forgets everything"] += 1

    def lose_answers(self):
        times = self.chance.randrange(1, 6)
        self.sandbox.control("faults", name=self.chance.choice(LOST_ANSWERS), times=times)
        self.struck["answers lost or broken"] += times

    def refuse(self):
        """The gateway refuses connections for a second."""
        self.sandbox.control("refuse", seconds=1.0)
        time.sleep(0.5)
        until(self.is_listening)
        self.struck["gateway refuses"] += 1

    def is_listening(self):
        try:
            return self.sandbox.state()
        except requests.ConnectionError:
            return None

    # How it ends

    def calm(self):
        """Mend everything, let all payouts come to their end, and stop the processes."""
        self.sandbox.control("clear-faults")
        self.sandbox.control("latency", seconds=0)
        until(lambda: make_due() and not is_sending(), seconds=CALM_SECONDS, every=0.5)
        until(lambda: self.sandbox.control("advance") == 0)
        until(lambda: ask_all() and not Payout.objects.exclude(status="confirmed").exists())
        for each in self.crew:
            each.send(signal.SIGTERM)
        assert [each.ends() for each in self.crew] == [0] * CREW

    def verdict(self):
        debits = self.sandbox.debits()
        ours, tried = order_ids(), set(Attempt.objects.values_list("order_id", flat=True))
        return Verdict(
            name=self.name,
            seed=self.seed,
            struck=dict(self.struck),
            payouts=Payout.objects.count(),
            debits=debits.total(),
            doubled=len(stage.second_debits(debits)),
            unpaid=len(ours - set(debits)),
            foreign=len(set(debits) - tried),
            unfinished=Payout.objects.exclude(status="confirmed").count(),
            broken=len(broken_chains()),
            discrepancies=Discrepancy.objects.count(),
            seconds=round(time.monotonic() - self.began),
        )


def is_sending():
    return Payout.objects.exclude(status="broadcast").exists()
