"""Who gives rights never decides about money, whichever way the rights come."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import checks
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from audit import chain
from audit.models import DeskEvent
from payouts.models import Approval, Payout, PayoutStatus
from payouts.staff import roles
from tests.factories import PayoutFactory, StaffFactory, UserFactory
from tests.payouts.test_logins import fields_of, save
from tests.payouts.test_records import tamper

pytestmark = pytest.mark.django_db

DECIDERS = sorted(roles.DECIDERS)
PEOPLE = reverse("admin:auth_user_changelist")


def group(name):
    return Group.objects.get(name=name)


def right(name):
    return Permission.objects.get(codename=name)


def holdings():
    tables = (User.groups, User.user_permissions, Group.permissions)
    return [sorted(each.through.objects.values_list()) for each in tables]


@pytest.fixture
def boss(client):
    boss = UserFactory(username="boss", is_superuser=True)
    client.force_login(boss)
    return boss


# Pages


@pytest.mark.parametrize("other", DECIDERS)
def test_g42_the_page_of_a_person_refuses_both_roles(client, boss, other):
    person = StaffFactory(roles=["User manager"])
    before = holdings()

    refused = save(client, person, groups=[group("User manager").pk, group(other).pk])

    assert "never manages users and decides about money" in refused.content.decode()
    assert holdings() == before
    assert not DeskEvent.objects.exists()
    instead = {"groups": [group(other).pk], "reason": "Promoted"}
    assert save(client, person, **instead).status_code == 302  # instead is fine


def test_g42_a_user_manager_gives_nobody_both(client):
    client.force_login(StaffFactory(roles=["User manager"]))
    person = StaffFactory(roles=["Approver"])
    before = holdings()

    refused = save(client, person, groups=[group("User manager").pk, group("Approver").pk])

    assert "never manages users" in refused.content.decode()
    assert holdings() == before


def test_g42_the_page_of_a_person_refuses_a_single_right_of_the_other_side(client, boss):
    person = StaffFactory(roles=["User manager"])
    before = holdings()

    refused = save(client, person, user_permissions=[right("approve_payout").pk])

    assert "never manages users" in refused.content.decode()
    assert holdings() == before


@pytest.mark.parametrize(
    "name", [f"{act}_{what}" for act in ("add", "change", "delete") for what in ("user", "group")]
)
def test_g42_who_changes_people_or_roles_decides_nothing(client, boss, name):
    person = StaffFactory(roles=["Approver"])
    before = holdings()

    refused = save(client, person, user_permissions=[right(name).pk])

    assert "never manages users" in refused.content.decode()
    assert holdings() == before


def role_form(client, role, **changes):
    url = reverse("admin:auth_group_change", args=[role.pk])
    page = client.get(url)
    fields = {"name": role.name, "shown": page.context["shown"]}
    fields["permissions"] = list(role.permissions.values_list("pk", flat=True))
    return client.post(url, fields | changes)


def test_g42_the_page_of_a_role_refuses_what_gives_its_members_both(client, boss):
    helpers = Group.objects.create(name="Helpers")
    person = StaffFactory(username="torn", roles=["User manager", "Helpers"])
    before = holdings()

    refused = role_form(client, helpers, permissions=[right("release_payout").pk])

    assert f"decide about money: {person}." in refused.content.decode()
    assert holdings() == before


def test_g42_the_page_of_a_role_looks_at_what_its_members_hold_alone(client, boss):
    helpers = Group.objects.create(name="Helpers")
    person = StaffFactory(username="torn", roles=["Helpers"])
    person.user_permissions.add(right("change_user"))
    before = holdings()

    refused = role_form(client, helpers, permissions=[right("release_payout").pk])

    assert f"decide about money: {person}." in refused.content.decode()
    assert holdings() == before


def test_g42_no_role_holds_both(client, boss):
    both = [right("change_user").pk, right("approve_payout").pk]
    before = holdings()

    for refused in (
        role_form(client, group("Approver"), permissions=both),
        client.post(reverse("admin:auth_group_add"), {"name": "All", "permissions": both}),
    ):
        assert "No role holds both" in refused.content.decode()
    assert holdings() == before
    assert not Group.objects.filter(name="All").exists()


def test_g42_a_role_of_the_desk_keeps_its_name(client, boss):
    assert "goes by the name" in role_form(client, group("Approver"), name="A").content.decode()
    assert Group.objects.filter(name="Approver").exists()


# Any other way


def by_another_group(person):
    wide = Group.objects.create(name="Wide")
    wide.permissions.add(right("approve_payout"))
    person.groups.add(wide)


def by_a_change_of_a_group(person):
    person.groups.add(narrow := Group.objects.create(name="Narrow"))
    narrow.permissions.add(right("hold_payout"))


def by_the_name_of_a_group(person):
    person.groups.add(plain := Group.objects.create(name="Plain"))
    Group.objects.filter(name="Policy manager").delete()
    plain.name = "Policy manager"
    plain.save()


def by_the_end_of_being_a_superuser(person):
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    person.groups.add(group("Approver"))
    User.objects.filter(pk=person.pk).update(is_superuser=False)


WAYS = {
    "groups.add": lambda person: person.groups.add(group("Approver")),
    "groups.set": lambda person: person.groups.set(Group.objects.all()),
    "from the group": lambda person: group("Operator").user_set.add(person),
    "a right": lambda person: person.user_permissions.add(right("set_sending")),
    "SQL": lambda person: run(
        "INSERT INTO auth_user_groups (user_id, group_id) VALUES (%s, %s)",
        [person.pk, group("Policy manager").pk],
    ),
    "an update": lambda person: run(
        "UPDATE auth_user_groups SET user_id = %s WHERE user_id = %s",
        [person.pk, StaffFactory(roles=["Approver"]).pk],
    ),
    "another group": by_another_group,
    "a group's rights": by_a_change_of_a_group,
    "a group's name": by_the_name_of_a_group,
    "no superuser any more": by_the_end_of_being_a_superuser,
}


def run(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize("way", WAYS)
def test_g42_the_database_refuses_both_by_any_way(way):
    person = StaffFactory(roles=["User manager"])
    before = holdings()

    with pytest.raises(IntegrityError, match="never manages users"), transaction.atomic():
        WAYS[way](person)

    assert holdings() == before


@pytest.mark.parametrize("role", ["Requester", "Auditor"])
def test_g42_other_roles_go_with_a_user_manager(role):
    person = StaffFactory(roles=["User manager", role])
    assert person.groups.count() == 2


def test_g42_a_superuser_may_be_given_anything():
    boss = UserFactory(is_superuser=True)
    boss.groups.set(Group.objects.all())
    assert boss.groups.count() == len(roles.ROLES)
    assert roles.people_who_may_approve([boss.pk]) == {boss.pk}


# While both stand


def make_torn(person):
    """Give both as somebody could who owns the database, or as it was before it refused."""
    manager = group("User manager").pk
    sql = f"INSERT INTO auth_user_groups (user_id, group_id) VALUES ({person.pk}, {manager})"
    trigger = "auth_user_groups_apart" + ("" if connection.vendor == "postgresql" else "_0")
    tamper("auth_user_groups", trigger, sql)


def test_g42_while_both_stand_the_approval_does_not_count_at_the_claim(office):
    torn, other = (
        StaffFactory(username="torn", roles=["Approver"]),
        StaffFactory(roles=["Approver"]),
    )
    payout = PayoutFactory(status=PayoutStatus.APPROVED, approved_by=torn)
    assert roles.people_who_may_approve([torn.pk, other.pk]) == {torn.pk, other.pk}

    make_torn(torn)

    assert roles.people_who_may_approve([torn.pk, other.pk]) == {other.pk}
    assert office.submit() == 0
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert Approval.objects.get(payout=payout).voided_at is not None
    assert not office.sandbox.calls


@pytest.mark.parametrize("way", ["right", "role"])
def test_g42_who_manages_by_a_right_or_another_role_approves_nothing(way):
    torn = StaffFactory(roles=["Approver"])
    table, column, held = "auth_user_user_permissions", "permission_id", right("change_user")
    if way == "role":
        table, column, held = "auth_user_groups", "group_id", Group.objects.create(name="Helpers")
        held.permissions.add(right("change_user"))
    trigger = f"{table}_apart" + ("" if connection.vendor == "postgresql" else "_0")
    tamper(table, trigger, f"INSERT INTO {table} (user_id, {column}) VALUES ({torn.pk}, {held.pk})")

    assert not roles.people_who_may_approve([torn.pk])
    assert list(roles.people_with_both()) == [torn]


@pytest.mark.parametrize("name", ["Approver", "Operator", "Policy manager"])
def test_g42_a_role_counts_by_its_name_alone_on_either_side(name):
    """Its rights may come later."""
    for each in (name, "User manager"):
        group(each).permissions.clear()
    torn = StaffFactory(roles=[name])

    with pytest.raises(IntegrityError, match="never manages users"), transaction.atomic():
        torn.groups.add(group("User manager"))
    assert not roles.are_apart([name, "User manager"], [])
    make_torn(torn)

    assert list(roles.people_with_both()) == [torn]


def test_g42_a_check_and_the_list_of_people_name_who_has_both(client, boss):
    torn = StaffFactory(username="torn", roles=["Approver"])
    assert "torn</a>" not in client.get(PEOPLE).content.decode().partition("desk-note")[2][:900]
    make_torn(torn)

    found = {each.id: each.msg for each in checks.run_checks(databases=["default"])}

    assert found["desk.W002"].startswith("torn manages users and decides")
    assert found["desk.I001"].startswith("boss is a superuser")
    assert not [each for each in checks.run_checks() if each.id.startswith("desk.")]
    page = client.get(PEOPLE)
    assert list(page.context["with_both"]) == [torn]
    assert "Their approvals do not count" in page.content.decode()


# Sealed events


def last_event(act):
    assert chain.first_broken(DeskEvent.objects.order_by("number")) is None
    return DeskEvent.objects.get(event_type=act)


def test_g42_a_change_of_roles_is_a_sealed_event(client, boss):
    person = StaffFactory(username="nina", roles=["Requester"])

    assert save(client, person, groups=[group("Auditor").pk]).status_code == 302

    event = last_event("change_person")
    assert (event.person, event.login) == (boss, "boss")
    assert f'"whom": "{person.pk}"' in event.data
    assert "Requester \\u2192 Auditor" in event.data


def test_i4_no_name_and_no_mail_of_a_person_is_sealed(client, boss):
    person = StaffFactory(username="nina", first_name="Nina", email="nina@example.com")

    changes = {"first_name": "Ninotchka", "last_name": "", "email": "new@example.com"}
    assert save(client, person, **changes).status_code == 302

    event, ended = DeskEvent.objects.filter(event_type="change_person").order_by("-number")
    assert ended.facts["password"] == "chosen → —"
    assert (event.facts["name"], event.facts["email"]) == ("changed", "changed")
    assert not any(word in event.data for word in ("Nin", "example.com"))


def test_g42_a_page_saved_unchanged_logs_nothing(client, boss):
    assert save(client, StaffFactory(roles=["Requester"])).status_code == 302
    assert not DeskEvent.objects.exists()


def test_g42_a_change_of_a_role_s_rights_is_a_sealed_event(client, boss):
    auditor = group("Auditor")

    assert role_form(client, auditor, permissions=[right("view_payout").pk]).status_code == 302

    event = last_event("change_role")
    assert event.person == boss
    assert "view_deskevent" in event.data


def test_g42_one_s_own_new_password_is_a_sealed_event(client):
    person = StaffFactory(username="nina")
    person.set_password("an-old-word")
    person.save()
    client.force_login(person)
    url = reverse("admin:password_change")
    new = {"new_password1": "a-long-word", "new_password2": "a-long-word"}

    client.post(url, new | {"old_password": "wrong"})
    assert not DeskEvent.objects.exists()
    assert client.post(url, new | {"old_password": "an-old-word"}).status_code == 302

    assert last_event("password").person == person


def test_g42_a_form_of_a_person_carries_no_password(client, boss):
    person = StaffFactory(roles=["Requester"])
    assert "password" not in fields_of(client, person)["shown"]
