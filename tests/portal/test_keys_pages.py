"""API keys in the Admin and on the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from payouts.portal.models import ApiKey, Scope
from tests.factories import StaffFactory
from tests.portal.conftest import Developer, issue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]

LIST, ADD = "admin:payouts_portal_apikey_changelist", "admin:payouts_portal_apikey_add"


@pytest.fixture
def manager(client):
    person = StaffFactory(roles=["User manager"])
    client.force_login(person)
    return person


def filled(page, **more):
    nonce = page.context["form"]["nonce"].value()
    return {"nonce": nonce, "name": "Portal", "scopes": ["payouts:read"]} | more


def test_a_key_is_issued_on_a_page_that_shows_it_once(client, manager, owner):
    assert "There are no API keys yet" in client.get(reverse(LIST)).content.decode()
    asked = filled(client.get(reverse(ADD)), client=owner.external_id, networks="127.0.0.1, ::1")
    page = client.post(reverse(ADD), asked)

    key = ApiKey.objects.get()
    assert (key.client, key.issued_by, key.networks) == (
        owner,
        manager,
        ["127.0.0.1/32", "::1/128"],
    )
    text = page.context["text"]
    assert text in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert Developer(client, text).get("payouts/").status_code == 200
    for shown in (reverse(LIST), reverse("admin:payouts_portal_apikey_change", args=[key.pk])):
        assert key.prefix in client.get(shown).content.decode()
        assert text not in client.get(shown).content.decode()


def test_each_scope_is_chosen_by_words_that_have_its_name_beside_them(client, manager):
    form = client.get(reverse(ADD)).content.decode()
    for scope in Scope:
        beside = f'{scope.label} <span class="quiet" translate="no">{scope.value}</span>'
        assert beside in form, scope


def test_a_reload_issues_no_second_key(client, manager):
    asked = filled(client.get(reverse(ADD)))
    client.post(reverse(ADD), asked)
    again = client.post(reverse(ADD), asked)
    assert "was issued a moment ago" in again.content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"client": "nobody"}, "There is no client with this external id."),
        ({"networks": "10.0.0.1/8"}, "is no address or network"),
        ({"scopes": []}, "Choose at least one."),
        ({"expires_at": "2020-01-01T00:00"}, "It would have expired already."),
    ],
)
def test_what_is_wrong_with_a_key_is_said(client, manager, wrong, sentence):
    page = client.post(reverse(ADD), filled(client.get(reverse(ADD)), **wrong))
    assert sentence in page.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_with_a_reason(client, manager):
    key, text = issue()
    url = reverse("admin:payouts_portal_apikey_revoke", args=[key.pk])
    assert ApiKey.objects.get().revoked_at is None
    client.get(url)
    client.post(url, {"reason": ""})
    assert ApiKey.objects.get().revoked_at is None
    page = client.post(url, {"reason": "It was in a log"}, follow=True)
    assert "is revoked" in page.content.decode()
    assert Developer(client, text).get("services/").status_code == 401


@pytest.mark.parametrize("role", ["Approver", "Requester", "Support", "Auditor"])
def test_others_issue_and_revoke_no_keys(client, role):
    key, _text = issue()
    client.force_login(StaffFactory(roles=[role]))
    for url in (reverse(ADD), reverse("admin:payouts_portal_apikey_revoke", args=[key.pk])):
        assert client.get(url).status_code == 403
        assert client.post(url, {"reason": "No", "name": "Mine"}).status_code == 403
    assert client.get(reverse(LIST)).status_code == (200 if role == "Auditor" else 403)
    assert ApiKey.objects.get().revoked_at is None


def test_a_key_is_issued_by_the_command_line(client, owner):
    person = StaffFactory(roles=["User manager"])
    asked = ["Portal", "--by", person.username, "--scope", "payouts:read", "--client", "K-1"]
    out = StringIO()
    call_command("issue_api_key", *asked, "--dry-run", stdout=out)
    assert not ApiKey.objects.exists()
    assert "desk_" not in out.getvalue()
    call_command("issue_api_key", *asked, "--format", "json", stdout=out)
    report = json.loads(out.getvalue().partition("\n")[2])
    assert Developer(client, report["key"]).get("payouts/").status_code == 200


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--scope", "everything"], "There is no scope"),
        (["--scope", "payouts:read", "--client", "nobody"], "There is no client"),
        (["--scope", "payouts:read", "--until", "tomorrow"], "--until takes a time"),
        (["--scope", "payouts:read", "--until", "2020-01-01T00:00:00Z"], "have expired"),
    ],
)
def test_the_command_says_what_is_wrong(db, asked, sentence):
    person = StaffFactory(roles=["User manager"])
    with pytest.raises(CommandError, match=sentence):
        call_command("issue_api_key", "Portal", "--by", person.username, *asked)
    assert not ApiKey.objects.exists()


def test_the_command_needs_the_right(db):
    person = StaffFactory(roles=["Approver"])
    with pytest.raises(CommandError, match="right"):
        call_command("issue_api_key", "Portal", "--by", person.username, "--scope", "payouts:read")
    assert not ApiKey.objects.exists()
