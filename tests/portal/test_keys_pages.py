"""API keys in the Admin and on the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts.portal.keys import revoke_key
from payouts.portal.models import ApiKey, Scope
from payouts.staff import drafts
from payouts.staff.models import JointAct
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


# By two

GOVERNED = ["payouts:request", "wallets:write"]


def waiting(browser, manager, scope="payouts:request", **more):
    """Issue a key that waits for a second person; return it with its text."""
    asked = filled(browser.get(reverse(ADD)), scopes=[scope], reason="Go-live", **more)
    page = browser.post(reverse(ADD), asked)
    assert "refused until another person confirms it" in page.content.decode()
    return ApiKey.objects.get(), page.context["text"]


def decide(client, act, by):
    """Confirm or withdraw the only draft as another person, from its page."""
    client.force_login(by)
    pk = JointAct.objects.get(ended_at=None).pk
    page = client.get(reverse("admin:auth_user_draft", args=[pk]))
    url = reverse(f"admin:auth_user_{act}", args=[pk])
    return page, client.post(url, {"seen": page.context["seen"]}, follow=True)


def answer_to(client, text):
    """Return the status and the code that a request with this key is answered."""
    answer = Developer(client, text).get("services/")
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize("scope", GOVERNED)
def test_g60_a_key_by_which_money_may_go_somewhere_takes_two(client, manager, owner, scope):
    key, text = waiting(client, manager, scope, client=owner.external_id)
    assert answer_to(client, text) == (401, "key_waiting")
    shown = client.get(reverse("admin:payouts_portal_apikey_change", args=[key.pk]))
    assert "waits for a second person" in shown.content.decode()
    assert not DeskEvent.objects.filter(event_type="issue_key").exists()

    decide(client, "confirm", manager)
    assert answer_to(client, text) == (401, "key_waiting")
    paula = StaffFactory(username="paula", roles=["Policy manager"])
    page, _answer = decide(client, "confirm", paula)

    assert str(Scope(scope).label) in page.content.decode()
    assert str(owner) in page.content.decode()
    assert answer_to(client, text)[1] != "key_waiting"
    event = DeskEvent.objects.get(event_type="issue_key")
    assert (event.person, event.facts["drafter"]) == (paula, manager.username)
    assert event.facts["key"] == key.prefix


def test_g60_without_a_reason_no_such_key_is_issued(client, manager):
    page = client.post(reverse(ADD), filled(client.get(reverse(ADD)), scopes=GOVERNED))
    assert "Say why." in page.content.decode()
    assert not ApiKey.objects.exists()


def test_g60_a_key_that_is_declined_is_over(client, manager):
    _key, text = waiting(client, manager)
    decide(client, "withdraw", StaffFactory(roles=["Policy manager"]))
    assert answer_to(client, text) == (401, "key_revoked")


def test_g60_a_key_that_is_revoked_is_not_confirmed(client, manager):
    key, text = waiting(client, manager)
    drafted = JointAct.objects.get()
    revoke_key(key.pk, reason="A typo", actor=Actor.staff(manager, Channel.ADMIN))
    by = Actor.staff(StaffFactory(roles=["Policy manager"]), Channel.ADMIN)

    with pytest.raises(Refused, match="over"):
        drafts.confirm(drafted.pk, drafted.facts, actor=by)

    assert answer_to(client, text) == (401, "key_revoked")


def test_g60_a_key_that_was_changed_meanwhile_is_not_confirmed(client, manager):
    key, text = waiting(client, manager)
    ApiKey.objects.filter(pk=key.pk).update(scopes=[*GOVERNED, "clients:write"])

    page, _answer = decide(client, "confirm", StaffFactory(roles=["Policy manager"]))

    assert "The facts have changed since" in page.content.decode()
    assert answer_to(client, text) == (401, "key_waiting")


def test_g60_the_command_line_issues_no_such_key_alone(client, manager):
    asked = ["Portal", "--by", manager.username, "--scope", "payouts:request"]
    with pytest.raises(CommandError, match="Say why"):
        call_command("issue_api_key", *asked)
    out = StringIO()
    call_command("issue_api_key", *asked, "--reason", "Go-live", stdout=out)
    text, said = out.getvalue().split("\n", 1)
    assert "refused until another person confirms it" in said
    assert answer_to(client, text) == (401, "key_waiting")
