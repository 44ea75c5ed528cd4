"""One run: the desk, Heleket, people, and the trouble between them, all out of one seed."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TypeVar
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.test import Client as Browser
from django.test import override_settings

from audit import clock as money_clock
from payouts import guard
from payouts.gateway import accounts, continuity
from payouts.guard import GuardBounds
from tests.sim import database, governors, machines, reconcilers, treasury
from tests.sim.clock import Clock
from tests.sim.heleket import Heleket, Phone, let_faults_strike
from tests.sim.oracle import Oracle
from tests.sim.portals import ISSUER, Portal, open_portals
from tests.sim.seams import Killed, Thread, around_transactions, reach
from tests.sim.stored import Broken
from tests.sim.swarm import Swarm

DATABASE_TROUBLE = (OperationalError, InterfaceError)
RELEASE = timedelta(hours=6)  # longer than any request is delayed
# How long a step takes, in seconds. While a worker works it is mostly nothing, or every lease would
# be over before its call; while all rest it may be a quiet time, and rarely an hour.
AT_WORK = [(0.0, 0.5)] * 12 + [(0.0, 5.0)] * 6 + [(5.0, 60.0)]
AT_REST = [(0.0, 0.5)] * 3 + [(0.0, 30.0)] * 3 + [(30.0, 240.0)] * 4
LONG_PAUSE = (600.0, 7200.0)

# In most runs the guard lets everything pass, as too little would happen after it has paused.
ALERT = GuardBounds(
    probes=0, discrepancies_per_hour=1, failures_in_a_row=1, clients_at_least=2, foreign_stops=True
)
ASLEEP = GuardBounds(probes=99, discrepancies_per_hour=99, failures_in_a_row=99)

SEEN_EVERY = 100  # seconds, less than a pause of whom nobody misses
RESTART_GAP_MINUTES = 30  # where the database is restored, and so may be another
COOKIES = "django.contrib.sessions.backends.signed_cookies"

Result = TypeVar("Result")


class Player:
    """Somebody or something that acts: a script that is begun anew whenever it is killed."""

    def __init__(self, name: str, script: Callable[["World"], None], weight: int = 1) -> None:
        self.name, self.script, self.weight = name, script, weight
        self.thread: Thread | None = None
        self.place = "rests"
        self.wakes_at = 0.0

    @property
    def is_at_work(self) -> bool:
        """Whether it is a worker between a claim and its record."""
        return self.place != "rests" and self.script is machines.worker

    def go_on(self, world: "World") -> str:
        """Act until the next seam and return its name."""
        if self.thread is None or self.thread.dead:
            self.thread = Thread(self.script)
        self.place = self.thread.switch(world)
        return self.place

    def kill(self) -> None:
        thread, self.thread, self.place = self.thread, None, "rests"
        while thread is not None and not thread.dead:
            with suppress(Killed):
                thread.throw(Killed)


class World:
    """All that there is. `without` names faults to leave out; another `luck`, another course."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset(), luck: int = 0) -> None:
        self.seed, self.chance = seed, random.Random(f"world {seed} {luck}")
        self.swarm, self.clock = Swarm(seed, without), Clock()
        account = {
            "merchant_id": settings.HELEKET_MERCHANT_ID,
            "payout_key": settings.HELEKET_API_KEY,
            "payment_key": settings.HELEKET_PAYMENT_API_KEY,
        }
        self.gateway = Heleket(
            self, **account, now=self.clock.heleket, sleep=self.clock.forward, seed=seed
        )
        for coin, little in (("USDT", "60"), ("SHIB", "500000")):
            poor = "120" if self.swarm.is_on("poor") else "10000000000"
            self.gateway.top_up(coin, little if self.swarm.funds_order else poor)
        self.paid_there: list[str] = []  # Heleket's ids
        if self.swarm.has_books:
            treasury.begin(self)
        self.oracle = Oracle(self)
        self.client = Phone(self, **account, base_url=settings.HELEKET_PROJECT_URL)
        self.browser = Browser(raise_request_exception=False)
        self.luck_of_portals = self.swarm.luck["portals"]
        self.portals: list[Portal] = []
        self.actors: list[Player] = []
        self.acting: Player | None = None
        self.trace: list[str] = []
        self.asked: dict[object, dict[str, object]] = {}  # what each payout was requested as
        self.forgotten: dict[object, dict[str, object]] = {}  # the same, of what is gone
        self.is_old = False  # the database: a copy was put back
        self.restores_before = 0  # the last one in the copy that was put back
        self.lost_there: set[str] = set()  # Heleket's ids of what it made in the days that are gone
        self.refusals: Counter[str] = Counter()  # by code
        self.step = 0
        self.is_calm = False
        self.has_slept = False  # until the windows of limits were over, in the calm
        self.has_compared = False  # Heleket's list with the desk, in the calm
        self.has_looked = False  # people, at the discrepancies that were left in the calm

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let this world be the one that the code lives in."""
        with ExitStack() as stack:
            stack.enter_context(database.fresh())
            self.backups = stack.enter_context(database.backups())
            gap = RESTART_GAP_MINUTES if self.swarm.is_restored else 0
            stack.enter_context(override_settings(SESSION_ENGINE=COOKIES, RESTART_GAP_MINUTES=gap))
            stack.enter_context(money_clock.replaced(self.clock.now))
            stack.enter_context(patch.object(money_clock, "monotonic", self.clock.monotonic))
            bounds = ALERT if self.swarm.has_stops else ASLEEP
            stack.enter_context(patch.object(guard, "bounds_in_force", lambda: bounds))
            stack.enter_context(around_transactions(self.commit))
            logging.disable(logging.CRITICAL)
            stack.callback(logging.disable, logging.NOTSET)
            self.account = accounts.account_of(self.client)
            self.account = replace(
                accounts.open_account(self.client),
                timeout=45.0,
                lease=120.0,
                quiet=120.0,
                release=RELEASE.total_seconds(),
                calls_per_second=self.chance.choice([None, None, None, 0.2]),
            )
            stack.enter_context(patch.object(accounts, "heleket_client", self.lend_client))
            stack.enter_context(reconcilers.in_one_thread(self))
            if self.swarm.has_books:
                reconcilers.read_history(self)
            let_faults_strike(self.gateway)
            if self.swarm.has_rules:
                stack.enter_context(governors.known_worth())
            if self.swarm.has_portals:
                cache.clear()  # requests are counted, and every run has the same minutes
                self.portals = open_portals(self)
            try:
                yield
            finally:
                for actor in self.actors:
                    actor.kill()

    def lend_client(self) -> AbstractContextManager[Phone]:
        """Pages that open a client of their own get this one; it is not theirs to close."""
        return nullcontext(self.client)

    # What actors do to the world

    def note(self, text: str) -> None:
        self.trace.append(f"{self.step:4} {self.clock.now():%d %H:%M:%S} {text}")

    def person(self, name: str) -> User:
        return User.objects.get(username=name)

    @cached_property
    def issuer(self) -> int:
        """Who issued the keys of the portals, and so is a maker of all that these ask for."""
        return self.person(ISSUER).pk

    def wait(self, seconds: float) -> None:
        """Have the one who acts sleep for so long."""
        if self.acting is None:
            self.clock.forward(seconds)
            return
        self.acting.wakes_at = self.clock.monotonic() + seconds
        reach("waits")

    def commit(self, really: Callable[[], None]) -> None:
        """A commit may fail, or succeed and be reported as failed."""
        if self.acting and self.swarm.strikes("commit_refused"):
            self.note(f"{self.acting.name}: the commit fails")
            raise OperationalError("the connection was lost before the commit")
        really()
        if self.acting and self.swarm.strikes("commit_lost"):
            self.note(f"{self.acting.name}: the commit is reported as failed")
            raise OperationalError("the connection was lost while committing")

    def try_once(self, act: Callable[[], Result]) -> Result | None:
        """Do something that the database may fail to do."""
        try:
            return act()
        except DATABASE_TROUBLE as exc:
            self.note(f"{self.acting.name if self.acting else 'calm'}: {exc}")
            return None

    # What the scheduler does

    def take_step(self) -> None:
        self.step += 1
        self.pass_time()
        now = self.clock.monotonic()
        awake = [actor for actor in self.actors if actor.wakes_at <= now]
        if not awake:
            self.go_by(min(actor.wakes_at for actor in self.actors) - now)
            return
        actor = self.chance.choices(awake, [each.weight for each in awake])[0]
        if self.swarm.strikes("killed"):
            self.note(f"{actor.name} is killed")
            self.act(actor.kill, actor)
            return
        if self.swarm.strikes("frozen"):
            actor.wakes_at = now + self.swarm.luck["frozen"].choice([10, 90, 200, 3600])
            self.note(f"{actor.name} freezes")
            return
        self.note(f"{actor.name} {self.act(lambda: actor.go_on(self), actor)}")

    def act(self, go_on: Callable[[], Result], actor: Player) -> Result:
        self.acting = actor
        try:
            return go_on()
        except (Broken, Killed):
            raise
        except Exception as exc:
            text = f"{type(exc).__name__} met {actor.name}, which nobody expects: {exc}"
            raise Broken(text) from exc
        finally:
            self.acting = None

    def go_by(self, seconds: float) -> None:
        """Let time pass, in which a worker that is there is seen every few seconds."""
        end = self.clock.now() + timedelta(seconds=seconds)
        self.clock.forward(seconds)
        if not self.swarm.is_restored or not self.has_worker:
            return
        for left in reversed(range(int(seconds // SEEN_EVERY) + 1)):
            continuity.keep(end - timedelta(seconds=left * SEEN_EVERY))

    @property
    def has_worker(self) -> bool:
        workers = [each for each in self.actors if each.script is machines.worker]
        return self.is_calm or any(each.thread for each in workers)

    def pass_time(self) -> None:
        now = self.clock.monotonic()
        working = any(each.is_at_work and each.wakes_at <= now for each in self.actors)
        least, most = self.chance.choice(AT_WORK if working else AT_REST)
        if not working and self.chance.random() < 0.03:
            least, most = LONG_PAUSE
        self.go_by(self.chance.uniform(least, most))
        if self.swarm.strikes("clock_jumps"):
            luck = self.swarm.luck["clock_jumps"]
            hours = luck.choice([luck.uniform(-1, 1), luck.uniform(-1, 1), 24, -24])
            self.clock.jump(timedelta(hours=hours))
            self.note(f"our clock is {hours:.2f} h ahead")
