"""Owed, reserved and sent follow from status and `effective`, whatever way a payout went."""

import inspect
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.operations import perform
from payouts import effective, journal, operations, settling, spending, transitions
from payouts.accounts import Accounts
from payouts.controls import limits
from payouts.models import (
    AccountRule,
    Attempt,
    ClosedMonth,
    Effective,
    Entry,
    EventType,
    Payout,
    PayoutStatus,
    Posting,
)
from payouts.seen import see
from tests.factories import AttemptFactory, PayoutFactory, StaffFactory, WalletFactory, open_journal
from tests.payouts.invariants import ARROWS, STANDS, journal_follows
from tests.payouts.rounds import now
from tests.payouts.test_outcomes import Outcome, look_again

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system(Channel.WORKER)
WALKED = [(was, act, to) for was, acts in ARROWS.items() for act, to in acts.items()]
# What stands of a payout of 5, debits less credits, by its status; written down a second time.
BOOKS = {
    "approved": {"cost": 5, "owed": -5},
    "submitting": {"cost": 5, "reserved": -5},
    "broadcast": {"cost": 5, "reserved": -5},
    "confirmed": {"cost": 5, "sent": -5},
}


def payout_in(status, **more):
    """A payout that stands somewhere, with its journal and its place in the limits."""
    payout = PayoutFactory(status=status, reference_rate=1, finished_at=clock.now(), **more)
    limits.book(spending.places(payout.__dict__))
    open_journal(payout)
    return payout


def walk(payout, act, **edit):
    """One arrow of the state machine; what it takes is a reason."""
    with transitions.change([payout.pk], actor=SYSTEM) as [change]:
        change.log_event(EventType.NEWS)
        for name, value in edit.items():
            setattr(change.row, name, value)
        transition = getattr(change.row, act)
        needed = [
            each
            for each in inspect.signature(transition).parameters.values()
            if each.default is inspect.Parameter.empty
        ]
        transition(*[Reason(words="Because")] * len(needed))


def lines(postings):
    found = defaultdict(Decimal)
    for each in postings:
        found[each.kind] += each.amount if each.side == "debit" else -each.amount
    return {kind: amount for kind, amount in found.items() if amount}


def of(payout):
    return Posting.objects.filter(entry__payout=payout)


def test_g67_each_status_has_its_place_in_the_books():
    assert journal.POSITIONS.keys() == set(PayoutStatus)
    assert journal.AFTER_ALL.keys() == set(Effective)
    for table in (journal.POSITIONS, journal.AFTER_ALL):
        for name, accounts in table.items():
            assert (accounts[1] if accounts else None) == STANDS.get(name)


@pytest.mark.parametrize(("was", "act", "to"), WALKED)
def test_g67_every_arrow_has_its_postings(was, act, to):
    payout = payout_in(was)
    before = Entry.objects.count()

    walk(payout, act)

    moved = Counter(BOOKS.get(to, {}))
    moved.subtract(BOOKS.get(was, {}))
    moved = {kind: amount for kind, amount in moved.items() if amount}
    new = Entry.objects.order_by("pk")[before:]
    assert [lines(each.postings.all()) for each in new] == ([moved] if moved else [])
    assert lines(of(payout)) == BOOKS.get(to, {})
    assert list(journal.findings()) == []
    for each in new:
        assert (each.kind, each.event_number) == ("news", now(payout).last_event)


# Paths


class Way:
    """A payout on its way at random, with months that close and accounts that change behind it."""

    def __init__(self, seed, clock):
        self.random, self.clock = random.Random(seed), clock
        self.payout = PayoutFactory(reference_rate=1)
        self.closed = {}

    def step(self):
        acts = [self.arrow] * 8 + [self.another_account, self.close_month, self.time_passes]
        if now(self.payout).status in ("confirmed", "failed"):
            acts += [self.after_all] * 6
        self.random.choice(acts)()
        self.check()

    def arrow(self):
        payout = now(self.payout)
        acts = sorted(ARROWS.get(payout.status, ()))
        if acts and not payout.effective:  # else nothing of it is tried again
            act = self.random.choice(acts)
            if act in ("reject", "cancel") and self.random.random() < 0.8:
                return
            if act == "claim":
                AttemptFactory(payout=payout, created_there_at=self.clock())
            walk(payout, act, **self.other_terms() if act == "edit" else {})
        elif self.random.random() < 0.3:
            self.payout = PayoutFactory(reference_rate=1)

    def other_terms(self):
        amount, coin = self.random.randint(1, 9), self.random.choice(["USDT", "TRX"])
        return {"amount": Decimal(amount), "currency": coin}

    def after_all(self):
        """People find what became of a try, or its fee becomes known."""
        AttemptFactory(payout=now(self.payout), created_there_at=self.clock())
        attempt = self.random.choice(list(Attempt.objects.filter(payout=self.payout)))
        with settling.settle([attempt.pk], actor=SYSTEM) as cases:
            case = cases[attempt.pk]
            if self.random.random() < 0.3:
                case.attempt.commission = Decimal(self.random.randint(1, 3))
                return
            case.log_event(EventType.CLOSE_DISCREPANCY)
            found = self.random.choice(list(Effective))
            amount = Decimal(0 if found == "not_paid" else self.random.randint(1, 9))
            coin = self.random.choice(["USDT", "TRX"])
            effective.take_for(case.attempt, found, amount, coin)
            effective.add_up(case.payout, case.attempts)

    def another_account(self):
        AccountRule.objects.update_or_create(
            kind=self.random.choice(["cost", "owed", "reserved", "sent", "fees"]),
            defaults={"account": f"A{self.random.randint(1, 99)}"},
        )

    def time_passes(self):
        self.clock.forward(days=self.random.randint(1, 40))

    def close_month(self):
        month = self.clock().date().replace(day=1)
        if month not in self.closed and self.random.random() < 0.5:
            ClosedMonth.objects.create(month=month, closed_at=self.clock())
            self.closed[month] = postings_of(month)

    def check(self):
        assert list(journal_follows(None)) == []
        assert list(journal.findings()) == []
        for line, amount in journal.standing([self.payout.pk])[self.payout.pk].items():
            assert not amount or (line[0], line[3]) in journal.expected(now(self.payout))
        for month, kept in self.closed.items():
            assert postings_of(month) == kept


def postings_of(month):
    return list(Posting.objects.filter(entry__month=month).order_by("pk").values_list())


@pytest.mark.parametrize("seed", range(8))
def test_g67_on_any_path_the_books_follow_and_closed_months_never_change(seed, clock):
    way = Way(seed, clock)
    for _step in range(60):
        way.step()
    assert Entry.objects.count() > 5


def test_g67_approved_void_approved_paid_and_not_paid_after_all(office):
    payout = PayoutFactory()
    steps = []

    def look():
        steps.append(lines(of(payout)))

    office.approve(payout)
    look()
    assert office.act("HOLD", payout, role="Approver", reason="Wait").done
    look()
    assert office.act("RELEASE", payout, role="Approver", reason="").done
    office.approve(payout)
    look()
    office.submit()
    look()
    office.work(minutes=20)
    look()
    order_id = payout.order_id("test")
    office.sandbox.force_status("fail", is_final=True, order_id=order_id)
    Attempt.objects.update(watch_at=office.clock())
    office.work(minutes=1)
    found = now(payout).discrepancies.get()
    look_again(office, found)
    office.end(found, Outcome.AS_HELEKET)
    look()

    owed, reserved = {"cost": 5, "owed": -5}, {"cost": 5, "reserved": -5}
    sent = {"cost": 5, "fees": 1, "sent": -6}
    assert steps == [owed, {}, owed, reserved, sent, {}]
    assert now(payout).effective == "not_paid"
    assert journal.sums([payout.pk])["USDT"]["sent"] == 0


def test_g67_put_back_and_failed_and_retried(office):
    payout = PayoutFactory()
    office.approve(payout)
    office.sandbox.set_fate("final_fail")
    office.work(minutes=20)
    assert lines(of(payout)) == {}
    assert office.act("RETRY", payout, role="Operator", reason="Again").done
    office.approve(payout)
    office.sandbox.set_fate("paid")
    office.work(minutes=20)

    assert lines(of(payout)) == {"cost": 5, "fees": 1, "sent": -6}
    kinds = list(Entry.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["approve", "claim", "fail", "approve", "claim", "confirm"]


def test_a_fee_that_becomes_known_later_is_posted():
    payout = payout_in("confirmed")
    attempt = AttemptFactory(payout=payout)
    with settling.settle([attempt.pk], actor=SYSTEM) as cases:
        cases[attempt.pk].attempt.commission = Decimal("0.25")

    entry = Entry.objects.order_by("pk").last()
    assert (entry.kind, lines(entry.postings.all())) == (
        "fee",
        {"fees": Decimal("0.25"), "sent": Decimal("-0.25")},
    )
    with settling.settle([attempt.pk], actor=SYSTEM):
        pass
    assert Entry.objects.order_by("pk").last() == entry


# Days and months


def close(*months):
    for month in months:
        ClosedMonth.objects.create(month=month, closed_at=datetime(2026, 6, 1, tzinfo=UTC))


FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in (2, 3, 4))


def test_g67_a_day_of_a_closed_month_is_shown_and_counts_in_the_next_open_one():
    payout = payout_in("broadcast")
    AttemptFactory(payout=payout, created_there_at=datetime(2026, 2, 28, 20, 59, tzinfo=UTC))
    close(FEBRUARY, MARCH)

    walk(payout, "confirm")

    entry = Entry.objects.get(kind="news")
    assert entry.effective_on == date(2026, 2, 28)
    assert (entry.month, entry.names_month) == (APRIL, FEBRUARY)


def test_g67_a_correction_of_a_closed_month_leaves_it_as_it_was(office):
    payout = PayoutFactory()
    office.approve(payout)
    office.work(minutes=20)
    close(MARCH)
    kept = postings_of(MARCH)
    office.clock.forward(days=40)
    office.sandbox.force_status("fail", is_final=True, order_id=payout.order_id("test"))
    Attempt.objects.update(watch_at=office.clock())
    office.work(minutes=1)
    found = now(payout).discrepancies.get()
    look_again(office, found)
    office.end(found, Outcome.AS_HELEKET)

    entry = Entry.objects.order_by("pk").last()
    assert (entry.effective_on, entry.month) == (date(2026, 3, 2), APRIL)
    assert entry.names_month == MARCH
    assert lines(entry.postings.all()) == {"cost": -5, "fees": -1, "sent": 6}
    assert postings_of(MARCH) == kept
    assert lines(of(payout)) == {}


def test_the_day_is_helekets():
    payout = payout_in("broadcast")
    AttemptFactory(payout=payout, created_there_at=datetime(2026, 2, 28, 21, 0, tzinfo=UTC))
    walk(payout, "confirm")
    entry = Entry.objects.get(kind="news")
    assert (entry.effective_on, entry.month, entry.names_month) == (MARCH, MARCH, None)


def stored(month=MARCH, number=7, amounts=(("debit", 5), ("credit", 5)), currency="USDT"):
    """Store an entry as any program could."""
    payout = Payout.objects.first() or PayoutFactory()
    names = {"account": "a", "kind": "cost", "entry_id": number}
    Posting.objects.bulk_create(
        Posting(side=side, amount=amount, currency=currency, **names) for side, amount in amounts
    )
    Entry.objects.bulk_create(
        [
            Entry(
                id=number,
                payout=payout,
                event_number=1,
                kind="x",
                at=payout.requested_at,
                effective_on=month,
                month=month,
            )
        ]
    )
    return number


BIG = Decimal("999999999999999999.99999999")


@pytest.mark.parametrize(
    "amounts",
    [
        (),
        (("debit", 5),),
        (("debit", 5), ("credit", Decimal("4.99999999"))),
        (("debit", 5), ("debit", 5)),
        (("debit", BIG), ("credit", BIG), ("credit", Decimal("0.00000001"))),
    ],
)
def test_i17_the_database_refuses_what_does_not_balance(amounts):
    PayoutFactory()
    with pytest.raises(IntegrityError, match="balance"), transaction.atomic():
        stored(amounts=amounts)
    assert not Entry.objects.exists()
    assert stored(amounts=(("debit", BIG), ("credit", BIG))) == 7


def in_two_coins():
    Posting.objects.create(
        entry_id=7, kind="cost", account="a", currency="TRX", side="credit", amount=5
    )
    stored(amounts=(("debit", 5),))


def test_i17_coins_do_not_balance_each_other():
    PayoutFactory()
    with pytest.raises(IntegrityError, match="balance"), transaction.atomic():
        in_two_coins()


def test_i17_an_entry_stays_as_it_was_written():
    number = stored()
    for act in (
        lambda: Posting.objects.create(
            entry_id=number, kind="cost", account="a", currency="USDT", side="debit", amount=1
        ),
        lambda: Posting.objects.update(amount=1),
        lambda: Posting.objects.all()._raw_delete("default"),
        lambda: Entry.objects.update(month=APRIL),
        lambda: Entry.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
    assert Posting.objects.count() == 2


def without_entry():
    Posting.objects.create(
        entry_id=9, kind="cost", account="a", currency="USDT", side="debit", amount=1
    )
    connection.check_constraints()


def test_i17_a_posting_without_its_entry_is_not_kept():
    with pytest.raises(IntegrityError), transaction.atomic():
        without_entry()


def test_g67_nothing_is_ever_posted_to_a_closed_month():
    PayoutFactory()
    close(MARCH)
    with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
        stored(MARCH)
    with pytest.raises(IntegrityError), transaction.atomic():
        stored(date(2026, 3, 2))  # no first day
    stored(APRIL)
    month = ClosedMonth.objects.get()
    for act in (
        lambda: ClosedMonth.objects.update(month=FEBRUARY),
        lambda: ClosedMonth.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()
    ClosedMonth.objects.update(root="r", facts={"rows": 1})
    with pytest.raises(IntegrityError), transaction.atomic():
        ClosedMonth.objects.update(root="another")
    assert ClosedMonth.objects.get().month == month.month


# Accounts


def test_the_rule_that_says_most_gives_the_account():
    payout = PayoutFactory(category="Bonus", wallet=WalletFactory(client__group="VIP"))
    assert Accounts.now().of("owed", "USDT", payout) == ("liabilities:payouts:owed", "")
    rules = [("", "", "", "1"), ("USDT", "", "", "2"), ("", "VIP", "", "3"), ("", "", "Bonus", "4")]
    rules += [("USDT", "VIP", "", "5"), ("USDT", "", "Bonus", "6"), ("USDT", "VIP", "Bonus", "7")]
    for currency, group, category, account in rules:
        AccountRule.objects.create(
            kind="owed",
            currency=currency,
            group=group,
            category=category,
            account=account,
            cost_centre="C",
        )
        assert Accounts.now().of("owed", "USDT", payout) == (account, "C")
    assert Accounts.now().of("cost", "USDT", payout) == ("expenses:payouts", "")
    assert Accounts.now().of("owed", "TRX", payout) == ("4", "C")
    AccountRule.objects.update(is_active=False)
    assert Accounts.now().of("owed", "USDT", payout) == ("liabilities:payouts:owed", "")


def test_g67_what_is_taken_back_is_taken_from_where_it_was_posted():
    AccountRule.objects.create(kind="owed", account="2000", cost_centre="North")
    payout = payout_in("approved")
    AccountRule.objects.update(account="2100", cost_centre="South")

    walk(payout, "claim")

    taken = Posting.objects.get(kind="owed", side="debit")
    assert (taken.account, taken.cost_centre) == ("2000", "North")


@pytest.mark.parametrize("code", ["a  b", "a;b", " a", "a ", ":a", "a:", "a\nb", "(a)", ""])
def test_an_account_that_a_plain_text_journal_would_read_otherwise_is_refused(code):
    with pytest.raises(ValidationError):
        AccountRule(kind="cost", account=code).full_clean()


@pytest.mark.parametrize("code", ["4000", "expenses:payouts", "Aufwand Löhne", "4000/10-A"])
def test_usual_accounts_are_taken(code):
    AccountRule(kind="cost", account=code).full_clean()


# Reading


def test_findings_name_the_payouts_whose_journal_says_something_else():
    right, wrong = (payout_in("approved") for _each in range(2))
    Payout.objects.filter(pk=wrong.pk).update(status=PayoutStatus.BROADCAST)
    [(name, sentence)] = journal.findings()
    assert name == str(wrong)
    assert "Owed to clients: -5 USDT" in sentence
    assert str(right) != name


def test_the_journal_of_a_desk_that_is_updated_is_opened_once():
    PayoutFactory.create_batch(2)
    payouts = [PayoutFactory(status=each, reference_rate=1) for each in PayoutStatus]
    [confirmed] = [each for each in payouts if each.status == "confirmed"]
    AttemptFactory(
        payout=confirmed,
        commission=Decimal("0.5"),
        created_there_at=datetime(2026, 2, 1, tzinfo=UTC),
    )
    Payout.objects.filter(status="failed").update(
        effective="elsewhere", effective_amount=3, effective_currency="TRX"
    )
    migration = import_module("payouts.migrations.0031_open_journal")
    for _time in range(2):
        migration.open_journal(apps, SimpleNamespace(connection=connection))

    assert list(journal.findings()) == []
    assert Entry.objects.count() == 5
    entry = Entry.objects.get(payout=confirmed)
    assert (entry.kind, entry.effective_on) == ("opening", date(2026, 2, 1))


def test_a_thousand_payouts_take_as_few_statements_as_one():
    counts = []
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    for count in (1, 1, 12):
        payouts = PayoutFactory.create_batch(count)
        with CaptureQueriesContext(connection) as captured:
            outcomes = perform(operations.APPROVE, see(payouts), actor=approver)
        assert all(each.done for each in outcomes)
        counts.append(len(captured))
        assert Entry.objects.filter(payout__in=payouts).count() == count
    assert counts[1] == counts[2]


def test_the_page_about_the_journal_shows_the_positions_of_the_code():
    page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text()
    table = page.partition("|---|---|---|\n")[2].partition("\n\n")[0]
    shown = {}
    for line in table.splitlines():
        names, debit, credit = (cell.strip() for cell in line.strip("|").split("|"))
        shown |= dict.fromkeys(names.split(", "), (debit, credit) if debit else None)
    assert shown == {**journal.POSITIONS, **journal.AFTER_ALL}
