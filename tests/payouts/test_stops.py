"""A stop is an act of its own, and no page that was opened before it undoes it."""

from functools import partial

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.staff import people
from tests.factories import StaffFactory, UserFactory
from tests.payouts.test_logins import fields_of, person_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    boss = UserFactory(username="boss", is_superuser=True)
    client.force_login(boss)
    return boss


@pytest.fixture
def amira():
    return StaffFactory(username="amira", roles=["Approver"])


def act_url(name, person):
    return reverse(f"admin:auth_user_{name}", args=[person.pk])


def disabled(person, boss):
    people.disable(person, reason="Lost her phone", actor=Actor.staff(boss, Channel.ADMIN))


def role_taken(person, _boss):
    person.groups.clear()


def no_staff(person, _boss):
    User.objects.filter(pk=person.pk).update(is_staff=False)


def state():
    rows = list(User.objects.order_by("pk").values())
    held = [User.groups.through, User.user_permissions.through]
    return rows, [list(each.objects.values_list()) for each in held], DeskEvent.objects.count()


@pytest.mark.parametrize(
    ("stop", "sentence"),
    [
        (disabled, "Enabled: yes → no"),
        (role_taken, "Roles: Approver → —"),
        (no_staff, "May use the desk: yes → no"),
    ],
)
def test_g72_a_page_of_a_person_opened_before_a_stop_is_refused(
    client, boss, amira, stop, sentence
):
    form = fields_of(client, amira)
    stop(amira, boss)
    before = state()

    refused = client.post(person_url(amira), form | {"first_name": "Amira", "is_active": "on"})

    assert sentence in refused.content.decode()
    assert state() == before
    again = client.post(person_url(amira), form | {"shown": refused.context["shown"]})
    assert sentence in again.content.decode()
    assert client.post(person_url(amira), fields_of(client, amira)).status_code == 302


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda amira: amira.user_permissions.clear(), "Rights: may no longer see payouts"),
        (lambda amira: update(amira, is_superuser=False), "Superuser: yes → no"),
        (lambda amira: update(amira, first_name="Nina"), "Name: Amira → Nina"),
        (lambda amira: update(amira, email=""), "E-mail: amira@example.com → —"),
    ],
    ids=["rights", "superuser", "name", "email"],
)
def test_g72_a_page_of_a_person_knows_all_that_it_showed(client, boss, amira, change, sentence):
    view = Permission.objects.get(codename="view_payout")
    amira.user_permissions.add(view)
    update(amira, is_superuser=True, first_name="Amira", email="amira@example.com")
    form = fields_of(client, amira) | {"user_permissions": [view.pk]}
    change(amira)
    before = state()

    refused = client.post(person_url(amira), form)

    assert sentence in refused.content.decode()
    assert state() == before


def test_g72_a_page_of_a_person_opened_before_a_role_was_renamed_is_refused(client, boss, amira):
    helpers = Group.objects.create(name="Helpers")
    amira.groups.set([helpers])
    form = fields_of(client, amira)
    Group.objects.filter(pk=helpers.pk).update(name="Tellers")
    before = state()

    refused = client.post(person_url(amira), form | {"first_name": "Amira"})

    assert "Roles: Helpers → Tellers" in refused.content.decode()
    assert state() == before


def update(person, **changes):
    User.objects.filter(pk=person.pk).update(**changes)


@pytest.mark.parametrize(
    "shown", ["", "{}", "[1]", "nonsense", '{"login": 1' + "]" * 9, "9" * 5000]
)
def test_g72_a_page_that_does_not_say_what_it_showed_is_refused(client, boss, amira, shown):
    form, before = fields_of(client, amira) | {"shown": shown, "first_name": "A"}, state()

    assert "Open the page again" in client.post(person_url(amira), form).content.decode()
    assert state() == before


def test_g72_a_page_of_a_role_opened_before_a_right_was_taken_is_refused(client, boss):
    approver = Group.objects.get(name="Approver")
    url = reverse("admin:auth_group_change", args=[approver.pk])
    page = client.get(url)
    form = {"name": "Approver", "shown": page.context["shown"]}
    form["permissions"] = list(approver.permissions.values_list("pk", flat=True))
    approver.permissions.remove(approver.permissions.get(codename="approve_payout"))

    refused = client.post(url, form)

    assert "This changed since you opened the page" in refused.content.decode()
    assert not approver.permissions.filter(codename="approve_payout").exists()
    assert not DeskEvent.objects.exists()


def test_g72_no_tick_makes_a_person_active_or_not(client, boss, amira):
    form = fields_of(client, amira)
    assert "is_active" not in client.get(person_url(amira)).context["adminform"].form.fields

    assert client.post(person_url(amira), form | {"is_active": ""}).status_code == 302
    assert User.objects.get(pk=amira.pk).is_active


def test_g72_disabling_and_enabling_are_acts_with_a_reason(client, boss):
    amira = StaffFactory(username="amira", roles=["Requester"])
    for name, active in (("disable", False), ("enable", True)):
        url = act_url(name, amira)
        assert url in client.get(person_url(amira)).content.decode()
        page = client.get(url)
        seen = page.context["form"]["seen"].value()
        assert User.objects.get(pk=amira.pk).is_active is not active

        for reason in ("", "  ", "two\nlines"):
            refused = client.post(url, {"seen": seen, "reason": reason})
            assert "reason" in refused.context["form"].errors
        assert User.objects.get(pk=amira.pk).is_active is not active

        assert client.post(url, {"seen": seen, "reason": "As agreed"}).status_code == 302
        assert User.objects.get(pk=amira.pk).is_active is active
        event = DeskEvent.objects.get(event_type=name)
        assert (event.person, event.reason) == (boss, "As agreed")
        assert f'"whom": "{amira.pk}"' in event.data
        again = client.post(url, {"seen": event.number, "reason": "As agreed"})
        assert again.context["form"].errors
    assert DeskEvent.objects.count() == 2


def test_g72_an_old_page_does_not_let_in_whom_somebody_stopped_again(client, boss):
    amira = StaffFactory(username="amira", roles=["Requester"])
    disabled(amira, boss)
    seen = client.get(act_url("enable", amira)).context["form"]["seen"].value()
    people.enable(amira, seen=seen, reason="Found it", actor=Actor.staff(boss, Channel.ADMIN))
    disabled(User.objects.get(pk=amira.pk), boss)

    refused = client.post(act_url("enable", amira), {"seen": seen, "reason": "As agreed"})

    assert "stopped again" in refused.content.decode()
    assert not User.objects.get(pk=amira.pk).is_active


def test_g72_nobody_stops_themselves_nor_a_superuser_without_being_one(client, boss, amira):
    for person in (boss, StaffFactory(roles=["User manager"])):
        client.force_login(person)
        refused = [act_url("disable", person)] + [act_url("disable", boss)] * (person != boss)
        for url in refused:
            assert client.get(url).status_code == 403
            assert client.post(url, {"reason": "x"}).status_code == 403
    client.force_login(amira)
    assert client.post(act_url("disable", boss), {"reason": "x"}).status_code == 403
    assert not User.objects.filter(is_active=False).exists()


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines"])
def test_g72_the_act_itself_needs_a_reason_whatever_the_page_asks(boss, amira, reason):
    before = state()

    with pytest.raises(Refused):
        people.disable(amira, reason=reason, actor=Actor.staff(boss, Channel.ADMIN))

    assert state() == before


def test_g72_the_act_itself_is_done_by_nobody_to_themselves(boss):
    before = state()

    with pytest.raises(NotAllowed):
        people.disable(boss, reason="Tired", actor=Actor.staff(boss, Channel.ADMIN))

    assert state() == before


@pytest.mark.parametrize("roles", [[], ["Approver"], ["User manager"]])
def test_g72_the_act_itself_asks_for_the_right(boss, amira, roles):
    """Who manages users stops amira, but no superuser."""
    actor, before = Actor.staff(StaffFactory(roles=roles), Channel.ADMIN), state()

    for whom in [boss] if roles == ["User manager"] else [boss, amira]:
        with pytest.raises(NotAllowed):
            people.disable(whom, reason="Fraud", actor=actor)
        with pytest.raises(NotAllowed):
            people.enable(whom, seen=0, reason="Fraud", actor=actor)

    assert state() == before


def test_g72_no_get_stops_anybody(client, boss, amira):
    client.get(act_url("disable", amira), {"reason": "x"})
    assert User.objects.get(pk=amira.pk).is_active


def test_g72_an_old_page_does_not_resume_what_was_paused_again(client, clock):
    operator = StaffFactory(roles=["Operator"])
    client.force_login(operator)
    url = reverse("admin:payouts_controls_switch_set")

    def turn(act, reason):
        clock.forward(minutes=1)
        act(reason=reason, actor=Actor.staff(operator, Channel.ADMIN))

    turn(partial(switch.set_sending, False), "Wrong rate")
    form = client.get(url).context["form"]
    fields = {"to": "on", "seen": form["seen"].value(), "reason": "Mended"}
    turn(partial(switch.set_sending, True), "Mended")
    turn(partial(switch.set_sending, False), "A break-in")

    refused = client.post(url, fields)

    assert "A break-in" in refused.content.decode()
    assert not Switch.objects.get().is_on
    fresh = client.get(url).context["form"]["seen"].value()
    assert client.post(url, fields | {"seen": fresh}).status_code == 302
    assert Switch.objects.get().is_on


def test_g72_a_pause_is_refused_for_no_page_s_age(client, clock):
    operator = StaffFactory(roles=["Operator"])
    client.force_login(operator)
    switch.set_sending(False, reason="Wrong", actor=Actor.staff(operator, Channel.ADMIN))
    switch.set_sending(True, reason="Mended", actor=Actor.staff(operator, Channel.ADMIN))

    client.post(reverse("admin:payouts_controls_switch_set"), {"to": "paused", "reason": "Stop"})

    assert not Switch.objects.get().is_on
