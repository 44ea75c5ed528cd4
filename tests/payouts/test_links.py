"""Passwords are chosen by their owners, through links that work once."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts.staff import links, people
from payouts.staff.models import PasswordLink, PowerChange
from tests.every_page import unmarked
from tests.factories import StaffFactory, UserFactory
from tests.payouts.test_logins import add, save

pytestmark = pytest.mark.django_db

SITE = "http://127.0.0.1:8000"
NEW = {"new_password1": "a-long-word", "new_password2": "a-long-word"}


@pytest.fixture
def uma(client):
    uma = StaffFactory(username="uma", roles=["User manager"])
    client.force_login(uma)
    return uma


@pytest.fixture
def nina():
    return StaffFactory(username="nina", email="nina@example.com", roles=["Approver"])


def page_of_links(person):
    return reverse("admin:auth_user_password_change", args=[person.pk])


def send(client, person):
    return client.post(page_of_links(person), follow=True)


def link():
    [path] = re.findall(rf"{SITE}(/links/\S+/)", mail.outbox[-1].body)
    return path


def can_come_in(login, password="a-long-word"):
    return Client().login(username=login, password=password)


def passwords():
    return dict(User.objects.values_list("pk", "password"))


def test_g46_a_person_chooses_their_password_by_a_link(client, uma, nina):
    page = send(client, nina)

    assert "A link was sent to nina@example.com" in unmarked(page)
    assert mail.outbox[0].to == ["nina@example.com"]
    assert DeskEvent.objects.get(event_type="send_link").person == uma
    owner = Client()
    assert "Your login is nina" in unmarked(owner.get(link()))
    assert "too short" in owner.post(link(), dict.fromkeys(NEW, "nina")).content.decode()
    assert not can_come_in("nina")
    assert owner.post(link(), NEW).url == reverse("admin:login")
    assert can_come_in("nina")
    event = DeskEvent.objects.get(event_type="password")
    assert (event.person, event.facts["sent_by"]) == (nina, "uma")
    assert PowerChange.objects.get(person=nina).what == "password"


def test_g46_looking_at_a_link_uses_it_up_for_nobody(client, uma, nina):
    send(client, nina)
    for _ in range(2):
        page = Client().get(link())
        assert page.status_code == 200
    assert page["Referrer-Policy"] == "same-origin"  # without any, browsers send forms as “null”
    assert "no-store" in page["Cache-Control"]


def test_g46_a_link_works_once(client, uma, nina):
    send(client, nina)
    Client().post(link(), NEW)
    before = passwords()

    refused = Client().post(link(), dict.fromkeys(NEW, "another-word"))

    assert refused.status_code == 410
    assert "This link is over" in refused.content.decode()
    assert passwords() == before


def days_later(clock, uma, nina, client):
    clock.forward(hours=24)


def another_link(clock, uma, nina, client):
    links.make(nina, made_by=uma)


def another_address(clock, uma, nina, client):
    before = people.facts_of_person(nina)
    User.objects.filter(pk=nina.pk).update(email="other@example.com")
    people.log_person(nina, before, actor=Actor.staff(uma, Channel.ADMIN))


def stopped(clock, uma, nina, client):
    people.disable(nina, reason="Left us", actor=Actor.staff(uma, Channel.ADMIN))


@pytest.mark.parametrize("end", [days_later, another_link, another_address, stopped])
def test_g46_a_link_ends(clock, client, uma, nina, end):
    send(client, nina)
    end(clock, uma, nina, client)
    before = passwords()

    assert Client().post(link(), NEW).status_code == 410
    assert passwords() == before


@pytest.mark.parametrize("token", ["x", "0" * 500, "%00", "ü"])
def test_g46_a_made_up_link_is_over(token):
    assert Client().get(f"/links/{token}/").status_code in (410, 400)


def test_g46_no_link_goes_to_an_address_that_is_new(clock, client, uma):
    nina = StaffFactory(username="nina", email="nina@example.com")
    save(client, nina, email="uma@example.com")
    clock.forward(hours=23)

    page = send(client, nina)

    assert "changed less than 24 hours ago" in unmarked(page)
    assert not mail.outbox
    clock.forward(hours=1)
    send(client, nina)
    assert mail.outbox[0].to == ["uma@example.com"]


def test_g46_nobody_but_the_owner_sees_a_link(client, uma, nina):
    page = send(client, nina)
    assert link() not in page.content.decode()
    token = link().split("/")[2]
    assert token not in str(list(PasswordLink.objects.values()))
    assert not any(token in event.data for event in DeskEvent.objects.all())


def test_g46_nobody_sets_the_password_of_another(client, uma, nina):
    before = passwords()
    forged = {"password1": "a-long-word", "password2": "a-long-word", "usable_password": "true"}

    client.post(page_of_links(nina), forged)
    save(client, nina, password="a-long-word")

    assert passwords() == before
    assert not can_come_in("nina")


def test_a_new_person_has_no_password_until_they_choose_one(client, uma):
    page = add(client, "nina")
    nina = User.objects.get(username="nina")
    assert not nina.has_usable_password()
    assert "Send a link for a password" in client.get(page.url).content.decode()


def without_mail(settings, nina):
    settings.SENDS_MAIL = False


def without_address(settings, nina):
    User.objects.filter(pk=nina.pk).update(email="")


def disabled(settings, nina):
    User.objects.filter(pk=nina.pk).update(is_active=False)


@pytest.mark.parametrize(
    ("lack", "says"),
    [
        (without_mail, "EMAIL_URL is not set"),
        (without_address, "nina has no e-mail address"),
        (disabled, "nina is disabled"),
    ],
)
def test_what_keeps_a_link_from_being_sent_is_said_before_and_after(
    client, uma, nina, settings, lack, says
):
    lack(settings, nina)
    assert says in unmarked(client.get(page_of_links(nina)))
    assert says in unmarked(send(client, nina))
    assert not PasswordLink.objects.exists()
    assert not mail.outbox


def test_a_mail_server_that_takes_nothing_is_said(client, uma, nina, monkeypatch):
    def refuse(*_args):
        raise ConnectionRefusedError

    monkeypatch.setattr(links, "get_connection", refuse)
    assert "did not take the mail" in unmarked(send(client, nina))


def test_c10_who_does_not_manage_users_sends_no_link(client, nina):
    for role in ("Approver", "Policy manager", "Auditor"):
        by = StaffFactory(roles=[role])
        client.force_login(by)
        assert client.post(page_of_links(nina)).status_code == 403
        with pytest.raises(NotAllowed):
            links.send(nina, site=SITE, actor=Actor.staff(by, Channel.ADMIN))
    assert not mail.outbox


def test_c10_a_user_manager_sends_no_superuser_a_link(uma):
    boss = UserFactory(is_superuser=True, email="boss@example.com")
    with pytest.raises(NotAllowed):
        links.send(boss, site=SITE, actor=Actor.staff(uma, Channel.ADMIN))
    assert not mail.outbox


def test_two_who_use_a_link_at_once_use_it_once(nina):
    token = links.make(nina, made_by=None)
    links.use(token, "a-long-word")
    with pytest.raises(Refused, match="over"):
        links.use(token, "another-word")
    assert can_come_in("nina")


def test_links_last_a_day(clock, nina):
    links.make(nina, made_by=None)
    assert PasswordLink.objects.get().expires_at - clock() == timedelta(hours=24)
