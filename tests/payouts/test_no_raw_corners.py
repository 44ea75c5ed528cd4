"""Every page in the desk's own words: people and roles in sentences, events as old → new."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.texts import day_and_hour
from config import command_line
from payouts import operations
from payouts.models import Category, Note
from payouts.seen import see
from payouts.staff import people, rights
from payouts.staff.roles import ROLES
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, UserFactory
from tests.payouts.test_logins import fields_of, person_url
from wallets.models import PayoutMethod

pytestmark = pytest.mark.django_db

RAW = [
    *(
        "yielded into",
        'aria-label="Select record',
        "Return to site",
        "Save and add another",
        "Save and view",
    ),
    *("Authentication and Authorization", "Select user", "Select group", "payout method"),
    *("Save and view", "Save and continue", "Staff status", "Can view", "Can add", "0.50000000"),
]


def lists():
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
        if model is not Note  # which has no list: notes stand on the pages of what they are about
    ]


def pages_of(*rows):
    return [
        reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        for row in rows
    ]


@pytest.fixture
def boss(client):
    boss = UserFactory(username="boss", is_superuser=True)
    client.force_login(boss)
    return boss


def test_no_list_speaks_in_other_words_when_it_is_empty(client, boss):
    PayoutMethod.objects.all().delete()
    pages = {url: client.get(url).content.decode() for url in lists()}
    client.logout()
    pages["login"] = client.get(reverse("admin:login")).content.decode()
    assert "Login" in pages["login"]
    assert "Username" not in pages["login"]
    for url, page in pages.items():
        assert [words for words in RAW if words in page] == [], url


def test_no_page_speaks_in_other_words(client, boss):
    service, payout = PayoutMethodFactory(), PayoutFactory()
    person = StaffFactory(roles=["Requester"])
    rows = [service, payout.wallet, payout.client, person, Group.objects.get(name="Approver")]
    adds = [
        reverse(f"admin:{name}_add")
        for name in ("wallets_client", "wallets_wallet", "auth_user", "auth_group")
    ]
    for url in [*lists(), *pages_of(*rows), *adds]:
        page = client.get(url).content.decode()
        assert [words for words in RAW if words in page] == [], url


def test_a_record_is_shown_by_names_and_values(client, boss):
    people.disable(
        StaffFactory(username="nina"), reason="Left us", actor=Actor.staff(boss, Channel.ADMIN)
    )
    event = DeskEvent.objects.get()

    page = client.get(reverse("admin:audit_deskevent_change", args=[event.pk]))

    assert ("Details", "Person: nina") in page.context["facts"]
    assert "1: Person stopped" in page.content.decode()
    assert event.hash in page.content.decode()


def test_where_a_page_stands_is_said_in_the_desk_s_words(client, boss):
    words = {"auth_user": "People", "auth_group": "Roles", "wallets_payoutmethod": "Services and"}
    for name, title in words.items():
        page = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert re.search(rf"<title>\s*{title}", page)


# People and roles


def test_every_right_of_a_role_is_in_words():
    assert {right for role in ROLES.values() for right in role} <= set(rights.ORDER)


def test_a_right_that_has_no_words_of_its_own_is_called_by_its_name():
    permission = Permission.objects.get(codename="approve_payout")
    permission.codename = "sing_payout"
    permission.name = "Can sing about a payout"

    assert rights.in_words(permission) == "sing about a payout"


def test_a_role_is_a_sentence(client, boss):
    role = Group.objects.create(name="Tellers")
    names = ["view_client", "hold_payout", "view_payout", "add_payout"]
    role.permissions.set(Permission.objects.filter(codename__in=names))
    StaffFactory(username="petra", roles=["Tellers"])
    said = "May request payouts and put payouts on hold. Sees payouts and clients."

    assert said in client.get(reverse("admin:auth_group_changelist")).content.decode()
    client.force_login(StaffFactory(roles=["Auditor"]))
    page = client.get(reverse("admin:auth_group_change", args=[role.pk])).content.decode()
    assert said in page
    assert "1 person has it" in page
    assert "petra" in page
    assert "<form" not in page.partition("desk-columns")[2].partition("</main>")[0]


def test_the_page_of_a_person_offers_roles_with_what_they_permit(client, boss):
    person = StaffFactory(roles=["Requester"])

    page = client.get(person_url(person)).content.decode()

    assert "May approve payouts, reject payouts, put payouts on hold" in page
    assert 'name="groups"' in page
    assert "May use the desk" in page


def test_who_may_only_look_sees_a_person_without_a_form(client):
    client.force_login(StaffFactory(roles=["Auditor"]))
    person = StaffFactory(username="nina", first_name="Nina", roles=["Requester"])

    page = client.get(person_url(person)).content.decode()

    assert "Nina" in page
    assert "request payouts" in page
    assert 'name="groups"' not in page


def test_a_person_is_saved_as_the_page_sends_it(client, boss):
    person = StaffFactory(roles=["Requester"])
    form = fields_of(client, person)

    response = client.post(person_url(person), form | {"first_name": "Nina"}, follow=True)

    assert f"The change of {person} was saved." in response.content.decode()
    assert response.request["PATH_INFO"] == person_url(person)


@pytest.mark.parametrize("name", ["auth_user", "auth_group"])
def test_the_lists_of_people_and_roles_take_the_same_few_statements(client, boss, name):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse(f"admin:{name}_changelist"))
        return len(captured)

    StaffFactory(roles=["Requester", "Auditor"])
    statements()  # content types and the like are read once
    few = statements()
    for number in range(10):
        StaffFactory(roles=["Requester", "Auditor"])
        Group.objects.create(name=f"Helpers {number}").permissions.add(Permission.objects.first())

    assert statements() == few


# Events


@pytest.mark.usefixtures("usdt")
def test_an_edit_says_what_it_was_and_what_it_became(client, boss):
    payout, by = PayoutFactory(), StaffFactory(roles=["Requester"])
    for amount in ("7.25", "8"):
        edit = operations.Edit(
            wallet=payout.wallet,
            currency="USDT",
            amount=Decimal(amount),
            purpose="Prize",
            reference="INV-7",
        )
        actor = Actor.staff(by, Channel.ADMIN)
        [seen] = see([type(payout).objects.get(pk=payout.pk)])
        operations.edit_payout(seen, edit, reason="Typo", actor=actor)

    page = client.get(*pages_of(payout))

    shown = [entry.data for entry in page.context["timeline"] if entry.title == "Changed"]
    assert shown == [
        {"Amount": "7.25 USDT → 8 USDT"},
        {"Amount": "5 USDT → 7.25 USDT", "Reference": "— → INV-7"},
    ]


@pytest.mark.usefixtures("usdt")
def test_an_edit_says_which_day_and_category_became_which(client, boss, clock):
    Category.objects.create(name="Refund")
    day, payout = clock() + timedelta(days=3), PayoutFactory()
    actor = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
    same = {"wallet": payout.wallet, "currency": "USDT", "amount": payout.amount}
    for new in ({"pay_from": day}, {"pay_from": day, "category": "Refund"}, {}):
        [seen] = see([type(payout).objects.get(pk=payout.pk)])
        edit = operations.Edit(purpose=payout.purpose, **same, **new)
        operations.edit_payout(seen, edit, reason="Later", actor=actor)

    page = client.get(*pages_of(payout))

    shown = [entry.data for entry in page.context["timeline"] if entry.title == "Changed"]
    on = day_and_hour(day)
    assert shown == [
        {"Category": "Refund → —", "Pay from": f"{on} → —"},
        {"Category": "— → Refund"},
        {"Pay from": f"— → {on}"},
    ]


def test_a_desk_event_says_whose_roles_became_which(client, boss):
    person = StaffFactory(username="nina", roles=["Requester"])
    actor = Actor.staff(boss, Channel.ADMIN)
    before = people.facts_of_person(person)
    person.groups.set(Group.objects.filter(name="Auditor"))
    person.user_permissions.set(Permission.objects.filter(codename="approve_payout"))
    people.log_person(person, before, actor=actor)
    people.disable(person, reason="Left us", actor=actor)

    page = client.get(reverse("admin:audit_deskevent_changelist")).content.decode()

    assert "Person: nina; Roles: Requester → Auditor; Rights: may now approve payouts" in page
    assert "payouts.approve_payout" not in page
    assert "whom" not in page


# Commands


def test_help_names_the_desk_s_commands_with_a_line_each():
    lines = command_line.help_of_all().splitlines()

    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert names == sorted(names)
    assert {"worker", "explain_payout", "heleket_sandbox", "demo"} <= set(names)
    assert not {"migrate", "shell", "createsuperuser"} & set(names)
    line = "  explain_payout     Say what a payout waits for, since when, who can act, and what"
    assert any(each.startswith(line) for each in lines)


def test_help_alone_is_the_desk_s_own(monkeypatch, capsys):
    import manage

    monkeypatch.setattr(manage.environment, "use_made_up_values", lambda **_values: None)
    for arguments in (["manage.py"], ["manage.py", "help"]):
        monkeypatch.setattr("sys.argv", arguments)
        manage.main()
        assert capsys.readouterr().out == command_line.help_of_all() + "\n"
