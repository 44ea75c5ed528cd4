"""Who did it stays who did it: logins of the day, renames, and logins that look alike."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from audit import chain
from audit.actor import Actor, Channel
from audit.events import log_event
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import Refused
from payouts import operations
from payouts.models import Payout, PayoutEvent
from payouts.seen import see
from payouts.staff import people
from payouts.staff.models import Login
from tests.factories import PayoutFactory, StaffFactory, UserFactory
from tests.payouts.test_records import tamper

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

PEOPLE = reverse("admin:auth_user_changelist")
ADD = reverse("admin:auth_user_add")


def person_url(person):
    return reverse("admin:auth_user_change", args=[person.pk])


@pytest.fixture
def manager(client):
    manager = StaffFactory(username="uma", roles=["User manager"])
    client.force_login(manager)
    return manager


def fields_of(client, person):
    """What a browser would send back of a person's page, unchanged."""
    page = client.get(person_url(person))
    form = page.context["adminform"].form
    fields = {"shown": page.context["shown"]}
    for name in form.fields:
        value = form[name].value()
        if value is True or (value and name != "password"):
            fields[name] = (
                [getattr(each, "pk", each) for each in value] if name == "groups" else value
            )
    return fields


def save(client, person, **changes):
    return client.post(person_url(person), fields_of(client, person) | changes)


def rename(client, person, login):
    assert save(client, person, username=login).status_code == 302


def add(client, login):
    return client.post(ADD, {"username": login})


def all_logins():
    return list(User.objects.order_by("pk").values_list("pk", "username"))


def approved_by(person):
    payout = PayoutFactory()
    perform(operations.APPROVE, see([payout]), actor=Actor.staff(person, Channel.ADMIN))
    return Payout.objects.get(pk=payout.pk)


def chains_close(payout):
    events = payout.events.order_by("number")
    return not chain.first_broken(events) and not chain.first_broken(
        DeskEvent.objects.order_by("number")
    )


def test_g78_an_event_keeps_the_login_as_it_was(client, manager):
    amira = StaffFactory(username="amira", roles=["Approver"])
    payout = approved_by(amira)

    rename(client, amira, "nina")

    assert payout.events.get(event_type="approve").login == "amira"
    assert chains_close(payout)
    renamed = DeskEvent.objects.get(event_type="rename")
    assert (renamed.person, renamed.login) == (manager, "uma")
    assert "amira" in renamed.data
    assert "nina" in renamed.data
    client.force_login(StaffFactory(roles=["Auditor"]))
    page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk])).content.decode()
    assert page.count("amira (now nina)") == 2  # of the event and of the approval


def test_g78_a_payout_keeps_the_login_of_who_asked_for_it(client, manager):
    payout = PayoutFactory(requested_by=StaffFactory(username="rosa", roles=["Requester"]))
    rename(client, payout.requested_by, "nina")

    client.force_login(StaffFactory(roles=["Auditor"]))
    page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk])).content.decode()

    assert page.count("rosa (now nina)") == 3  # at the top, as a maker, and of the event


def test_g78_the_list_of_desk_events_keeps_it_too(client, manager):
    rename(client, manager, "ulla")
    client.force_login(StaffFactory(roles=["Auditor"]))

    page = client.get(reverse("admin:audit_deskevent_changelist")).content.decode()

    assert "uma (now ulla)" in page


def test_g78_the_login_of_the_day_is_sealed():
    payout = approved_by(StaffFactory(username="amira", roles=["Approver"]))

    tamper(
        "payouts_payoutevent",
        "payouts_payoutevent_fixed",
        "UPDATE payouts_payoutevent SET data = replace(data, 'amira', 'arno')",
    )

    assert not chains_close(payout)


def test_g78_events_from_before_name_who_it_is_today_and_those_of_the_system_nobody():
    payout = PayoutFactory()
    log_event("note", actor=Actor.system(Channel.WORKER))
    old = PayoutEvent(person=payout.requested_by, event_type="request", data='{"money": "5 USDT"}')

    assert (old.login, old.who) == (None, payout.requested_by.username)
    assert (DeskEvent.objects.get().login, DeskEvent.objects.get().data) == (None, "")


@pytest.mark.parametrize("login", ["amira", "Amira", "\u0430mira"])
def test_g78_a_login_that_was_given_up_is_given_to_nobody_else(client, manager, login):
    amira, other = StaffFactory(username="amira"), StaffFactory(username="arno")
    rename(client, amira, "nina")
    before, events = all_logins(), DeskEvent.objects.count()

    for refused in (add(client, login), save(client, other, username=login)):
        assert "username" in refused.context["adminform"].form.errors
    assert (all_logins(), DeskEvent.objects.count()) == (before, events)

    rename(client, amira, "amira")  # it is her own
    assert User.objects.get(pk=amira.pk).username == "amira"


LOOK_ALIKE = [
    ("ren\u00e9", "rene\u0301"),
    ("amira", "AMIRA"),
    ("amira", "\u0430mira"),
    ("cope", "\u0441\u043e\u0440\u0435"),
    ("a-b", "a\u2010b"),
    ("kim", "\u212aim"),
    ("amira", "\uff41\uff4d\uff49\uff52\uff41"),
    ("amira", "amira "),
]


@pytest.mark.parametrize(("login", "other"), LOOK_ALIKE)
def test_g79_a_login_that_looks_like_another_is_refused(client, manager, login, other):
    UserFactory(username=login)
    before = all_logins()

    assert "username" in add(client, other).context["adminform"].form.errors
    assert all_logins() == before


def test_g79_nobody_is_renamed_to_what_looks_like_another(client, manager):
    nina, _amira = UserFactory(username="nina"), UserFactory(username="amira")
    before = all_logins()

    refused = save(client, nina, username="\u0430mira")

    assert "username" in refused.context["adminform"].form.errors
    assert all_logins() == before


def test_g79_a_login_of_two_alphabets_is_refused(client, manager):
    refused = add(client, "ni\u043da")

    assert "different alphabets" in str(refused.context["adminform"].form.errors["username"])
    assert not User.objects.exclude(pk=manager.pk).exists()


def test_g79_a_login_is_stored_composed(client, manager):
    assert add(client, "rene\u0301").status_code == 302
    assert User.objects.filter(username="ren\u00e9").exists()
    added = DeskEvent.objects.get(event_type="add_person")
    assert (added.person, "ren\\u00e9" in added.data) == (manager, True)


def test_g79_two_at_once_cannot_take_look_alikes(client, manager):
    """The form saw neither; the database has one row for what both fold to."""
    people.keep_login(UserFactory(username="nina"), "nina")
    with pytest.raises(Refused, match="looks like"):
        people.keep_login(UserFactory(username="Nina"), "Nina")


def test_g78_logins_of_the_past_are_never_deleted():
    login = Login.objects.create(person=UserFactory(username="nina"), text="nina", folded="nina")
    before = list(Login.objects.values())
    for change in (
        "DELETE FROM payouts_staff_login",
        "UPDATE payouts_staff_login SET folded = 'x'",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{change} WHERE id = %s", [login.pk])
    assert list(Login.objects.values()) == before
