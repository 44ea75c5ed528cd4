"""Webhook endpoints in the Admin."""

import pytest
from django.urls import reverse
from django.utils.html import escape

from audit.models import DeskEvent
from payouts.portal.event_types import EVENT_TYPES
from payouts.portal.models import ApiKey, Delivery, WebhookEndpoint
from tests.factories import StaffFactory
from tests.portal.receiving import Receiver, turns
from tests.portal.test_feed import ask

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


def page_of(name, *args):
    return reverse(f"admin:payouts_portal_webhookendpoint_{name}", args=args)


@pytest.fixture
def manager(client):
    person = StaffFactory(roles=["User manager"])
    client.force_login(person)
    return person


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(client, manager, receiver):
    asked = {"url": receiver.url, "name": "Live", "event_types": []}
    page = client.post(page_of("add"), asked, follow=True)
    row = WebhookEndpoint.objects.get()
    assert page.request["PATH_INFO"] == page_of("change", row.pk)
    assert "Webhooks are sent to Live from now on." in page.content.decode()
    return row


def text_of(browser, *page, method="get", **more):
    return getattr(browser, method)(page_of(*page), more, follow=True).content.decode()


def test_an_endpoint_is_added_and_its_page_says_what_came_of_each_webhook(
    client, endpoint, receiver, own_key, wallet
):
    before = text_of(client, "change", endpoint.pk)
    assert "Nothing yet" in before
    assert "every event" in before
    payout = ask(own_key, wallet, "1")
    receiver.answers = lambda _body: 500
    turns()
    shown = text_of(client, "change", endpoint.pk)
    for said in (str(payout), "payout.requested", "Answered 500", "again at", "all clients"):
        assert said in shown
    assert "Nothing has got through since" in shown
    receiver.answers = lambda _body: 200
    text_of(client, "again", endpoint.pk, method="post", event=Delivery.objects.get().event_id)
    turns()
    assert "delivered" in text_of(client, "change", endpoint.pk)
    sealed = DeskEvent.objects.get(event_type=DeskEvent.Type.ADD_ENDPOINT)
    assert (sealed.channel, sealed.facts["url"]) == ("admin", receiver.url)


def test_it_is_stopped_with_a_reason_and_resumed(client, endpoint, receiver, own_key, wallet):
    assert "Say why." in text_of(client, "stop", endpoint.pk, method="post")
    assert WebhookEndpoint.objects.get().stopped_at is None
    text_of(client, "stop", endpoint.pk, method="post", reason="They move house")
    sealed = DeskEvent.objects.get(event_type=DeskEvent.Type.STOP_ENDPOINT)
    assert sealed.reason == "They move house"
    ask(own_key, wallet, "1")
    assert turns() == 0
    assert "Stopped on 2 Mar 2026" in text_of(client, "change", endpoint.pk)
    assert "It is sent what it missed" in text_of(client, "resume", endpoint.pk, method="post")
    assert turns() == 1


def test_the_secret_is_shown_when_asked_and_renewed(
    client, endpoint, receiver, own_key, wallet, clock
):
    page = client.post(page_of("secret", endpoint.pk))
    secret = page.context["text"]
    assert "no-store" in page["Cache-Control"]
    assert secret not in text_of(client, "change", endpoint.pk)
    assert "New secret" in text_of(client, "change", endpoint.pk)
    renewed = text_of(client, "rotate", endpoint.pk, method="post")
    assert "There is a new secret." in renewed
    assert "signs too until 3 Mar 2026" in renewed
    assert "New secret" not in renewed
    assert client.post(page_of("secret", endpoint.pk)).context["text"] != secret
    assert "less than a day ago" in text_of(client, "rotate", endpoint.pk, method="post")
    ask(own_key, wallet, "1")
    turns()
    assert len(receiver.read(secret)) == 1
    clock.forward(days=2)
    later = text_of(client, "change", endpoint.pk)
    assert "New secret" in later
    assert "signs too until" not in later


def test_an_endpoint_hears_what_was_chosen_by_words_that_have_its_name_beside_them(
    client, manager, receiver
):
    form = text_of(client, "add")
    for name, words in EVENT_TYPES.items():
        beside = f'{escape(words)} <span class="quiet" translate="no">{name}</span>'
        assert beside in form, name
    asked = {"url": receiver.url, "event_types": ["payout.paid", "payout.failed"]}
    page = text_of(client, "add", method="post", **asked)
    shown = page.partition("<dt>Hears</dt>")[2].partition("</dd>")[0]
    assert [name for name in EVENT_TYPES if name in shown] == ["payout.paid", "payout.failed"]


def test_it_is_removed_with_a_reason(client, endpoint):
    text_of(client, "remove", endpoint.pk, method="post", reason="Gone")
    assert client.get(page_of("change", endpoint.pk)).status_code == 404
    assert "No webhooks are sent yet" in text_of(client, "changelist")


def test_what_cannot_be_is_said_on_the_form(client, manager):
    for asked, sentence in [
        ({"url": "ftp://portal.example/"}, "Write an address like"),
        ({"url": "http://10.0.0.1/"}, "leads to no public address"),
        ({"url": "http://127.0.0.1/", "client": "nobody"}, "There is no client with this"),
        ({"url": ""}, "This field is required."),
    ]:
        assert sentence in text_of(client, "add", method="post", **asked)
    assert not WebhookEndpoint.objects.exists()


def test_who_only_sees_them_changes_none(client, endpoint):
    client.force_login(StaffFactory(roles=["Operator"]))
    assert "Live" in text_of(client, "changelist")
    shown = text_of(client, "change", endpoint.pk)
    assert "Show the secret" not in shown
    for name in ("stop", "remove", "rotate", "resume", "secret", "again"):
        assert client.post(page_of(name, endpoint.pk), {"reason": "x"}).status_code == 403, name
    assert client.get(page_of("secret", endpoint.pk)).status_code == 405
    row = WebhookEndpoint.objects.get()
    assert (row.stopped_at, row.removed_at, row.secret_version) == (None, None, 1)


def test_who_has_no_right_sees_none(client, endpoint):
    client.force_login(StaffFactory(roles=["Requester"]))
    for page in (page_of("changelist"), page_of("change", endpoint.pk), page_of("add")):
        assert client.get(page).status_code == 403


def test_who_revokes_a_key_is_shown_what_it_has_added(client, manager, own_key, receiver):
    key = ApiKey.objects.get()
    revoke = reverse("admin:payouts_portal_apikey_revoke", args=[key.pk])
    assert "go on hearing" not in client.get(revoke).content.decode()
    added = own_key.post("webhook-endpoints/", {"url": receiver.url, "name": "Odd"}, key="1").json()
    shown = client.get(revoke).content.decode()
    assert "go on hearing" in shown
    assert page_of("change", added["id"]) in shown
    own_key.delete(f"webhook-endpoints/{added['id']}/")
    assert "go on hearing" not in client.get(revoke).content.decode()
