"""A payout may have a day from which it is paid, and a category of a list that people keep."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from audit import chain
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts import operations
from payouts.explain import explain
from payouts.gateway import accounts
from payouts.models import Category, Payout, PayoutStatus, WaitingFor
from payouts.requests import request_payout
from payouts.seen import see
from tests.every_page import unmarked
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.test_admin_add import add_url, data

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


def page_of(payout, name="change"):
    return reverse(f"admin:payouts_payout_{name}", args=[payout.pk])


def requester():
    return Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)


def asked(wallet, actor=None, **more):
    content = {
        "client": wallet.client,
        "wallet": wallet,
        "currency": "USDT",
        "amount": Decimal(5),
        "purpose": "Prize",
        "idempotency_key": "manual:1",
        "origin": "manual",
        "installation": "test",
    }
    return request_payout(**content | more, actor=actor or requester())


def test_a_payout_from_tomorrow_goes_tomorrow(office, clock):
    payout = PayoutFactory(pay_from=clock() + DAY)
    office.approve(payout)

    stored = Payout.objects.get()
    assert (stored.status, stored.waiting_for) == (PayoutStatus.APPROVED, WaitingFor.DATE)
    assert stored.due_at == stored.pay_from
    assert "paid from 3 Mar 2026, 09:00 on" in explain(stored).sentence

    office.work(hours=23, minutes=59)
    assert office.creates() == []
    assert office.act("EXPEDITE", payout, role="Operator").code == "early"

    office.work(minutes=2)
    assert len(office.creates()) == 1
    assert Payout.objects.get().status == PayoutStatus.CONFIRMED
    assert [event.event_type for event in payout.events.order_by("number")].count("wait") == 0


def test_a_due_time_of_its_own_sends_nothing_before_its_date(office, clock):
    """The claim obeys the date that was approved, whatever else made the row due."""
    payout = PayoutFactory(pay_from=clock() + DAY)
    office.approve(payout)
    Payout.objects.update(due_at=clock(), waiting_for=WaitingFor.WORKER)

    assert office.submit() == 0

    stored = Payout.objects.get()
    assert (stored.waiting_for, stored.due_at) == (WaitingFor.DATE, stored.pay_from)
    assert office.creates() == []


def test_a_repeat_waits_for_the_date_as_well(office, clock, sandbox):
    """The clock may have stepped back since the first call."""
    payout = PayoutFactory(pay_from=clock() + DAY)
    office.approve(payout)
    clock.forward(days=1)
    sandbox.faults.add("drop_timeout", path="/v1/payout")
    office.submit()
    while not Payout.objects.get().may_repeat:
        clock.forward(minutes=5)
        office.check()
    calls = len(office.creates())
    clock.time = payout.pay_from - timedelta(hours=1)
    Payout.objects.update(due_at=clock())

    assert office.submit() == 0

    stored = Payout.objects.get()
    assert len(office.creates()) == calls
    assert (stored.status, stored.waiting_for) == (PayoutStatus.SUBMITTING, WaitingFor.DATE)
    assert not stored.may_repeat
    assert stored.due_at < stored.pay_from  # Heleket is asked meanwhile


def test_once_its_date_has_come_it_waits_for_what_all_wait_for(clock, usdt):
    payout = PayoutFactory(pay_from=clock() + DAY)
    payout.approve()
    assert explain(payout).waiting_for == WaitingFor.DATE
    clock.forward(days=1)
    assert explain(payout).waiting_for == WaitingFor.WORKER
    assert explain(payout).sentence == "It is approved and waits for the worker."


def test_the_date_is_approved_as_well_and_without_one_a_digest_stays_as_it_was(clock):
    payout = PayoutFactory()
    before = payout.digest()
    payout.pay_from = clock()
    dated = payout.digest()
    payout.pay_from += timedelta(minutes=1)
    assert len({before, dated, payout.digest()}) == 3
    payout.pay_from = None
    assert payout.digest() == before


def test_a_changed_date_voids_what_was_approved(office, clock):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.update(pay_from=clock() - DAY)

    assert office.submit() == 0
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert office.creates() == []


def test_i13_the_same_key_with_another_date_or_category_changes_nothing(clock):
    wallet, by = WalletFactory(), requester()
    for name in ("Fee", "Prize"):
        Category.objects.create(name=name)
    first = asked(wallet, actor=by, pay_from=clock() + DAY, category="Fee")

    assert asked(wallet, actor=by, pay_from=clock() + DAY, category="Fee") == first
    for other in [
        {"pay_from": clock() + 2 * DAY, "category": "Fee"},
        {"category": "Fee"},
        {"pay_from": clock() + DAY, "category": "Prize"},
    ]:
        with pytest.raises(Refused) as refused:
            asked(wallet, actor=by, **other)
        assert refused.value.code == "key_used"
    assert Payout.objects.get().pay_from == clock() + DAY

    Category.objects.update(is_active=False)  # a repeat is what was asked, not what is offered now
    assert asked(wallet, actor=by, pay_from=clock() + DAY, category="Fee") == first


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"category": "Unheard of"}, "category_unknown"),
        ({"category": "Old"}, "category_unknown"),
        ({"pay_from": datetime(2062, 3, 2, tzinfo=UTC)}, "date_too_far"),
    ],
)
def test_unfit_terms_are_refused(clock, terms, code):
    Category.objects.create(name="Old", is_active=False)
    with pytest.raises(Refused) as refused:
        asked(WalletFactory(), **terms)
    assert refused.value.code == code
    assert not Payout.objects.exists()

    payout = PayoutFactory()
    edit = {"wallet": payout.wallet, "currency": "USDT", "amount": Decimal(6), "purpose": "Prize"}
    with pytest.raises(Refused) as refused:
        operations.edit_payout(
            see([payout])[0], operations.Edit(**edit, **terms), reason="x", actor=requester()
        )
    assert refused.value.code == code
    assert Payout.objects.get().amount == 5


# Pages


@pytest.fixture
def person(client):
    person = StaffFactory(roles=["Requester"])
    client.force_login(person)
    return person


def test_date_and_category_are_typed_confirmed_stored_and_shown(client, person, clock):
    wallet = WalletFactory()
    Category.objects.create(name="Fee")
    form = data(wallet, category="Fee", pay_from="2026-03-05T14:30")

    confirmation = unmarked(client.post(add_url(wallet), form))
    assert "5 Mar 2026, 14:30" in confirmation
    assert "<dd>Fee</dd>" in confirmation
    client.post(add_url(wallet), form | {"confirmed": "yes"})

    payout = Payout.objects.get()
    assert payout.pay_from == datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
    assert payout.category == "Fee"
    page = client.get(page_of(payout)).content.decode()
    assert "5 Mar 2026, 14:30" in page
    assert "2026-03-05T14:30" in client.get(page_of(payout, "edit")).content.decode()


@pytest.mark.parametrize("typed", ["2026-03-02T08:00", "tomorrow", "2026-02-30T10:00"])
def test_a_moment_that_has_passed_or_never_comes_is_refused_at_its_field(
    client, person, clock, typed
):
    wallet = WalletFactory()
    response = client.post(add_url(wallet), data(wallet, pay_from=typed, confirmed="yes"))
    assert response.context["form"].errors.keys() == {"pay_from"}
    assert not Payout.objects.exists()


def test_an_edit_keeps_a_date_that_has_passed_and_a_category_that_is_no_longer_offered(
    client, person, clock
):
    Category.objects.create(name="Old", is_active=False)
    payout = PayoutFactory(pay_from=clock() - DAY, category="Old")
    form = client.get(page_of(payout, "edit")).context["form"]
    assert ("Old", "Old") in form.fields["category"].choices
    fields = {name: form.get_initial_for_field(form.fields[name], name) for name in form.fields}
    fields |= {"wallet": payout.wallet_id, "amount": "6", "reason": "Typing error"}

    response = client.post(page_of(payout, "edit"), fields)

    assert response.status_code == 302, response.context["form"].errors
    stored = Payout.objects.get()
    assert (stored.amount, stored.pay_from, stored.category) == (6, clock() - DAY, "Old")


def shown(response):
    return [payout.pk for payout in response.context["cl"].result_list]


def test_the_list_is_narrowed_by_category_and_sorted_by_date(client, person, clock):
    Category.objects.create(name="Fee")
    late = PayoutFactory(pay_from=clock() + 3 * DAY)
    soon = PayoutFactory(pay_from=clock() + DAY, category="Fee")
    past = PayoutFactory(pay_from=clock() - DAY)
    PayoutFactory()

    assert shown(client.get(LIST, {"category": "Fee"})) == [soon.pk]
    assert shown(client.get(LIST, {"date": "coming"})) == [soon.pk, late.pk]
    without = Payout.objects.get(pay_from=None).number
    assert client.get(LIST, {"date": "coming", "past": without}).status_code == 200
    assert shown(client.get(LIST, {"date": "dated"})) == [past.pk, soon.pk, late.pk]
    assert "3 Mar 2026, 09:00" in client.get(LIST, {"date": "coming"}).content.decode()


# The list of categories


ADD, CATEGORIES = (reverse(f"admin:payouts_category_{name}") for name in ("add", "changelist"))


def test_policy_managers_keep_the_list_and_each_change_is_sealed(client):
    client.force_login(StaffFactory(roles=["Policy manager"]))
    assert "There are no categories yet" in client.get(CATEGORIES).content.decode()

    client.post(ADD, {"name": "Fee", "is_active": "on"})
    category = Category.objects.get()
    change = reverse("admin:payouts_category_change", args=[category.pk])
    client.post(change, {"name": "Fees"})

    assert Category.objects.get().name == "Fees"
    events = DeskEvent.objects.order_by("number")
    assert [each.event_type for each in events] == ["add_category", "change_category"]
    facts = {"category": "Fees", "offered": "False", "category_before": "Fee"}
    assert facts.items() <= events[1].facts.items()
    assert chain.first_broken(events) is None


def test_one_word_is_one_category_however_it_is_written(client):
    client.force_login(StaffFactory(roles=["Policy manager"]))
    Category.objects.create(name="Fees")

    answer = client.post(ADD, {"name": "fees", "is_active": "on"})

    assert "There is a category of this name already." in answer.content.decode()
    assert Category.objects.count() == 1
    assert not DeskEvent.objects.exists()


@pytest.mark.parametrize("role", ["Requester", "Approver", "Operator", "Support", "Auditor"])
def test_nobody_else_changes_the_list(client, role):
    client.force_login(StaffFactory(roles=[role]))
    assert client.post(ADD, {"name": "Fee", "is_active": "on"}).status_code == 403
    assert not Category.objects.exists()
    assert not DeskEvent.objects.exists()
