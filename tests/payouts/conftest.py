from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from celery import Celery
from django.conf import settings

import config.celery
import heleket
from audit.actor import Actor, Channel
from audit.operations import perform
from heleket.sandbox import Gateway
from payouts import endings, operations, outcomes, wakeups
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.models import Pause
from payouts.models import Attempt, Discrepancy, Payout
from payouts.seen import see
from tests.conftest import Clock
from tests.factories import StaffFactory
from tests.payouts.invariants import check_invariants
from tests.payouts.rounds import check_due, submit_due

OPERATORS = ("Operator", "Second Operator")
MOMENT, HOUR = timedelta(seconds=30), timedelta(hours=1)


@dataclass
class Office:
    """A desk at work in a test: the worker's two jobs, the clock, and Heleket behind it."""

    sandbox: Gateway
    client: heleket.HeleketClient
    account: GatewayAccount
    clock: Clock
    people: dict = field(default_factory=dict)

    def submit(self, limit=100):
        return submit_due(limit, self.client, self.account)

    def check(self, limit=100):
        return check_due(limit, self.client, self.account)

    def work(self, *, every=MOMENT, **span):
        """Let time pass, and the worker do all that is due in each half minute that matters.

        In longer rounds where days have to pass and nobody counts the calls.
        """
        end = self.clock() + timedelta(**span)
        while self.clock() < end:
            moments, soon = [at for at in self.next_moments() if at], self.clock() + every
            is_quiet = all(at > soon for at in moments)
            self.clock.time = min([end, *moments]) if is_quiet else min(end, soon)
            self.sandbox.run_due()
            self.check()
            if Payout.objects.sendable().exists():
                self.submit()

    def next_moments(self):
        yield from Payout.objects.under_way().values_list("due_at", flat=True)
        approved = Payout.objects.sendable().filter(status="approved")
        if waits := list(approved.values_list("due_at", flat=True)):
            pauses = Pause.objects.filter(currency="").values_list("probe_at", flat=True)
            yield from pauses or waits
        yield from Attempt.objects.exclude(watch_at=None).values_list("watch_at", flat=True)
        yield from (payout.next_step_at for payout in self.sandbox.payouts)
        yield from (held.due_at for held in self.sandbox.held_requests)

    def until(self, is_reached):
        """Work until something has happened, for half a day at most."""
        end = self.clock() + timedelta(hours=12)
        while not is_reached():
            assert self.clock() < end, "it never happened"
            self.work(seconds=30)

    def ask_now(self):
        """Have everything under way asked about, however long it would still wait."""
        Payout.objects.under_way().update(due_at=self.clock())
        return self.check()

    def person(self, role):
        if role not in self.people:
            self.people[role] = StaffFactory(
                roles=[role.removeprefix("Second ").removeprefix("Third ")]
            )
        return self.people[role]

    def act(self, name, payout, *, role, **options):
        """One person's act on one payout as it stands, with its outcome."""
        operation = getattr(operations, name)
        seen = see([Payout.objects.get(pk=payout.pk)])
        [outcome] = perform(
            operation, seen, actor=Actor.staff(self.person(role), Channel.ADMIN), **options
        )
        return outcome

    def approve(self, payout):
        outcome = self.act("APPROVE", payout, role="Approver")
        assert outcome.done, outcome.text

    def end(self, found, outcome, *, reason="Asked support", reopens_at=None):
        """Two operators end a discrepancy as it stands, or one where that is enough."""
        facts = Discrepancy.objects.get(pk=found.pk).facts
        wish = outcomes.Wish(found.pk, facts, outcome, reason, reopens_at)
        first, second = (Actor.staff(self.person(name), Channel.ADMIN) for name in OPERATORS)
        endings.end_or_propose(wish, self.client, self.account, actor=first)
        if joint := endings.proposed(found):
            endings.confirm(joint, facts, self.client, self.account, actor=second)

    def creates(self):
        """The create calls that reached Heleket."""
        return [call for call in self.sandbox.calls if call.path == "/v1/payout"]

    def questions(self):
        return [call for call in self.sandbox.calls if call.path == "/v1/payout/info"]


@pytest.fixture
def unchecked_office(sandbox, heleket_client, account, clock, usdt):
    """A desk with a service to pay with."""
    return Office(sandbox, heleket_client, account, clock)


@pytest.fixture
def office(unchecked_office, sandbox):
    """The same; after the test nothing it did may break an invariant."""
    yield unchecked_office
    check_invariants(sandbox)
    for attempt in Attempt.objects.all():
        assert settings.HELEKET_API_KEY not in attempt.answer


@pytest.fixture
def use_broker(settings, monkeypatch):
    """Have this process wake workers through a broker, as a web server does; return its app."""
    apps = []

    def use(url):
        settings.CELERY_BROKER_URL = url
        monkeypatch.setattr(wakeups, "_backoff_until", 0.0)
        app = Celery("test", broker=url)  # and with that this thread's current one
        for name in ("broker_transport_options", "task_default_queue"):
            app.conf[name] = config.celery.app.conf[name]
        apps.append(app)
        return app

    yield use
    for app in apps:
        app.close()
    config.celery.app.set_current()
