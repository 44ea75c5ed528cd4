"""The first people of a desk, and how a user manager comes back in."""

import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core import checks, mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from audit import chain
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts.staff import grants, needs, powers, recovery
from payouts.staff.models import JointAct, PasswordLink, Recovery
from tests.every_page import unmarked
from tests.factories import StaffFactory, UserFactory
from tests.payouts.test_drafts import confirm, draft_url, roles_of, standing

pytestmark = pytest.mark.django_db

MANAGERS = reverse("admin:auth_user_managers")
DRAFTS = reverse("admin:auth_user_drafts")
NEW = {"new_password1": "a-long-word", "new_password2": "a-long-word"}
THREE = [
    *("--user-manager", "uma:uma@example.com", "--requester", "uma"),
    *("--policy-manager", "petra:petra@example.com", "--policy-manager", "paul"),
    *("--approver", "petra", "--approver", "paul", "--operator", "paul"),
]


def actor(person):
    return Actor.staff(person, Channel.ADMIN)


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def paths(text):
    return re.findall(r"http://127.0.0.1:8000(/links/\S+/)", text)


# The first people


def test_three_people_are_set_up_and_do_all_that_takes_two(client):
    out = run("make_first_staff", *THREE)

    assert {each.username: roles_of(each) for each in User.objects.all()} == {
        "uma": {"User manager", "Requester"},
        "petra": {"Policy manager", "Approver"},
        "paul": {"Policy manager", "Approver", "Operator"},
    }
    assert User.objects.get(username="uma").email == "uma@example.com"
    assert needs.lacking() == []
    [event] = DeskEvent.objects.filter(event_type="first_staff")
    assert (event.channel, "paul: Approver, Operator, Policy manager" in event.data) == (
        "command",
        True,
    )
    assert len(paths(out)) == 3
    for path, login in zip(paths(out), ["uma", "petra", "paul"], strict=True):
        assert f"Your login is {login}" in unmarked(Client().get(path))
        Client().post(path, NEW)
        assert Client().login(username=login, password="a-long-word")


def test_a_desk_is_set_up_once():
    run("make_first_staff", *THREE)
    before = standing()
    with pytest.raises(CommandError, match="set up already"):
        run("make_first_staff", *THREE)
    assert standing() == before
    User.groups.through.objects.all().delete()
    with pytest.raises(CommandError, match="set up already"):
        run("make_first_staff", *THREE)


@pytest.mark.parametrize(
    "holder", [{"roles": ["Approver"], "is_active": False}, {"is_superuser": True}]
)
def test_a_desk_with_somebody_powerful_is_not_set_up(holder):
    StaffFactory(**holder)
    with pytest.raises(CommandError, match="set up already"):
        run("make_first_staff", *THREE)
    assert User.objects.count() == 1
    assert not DeskEvent.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "1 × User manager"),
        (THREE[:4], "2 × Policy manager"),
        (THREE[:8], "2 × Approver"),
        ([*THREE, "--operator", "uma"], "never manages users"),
        ([*THREE, "--auditor", "UMA"], "looks like"),
        ([*THREE, "--auditor", "no mail:x"], "valid"),
        ([*THREE, "--auditor", "uma:other@example.com"], "two e-mail addresses"),
    ],
)
def test_what_cannot_be_set_up_is_refused_and_nothing_is_changed(arguments, says):
    with pytest.raises(CommandError, match=says):
        run("make_first_staff", *arguments)
    assert not User.objects.exists()
    assert not DeskEvent.objects.exists()


def test_a_dry_run_sets_nothing_up():
    out = run("make_first_staff", *THREE, "--dry-run")
    assert "paul: Approver, Operator, Policy manager" in out
    assert "/links/" not in out
    assert not User.objects.exists()
    assert not PasswordLink.objects.exists()


def test_a_check_says_what_the_staff_cannot_do(monkeypatch):
    def found():
        messages = checks.run_checks(databases=["default"])
        return [each.msg for each in messages if each.id == "desk.W003"]

    assert found() == ["Nobody holds a right that counts yet: make_first_staff sets a new desk up."]
    StaffFactory(roles=["User manager"])
    assert "Nobody can confirm what the only user manager drafts." in found()
    assert "Nobody approves payouts." in found()
    for _ in range(2):
        StaffFactory(roles=["Policy manager", "Approver"])
    assert found() == []
    monkeypatch.setattr(needs, "needs", [lambda: ["The policy names an empty group."]])
    assert found() == ["The policy names an empty group."]
    User.objects.filter(groups__name="User manager").update(is_active=False)
    assert found()[0].startswith("Nobody manages users")


# By two policy managers


@pytest.fixture
def petra(client):
    petra = StaffFactory(username="petra", roles=["Policy manager"])
    client.force_login(petra)
    return petra


@pytest.fixture
def paul():
    return StaffFactory(username="paul", roles=["Policy manager", "Approver"])


def name(client, login, email="", reason="Uma has left"):
    return client.post(MANAGERS, {"login": login, "email": email, "reason": reason}, follow=True)


def test_g68_two_policy_managers_name_a_new_user_manager(client, petra, paul):
    assert "Name a user manager" in client.get(DRAFTS).content.decode()

    page = name(client, "nina", "nina@example.com")

    nina = User.objects.get(username="nina")
    assert "has to confirm it" in unmarked(page)
    assert (roles_of(nina), nina.is_staff, nina.has_usable_password()) == (set(), False, False)
    before = standing()
    assert "another person has to confirm it" in unmarked(confirm(client, petra))
    assert standing() == before
    confirm(client, paul)
    nina = User.objects.get(username="nina")
    assert (roles_of(nina), nina.is_staff, nina.is_active) == ({"User manager"}, True, True)
    client.post(reverse("admin:auth_user_managers_again", args=[nina.pk]))
    assert mail.outbox[-1].to == ["nina@example.com"]
    [given] = DeskEvent.objects.filter(event_type="change_person")
    assert (given.person, given.facts["drafter"]) == (paul, "petra")
    assert chain.first_broken(DeskEvent.objects.order_by("number")) is None


def test_g68_two_policy_managers_mend_the_only_user_manager(client, petra, paul, clock):
    uma = StaffFactory(username="uma", email="old@example.com", roles=["User manager"])

    name(client, "uma", "new@example.com", reason="Lost her phone")

    assert User.objects.get(pk=uma.pk).email == "old@example.com"
    confirm(client, paul)
    assert User.objects.get(pk=uma.pk).email == "new@example.com"
    link = reverse("admin:auth_user_managers_again", args=[uma.pk])
    assert "less than 24 hours" in unmarked(client.post(link, follow=True))
    assert not mail.outbox
    clock.forward(hours=24)
    client.post(link)
    assert mail.outbox[-1].to == ["new@example.com"]


def test_g68_a_user_manager_who_is_there_declines_it(client, petra):
    uma = StaffFactory(roles=["User manager"])
    name(client, "puppet", "puppet@example.com")
    client.force_login(uma)

    client.post(draft_url("withdraw"))

    assert not JointAct.objects.filter(ended_at=None).exists()
    assert roles_of(User.objects.get(username="puppet")) == set()


def test_g68_it_is_for_nothing_else(client, petra, paul):
    boss = UserFactory(username="boss", is_superuser=True)
    StaffFactory(username="amira", email="amira@example.com", roles=["Approver"])
    before = standing()

    for login in ("boss", "amira", "paul", "ni\u043da"):
        page = name(client, login, "new@example.com")
        assert page.context["form"].errors
    for other in (boss, paul):
        link = reverse("admin:auth_user_managers_again", args=[other.pk])
        assert client.post(link).status_code == 404
    with pytest.raises(NotAllowed):
        grants.draft_person(
            paul, grants.Grant(flags=["is_superuser"]), reason="x", actor=actor(petra)
        )

    assert standing() == before
    assert not JointAct.objects.exists()
    for page in ("auth_user_changelist", "auth_user_add"):
        assert client.get(reverse(f"admin:{page}")).status_code == 403


@pytest.mark.parametrize("role", ["Approver", "Operator", "Auditor", "Requester", "User manager"])
def test_c10_no_other_role_names_a_user_manager(client, role):
    by = StaffFactory(roles=[role])
    client.force_login(by)
    assert client.get(MANAGERS).status_code == 403
    assert name(client, "nina").status_code == 403
    with pytest.raises(NotAllowed):
        grants.name_user_manager("nina", "", reason="x", actor=actor(by))
    assert not User.objects.filter(username="nina").exists()


# From the desk's machine


ASK = ("recover_access", "--person", "nina", "--reason", "Nobody else is left")


@pytest.fixture
def nina():
    return StaffFactory(username="nina", email="nina@example.com", is_active=False, is_staff=False)


def test_g68_access_is_recovered_after_a_day_with_all_looking_on(clock, client, nina):
    paul = StaffFactory(username="paul", email="paul@example.com", roles=["Approver"])
    StaffFactory(email="gone@example.com", is_active=False)

    out = run(*ASK)

    assert "nina is let in at" in out
    assert mail.outbox[-1].to == ["paul@example.com"]
    assert "Nobody else is left" in mail.outbox[-1].body
    client.force_login(paul)
    for url in (reverse("admin:payouts_payout_changelist"), reverse("admin:password_change")):
        page = unmarked(client.get(url))
        assert "nina is let in as a user manager from" in page
        assert "Nobody else is left" in page
    clock.forward(hours=23, minutes=59)
    before = standing()
    with pytest.raises(CommandError, match="takes effect"):
        run(*ASK)
    with pytest.raises(Refused, match="takes effect"):
        recovery.finish(Recovery.objects.get().pk, actor=Actor.system(Channel.COMMAND))
    assert standing() == before

    clock.forward(minutes=1)
    [path] = paths(run(*ASK))

    now = User.objects.get(pk=nina.pk)
    assert (now.is_active, now.is_staff, roles_of(now)) == (True, True, {"User manager"})
    Client().post(path, NEW)
    assert Client().login(username="nina", password="a-long-word")
    assert "is let in as" not in unmarked(client.get(reverse("admin:payouts_payout_changelist")))
    kinds = DeskEvent.objects.order_by("number").values_list("event_type", flat=True)
    assert list(kinds) == ["ask_recovery", *["change_person"] * 2, "recover", "password"]
    assert powers.last_change_of_power([nina.pk])


@pytest.mark.parametrize("role", ["User manager", "Policy manager"])
def test_g68_a_user_or_policy_manager_stops_it(clock, client, nina, role):
    run(*ASK)
    by = StaffFactory(roles=[role])
    client.force_login(by)
    url = reverse("admin:auth_user_stop_recovery", args=[Recovery.objects.get().pk])
    assert url in client.get(reverse("admin:password_change")).content.decode()
    assert "reason" in client.post(url, {"reason": ""}).context["form"].errors

    client.post(url, {"reason": "I am here"})

    found = Recovery.objects.get()
    assert (found.stopped_by, found.ended_at) == (by, clock())
    clock.forward(hours=25)
    with pytest.raises(Refused, match="over"):
        recovery.finish(found.pk, actor=Actor.system(Channel.COMMAND))
    assert not User.objects.get(pk=nina.pk).is_active
    assert DeskEvent.objects.get(event_type="stop_recovery").reason == "I am here"


@pytest.mark.parametrize("role", ["Approver", "Operator", "Auditor"])
def test_c10_no_other_role_stops_it(client, nina, role):
    run(*ASK)
    found, by = Recovery.objects.get(), StaffFactory(roles=[role])
    client.force_login(by)
    url = reverse("admin:auth_user_stop_recovery", args=[found.pk])
    assert url not in client.get(reverse("admin:password_change")).content.decode()
    assert client.post(url, {"reason": "No"}).status_code == 403
    with pytest.raises(NotAllowed):
        recovery.stop(found.pk, reason="No", actor=actor(by))
    assert Recovery.objects.get().ended_at is None


def test_g68_nobody_who_decides_about_money_is_made_a_user_manager_by_it():
    StaffFactory(username="nina", roles=["Approver"])
    with pytest.raises(CommandError, match="decides about money"):
        run(*ASK)
    assert not Recovery.objects.exists()
    assert not mail.outbox


def test_g68_a_new_person_is_let_in_where_nobody_else_is_left(clock):
    with pytest.raises(CommandError, match="There is no person"):
        run(*ASK)
    run(*ASK, "--email", "nina@example.com")
    clock.forward(hours=24)
    run(*ASK)
    assert roles_of(User.objects.get(username="nina")) == {"User manager"}


def test_a_dry_run_recovers_nothing(clock, nina):
    assert "Dry run" in run(*ASK, "--dry-run")
    assert not Recovery.objects.exists()
    assert not mail.outbox
    run(*ASK)
    clock.forward(hours=24)
    before = standing()
    assert "/links/" not in run(*ASK, "--dry-run")
    assert standing() == before
    assert Recovery.objects.get().ended_at is None


def test_a_desk_without_mail_says_that_nobody_was_mailed(nina, settings):
    settings.SENDS_MAIL = False
    with pytest.raises(CommandError, match="Nobody was mailed") as refused:
        run(*ASK)
    assert refused.value.returncode == 2
    assert Recovery.objects.exists()
