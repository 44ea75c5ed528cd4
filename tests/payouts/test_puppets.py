"""A user manager who has made an account, or got at its mailbox, does not come in as its holder."""

from functools import partial

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts.admin.staff_forms import PersonForm
from payouts.staff import people
from payouts.staff.models import JointAct, PasswordLink
from tests.every_page import unmarked
from tests.factories import StaffFactory, UserFactory
from tests.payouts.test_drafts import confirm, draft_url, give, group, right, roles_of
from tests.payouts.test_links import can_come_in, link, send
from tests.payouts.test_logins import ADD, fields_of, person_url, save
from tests.payouts.test_roles_apart import role_form

pytestmark = pytest.mark.django_db

WORD = "a-long-word"
HER_OWN, HIS = "uma@elsewhere.example", "bruno@example.com"


@pytest.fixture
def uma(client, clock):
    uma = StaffFactory(username="uma", roles=["User manager"])
    client.force_login(uma)
    return uma


@pytest.fixture
def paula():
    return StaffFactory(username="paula", roles=["Policy manager"])


def added(client, email):
    """Add Bruno at this address and let him use the desk, as any user manager does alone."""
    client.post(ADD, {"username": "bruno", "first_name": "Bruno", "email": email})
    bruno = User.objects.get(username="bruno")
    save(client, bruno, is_staff="on")
    return bruno


def choose(client, person, word=WORD):
    """Send a person a link, and choose a password by it, as whoever reads their mail."""
    send(client, person)
    Client().post(link(), {"new_password1": word, "new_password2": word})
    assert can_come_in(person.username, word)


def inside(person, word=WORD):
    browser = Client()
    assert browser.login(username=person.username, password=word)
    return browser


def is_in(browser):
    return "_auth_user_id" in browser.session and (
        browser.get(reverse("admin:password_change")).status_code == 200
    )


def test_g46_another_address_ends_password_session_and_links(client, uma):
    bruno = added(client, HER_OWN)
    choose(client, bruno)
    browser = inside(bruno)
    assert is_in(browser)
    send(client, bruno)
    open_link = link()

    save(client, bruno, email=HIS)

    assert not can_come_in("bruno")
    assert not is_in(browser)
    assert Client().get(open_link).status_code == 410
    assert not User.objects.get(pk=bruno.pk).has_usable_password()
    event = DeskEvent.objects.filter(event_type="change_person").last()
    assert event.person == uma
    ended = [each.facts.get("password") for each in DeskEvent.objects.all()]
    assert ended.count("chosen → —") == 1


def test_g46_a_name_ends_no_password(client, uma):
    bruno = added(client, HIS)
    choose(client, bruno)
    browser = inside(bruno)
    save(client, bruno, last_name="Rossi", username="bruno.rossi")
    assert is_in(browser)
    assert can_come_in("bruno.rossi")


def test_g46_who_made_an_account_does_not_come_in_as_an_approver(client, uma, paula):
    bruno = added(client, HER_OWN)
    choose(client, bruno)
    browser = inside(bruno)
    save(client, bruno, email=HIS)
    give(client, bruno, "Approver")

    confirm(client, paula)

    assert roles_of(bruno) == {"Approver"}
    assert not can_come_in("bruno")
    assert not is_in(browser)
    assert not User.objects.get(pk=bruno.pk).has_usable_password()


@pytest.mark.parametrize("stands", [False, True])
def test_g46_power_ends_a_password_that_has_not_stood_for_a_day(client, uma, paula, clock, stands):
    bruno = added(client, HIS)
    choose(client, bruno)
    browser = inside(bruno)
    clock.forward(hours=24 if stands else 23)
    give(client, bruno, "Approver")
    client.force_login(paula)
    warns = "this password works no more" in unmarked(client.get(draft_url()))

    page = unmarked(confirm(client, paula))

    assert roles_of(bruno) == {"Approver"}
    assert (can_come_in("bruno"), is_in(browser), warns) == (stands, stands, not stands)
    assert ("a link was sent to bruno@example.com" in page) is not stands
    assert len(mail.outbox) == (1 if stands else 2)
    if not stands:
        Client().post(link(), {"new_password1": "another-word", "new_password2": "another-word"})
        assert can_come_in("bruno", "another-word")


def test_g46_who_is_confirmed_without_a_link_is_named(client, uma, paula, settings):
    bruno = added(client, HIS)
    choose(client, bruno)
    give(client, bruno, "Approver")
    settings.SENDS_MAIL = False

    page = unmarked(confirm(client, paula))

    assert "bruno has to choose a password anew, but no link was sent." in page
    assert "EMAIL_URL is not set" in page
    assert not can_come_in("bruno")


def test_g46_a_role_taken_away_and_given_back_is_no_way_in(client, uma, paula, clock):
    arno = StaffFactory(username="arno", email="arno@example.com", roles=["Approver"])
    arno.set_password("his-own-word")
    arno.save()
    clock.forward(days=365)
    save(client, arno, groups=[])
    save(client, arno, email=HER_OWN)
    assert not can_come_in("arno", "his-own-word")
    clock.forward(hours=24)
    choose(client, arno)
    clock.forward(hours=48)
    save(client, arno, email="arno@example.com")
    give(client, arno, "Approver")

    confirm(client, paula)

    assert roles_of(arno) == {"Approver"}
    assert not can_come_in("arno")
    clock.forward(hours=24)
    client.force_login(uma)
    choose(client, arno, "his-new-word")
    assert mail.outbox[-1].to == ["arno@example.com"]


# Every other way to power


def by_superuser(client, bruno, **changed):
    client.force_login(UserFactory(is_superuser=True))
    save(client, bruno, reason="Help", **changed)


def as_superuser(client, bruno):
    by_superuser(client, bruno, is_superuser="on")


def by_a_right(client, bruno):
    by_superuser(client, bruno, user_permissions=[right("approve_payout").pk])


def by_a_right_of_a_role(client, bruno):
    Group.objects.create(name="Helpers").user_set.add(bruno)
    client.force_login(UserFactory(is_superuser=True))
    wanted = [right("approve_payout").pk]
    role_form(client, group("Helpers"), permissions=wanted, reason="They help")


def enabled_again(client, bruno):
    bruno.groups.add(group("Approver"))
    uma = User.objects.get(username="uma")
    people.disable(bruno, reason="Left", actor=Actor.staff(uma, Channel.ADMIN))
    url = reverse("admin:auth_user_enable", args=[bruno.pk])
    client.post(url, {"seen": people.last_stop(bruno), "reason": "Is back"})


def let_use_the_desk(client, bruno):
    User.objects.filter(pk=bruno.pk).update(is_staff=False)
    bruno.groups.add(group("Approver"))
    save(client, bruno, is_staff="on", reason="Is back")


def named_user_manager(client, bruno):
    client.force_login(StaffFactory(username="petra", roles=["Policy manager"]))
    named = {"login": "bruno", "reason": "Uma has left"}
    client.post(reverse("admin:auth_user_managers"), named)


WAYS = [
    *(as_superuser, by_a_right, by_a_right_of_a_role, enabled_again, let_use_the_desk),
    named_user_manager,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stands", [False, True])
def test_g46_whatever_gives_power_ends_a_new_password(client, uma, paula, clock, way, stands):
    bruno = added(client, HIS)
    choose(client, bruno)
    clock.forward(hours=24 if stands else 23)
    way(client, bruno)
    client.force_login(paula)
    warns = "this password works no more" in unmarked(client.get(draft_url()))

    confirm(client, paula)

    assert not JointAct.objects.filter(ended_at=None).exists()
    assert can_come_in("bruno") is stands
    assert warns is not stands


def test_g46_an_address_of_an_approver_ends_their_password(client, uma, paula, clock):
    arno = StaffFactory(username="arno", email="arno@example.com", roles=["Approver"])
    arno.set_password(WORD)
    arno.save()
    clock.forward(days=365)
    browser = inside(arno)
    save(client, arno, email="arno@new.example", reason="Another provider")
    client.force_login(paula)
    assert "this password works no more" in unmarked(client.get(draft_url()))

    page = unmarked(confirm(client, paula))

    assert not can_come_in("arno")
    assert not is_in(browser)
    assert "no link was sent. The e-mail address was changed less than 24 hours ago" in page


def test_g46_their_own_new_address_leaves_a_user_manager_in(client, uma, paula, clock):
    uma.set_password(WORD)
    uma.save()
    clock.forward(days=365)
    browser = inside(uma)
    save(browser, uma, email="uma@new.example", reason="Another provider")

    confirm(client, paula)

    assert User.objects.get(pk=uma.pk).email == "uma@new.example"
    assert can_come_in("uma")


# What the second person reads


def test_g46_a_draft_says_how_its_person_comes_in_and_what_they_may(client, uma, paula):
    bruno = added(client, HIS)
    give(client, bruno, "Approver")
    client.force_login(paula)
    shown = unmarked(client.get(draft_url()))
    assert "bruno (Bruno)" in shown
    assert "Approver: May approve" in shown
    assert "E-mail address: bruno@example.com, since 2 Mar 2026, 09:00" in shown
    assert "There is no password of this person" in shown
    assert "No link for a password was ever sent." in shown
    client.force_login(uma)
    choose(client, bruno)
    client.post(draft_url("withdraw"))
    give(client, bruno, "Approver")

    client.force_login(paula)
    shown = unmarked(client.get(draft_url()))

    assert "Password: since 2 Mar 2026, 09:00" in shown
    assert "The last link for a password went to bruno@example.com, 2 Mar 2026, 09:00" in shown
    assert PasswordLink.objects.get().sent_to == HIS


def test_who_has_no_password_is_not_said_to_come_in(client, uma):
    bruno = added(client, HIS)
    pages = [
        partial(client.get, reverse("admin:auth_user_change", args=[bruno.pk])),
        partial(client.get, reverse("admin:auth_user_changelist"), {"q": "bruno"}),
    ]
    for page in pages:
        shown = unmarked(page())
        assert "has no password" in shown
        assert "may come in" not in shown
    choose(client, bruno)
    for page in pages:
        shown = unmarked(page())
        assert "has no password" not in shown
        assert "may come in" in shown


# What ends meanwhile stays ended: pages save all of a row


def test_g46_a_page_of_a_person_brings_no_password_back(client, uma, monkeypatch):
    bruno = added(client, HIS)
    choose(client, bruno)

    def end_meanwhile(form):
        User.objects.filter(pk=bruno.pk).update(password="!ended")
        return form.cleaned_data["username"]

    fields = fields_of(client, bruno)
    monkeypatch.setattr(PersonForm, "clean_username", end_meanwhile)
    answer = client.post(person_url(bruno), fields | {"first_name": "Bruno R."})

    assert answer.status_code == 302
    bruno = User.objects.get(pk=bruno.pk)
    assert (bruno.first_name, bruno.password) == ("Bruno R.", "!ended")


def test_g46_who_changes_their_password_brings_nothing_back(client, uma, monkeypatch):
    bruno = added(client, HIS)
    choose(client, bruno)
    browser, real = inside(bruno), people.logging_password

    def end_meanwhile(person, *, actor):
        User.objects.filter(pk=bruno.pk).update(password="!ended", is_active=False)
        return real(person, actor=actor)

    monkeypatch.setattr(people, "logging_password", end_meanwhile)
    new = dict.fromkeys(["new_password1", "new_password2"], "another-word")
    browser.post(reverse("admin:password_change"), new | {"old_password": WORD})

    bruno = User.objects.get(pk=bruno.pk)
    assert (bruno.password, bruno.is_active) == ("!ended", False)
