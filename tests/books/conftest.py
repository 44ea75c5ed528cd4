from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from audit.actor import Actor, Channel
from payouts.books import jobs, movements
from payouts.books.models import Movement
from payouts.books.movements import Wish
from payouts.books.ours import by_day
from payouts.days import ends_at
from payouts.reconciliation.models import DaySum, ListedDay
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.conftest import Office, office, unchecked_office
from tests.payouts.rounds import submit_due

__all__ = ["books", "office", "unchecked_office"]

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _documents_of_this_test(settings, tmp_path):
    settings.DOCUMENTS_FOLDER = str(tmp_path / "documents")


@dataclass
class Books:
    """A desk with its books: a worker that pays and reads balances, and accountants."""

    office: Office
    people: dict = field(default_factory=dict)

    @property
    def clock(self):
        return self.office.clock

    @property
    def sandbox(self):
        return self.office.sandbox

    def at(self, text):
        """Let it be this time of Heleket."""
        self.clock.time = datetime.fromisoformat(f"{text}+03:00").astimezone(UTC)

    def read(self, after=MINUTE):
        """Let a minute pass, and the worker fetch the balances."""
        self.clock.time += after
        job = jobs.FetchBalances(self.office.client, self.office.account, 1)
        job.record([job.call(self.clock())])

    def pay(self, amount="5", *, fate=None, **columns):
        """Send a payout, and have Heleket end it as its fate says; return it."""
        payout = PayoutFactory(amount=Decimal(amount), status="approved", **columns)
        if fate:
            self.sandbox.set_fate(fate, address=payout.address)
        submit_due(1, self.office.client, self.office.account)
        return payout

    def settle(self):
        """Have Heleket end what is under way, and hear of it."""
        while self.sandbox.advance():
            pass
        self.office.ask_now()

    def list_days(self, *days):
        """Have Heleket's list of these days read after their end, with what we have in it."""
        for day in days:
            read_at = max(self.clock(), ends_at(day))
            ListedDay.objects.filter(day=day).delete()
            listed = ListedDay.objects.create(day=day, read_at=read_at, is_whole=True)
            for (_day, coin), ours in by_day(day, day).items():
                sums = {
                    f"{name}_{what}": value
                    for name in ("paid", "open", "failed")
                    for what, value in [
                        ("count", getattr(ours, name).count),
                        ("sum", getattr(ours, name).total),
                    ]
                }
                DaySum.objects.create(day=listed, currency=coin, **sums)

    def person(self, name="anna", role="Accountant"):
        if name not in self.people:
            self.people[name] = StaffFactory(username=name, roles=[role])
        return self.people[name]

    def actor(self, name="anna"):
        return Actor.staff(self.person(name), Channel.ADMIN)

    def enter(self, day, amount, category="top_up", *, currency="USDT", **more):
        """Enter a movement: out, if the amount is negative."""
        amount = Decimal(amount)
        wish = Wish(
            day=day,
            currency=currency,
            direction=Movement.Direction.OUT if amount < 0 else Movement.Direction.IN,
            amount=abs(amount),
            category=Movement.Category(category),
            evidence="Statement of the bank",
            **more,
        )
        return movements.enter(wish, actor=self.actor())


@pytest.fixture
def books(sandbox, heleket_client, account, clock, usdt, settings, tmp_path):
    settings.DOCUMENTS_FOLDER = tmp_path
    books = Books(Office(sandbox, heleket_client, account, clock))
    sandbox.pace_seconds = 10**9  # payouts move on when a test says so
    books.at("2026-10-30 00:00:10")
    return books
