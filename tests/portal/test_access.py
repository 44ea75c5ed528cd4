"""API keys: which are let in, and what each may do."""

import hashlib
from datetime import timedelta

import pytest

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts.portal import keys
from payouts.portal.models import ApiKey
from tests.factories import ClientFactory, StaffFactory
from tests.portal.conftest import Developer, issue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


def test_a_key_is_shown_once_and_kept_as_a_digest(owner):
    key, text = issue(client=owner)

    assert text.startswith(f"{key.prefix}_")
    assert len(key.prefix) == 13
    stored = ApiKey.objects.values().get()
    assert stored["digest"] == hashlib.sha256(text.encode()).hexdigest()
    secret = text.removeprefix(key.prefix)
    assert secret not in str(stored)
    assert secret not in str(list(DeskEvent.objects.values()))


def test_who_lacks_the_right_issues_and_revokes_none(owner):
    key, _text = issue()
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    for attempt in (
        lambda: keys.issue_key(name="Mine", scopes=["wallets:read"], actor=approver),
        lambda: keys.revoke_key(key.pk, reason="Mine", actor=approver),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"scopes": ["payouts:everything"]}, "scope_unknown"),
        ({"networks": ["10.0.0.0/33"]}, "network_unreadable"),
        ({"networks": ["10.0.0.1/8"]}, "network_unreadable"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_issued(asked, code):
    with pytest.raises(Refused) as refused:
        issue(**asked)
    assert refused.value.code == code
    assert not ApiKey.objects.exists()


def test_a_client_s_own_key_never_writes_clients(owner):
    with pytest.raises(Refused) as refused:
        issue(client=owner, scopes=["clients:write"])
    assert refused.value.code == "scope_of_portal"


def test_e5_a_revoked_key_is_refused_at_once(own_key):
    assert own_key.get("payouts/").status_code == 200
    manager = Actor.staff(StaffFactory(roles=["User manager"]), Channel.ADMIN)
    keys.revoke_key(ApiKey.objects.get().pk, reason="It was in a log", actor=manager)

    answer = own_key.get("payouts/")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")
    with pytest.raises(Refused):
        keys.revoke_key(ApiKey.objects.get().pk, reason="Again", actor=manager)


def test_a_key_ends_at_its_time(client, clock, owner):
    developer = Developer(client, issue(client=owner, expires_at=clock() + timedelta(days=1))[1])
    assert developer.get("payouts/").status_code == 200
    clock.forward(days=1)
    assert developer.get("payouts/").json()["code"] == "key_expired"


def test_a_key_is_refused_from_another_address(client, owner):
    text = issue(client=owner, networks=["192.0.2.0/24", "2001:db8::/32"])[1]
    answer = Developer(client, text).get("payouts/")
    assert (answer.status_code, answer.json()["code"]) == (403, "key_elsewhere")
    for address in ("192.0.2.7", "2001:db8::1"):
        headers = {"Authorization": f"Bearer {text}"}
        allowed = client.get("/api/v1/payouts/", headers=headers, REMOTE_ADDR=address)
        assert allowed.status_code == 200


@pytest.mark.parametrize("text", ["desk_abcdefgh_wrong", "", "x", "desk_", "\xff" * 40])
def test_e4_a_wrong_key_is_answered_alike_whatever_it_is(client, own_key, text):
    known = own_key.key[:20] + "A" * (len(own_key.key) - 20)
    answers = [Developer(client, each).get("payouts/") for each in (known, text or "unknown")]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json() == answers[1].json()
    assert answers[0]["WWW-Authenticate"] == "Bearer"
    assert answers[0]["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer "])
def test_a_request_without_a_key_is_refused(client, owner, header):
    answer = client.get("/api/v1/services/", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_absent")


def test_e5_a_key_in_an_address_is_never_accepted(client, own_key):
    answer = client.get(f"/api/v1/payouts/?key={own_key.key}")
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_url")
    assert own_key.key not in answer.content.decode()


def test_what_only_begins_like_a_key_may_stand_in_an_address(portal):
    assert portal.put("clients/helpdesk_7/", {"name": "Anna"}).status_code == 201
    portal.acts_for = "helpdesk_7"
    assert portal.get("payouts/", reference="helpdesk_1").status_code == 200


def test_a_portal_key_names_its_client_and_a_client_s_key_does_not(portal, own_key):
    ClientFactory(external_id="K-2")
    portal.acts_for = None
    assert portal.get("payouts/").json()["code"] == "client_absent"
    portal.acts_for = "K-9"
    assert portal.get("payouts/").status_code == 404
    own_key.acts_for = "K-1"
    assert own_key.get("payouts/").json()["code"] == "client_not_yours"


def test_the_last_use_of_a_key_is_written_at_most_once_a_minute(own_key, clock):
    started = clock()
    own_key.get("payouts/")
    clock.forward(seconds=59)
    own_key.get("payouts/")
    assert ApiKey.objects.get().last_used_at == started
    clock.forward(seconds=1)
    own_key.get("payouts/")
    assert ApiKey.objects.get().last_used_at == clock()


def test_issuing_and_revoking_are_sealed(owner):
    key, _text = issue(client=owner, scopes=["wallets:read"])
    manager = Actor.staff(StaffFactory(roles=["User manager"]), Channel.ADMIN)
    keys.revoke_key(key.pk, reason="Not needed", actor=manager)
    issued, revoked = DeskEvent.objects.order_by("number")
    assert issued.facts["key"] == revoked.facts["key"] == key.prefix
    assert issued.facts["scopes"] == "wallets:read"
    assert revoked.reason == "Not needed"
