"""A developer of a portal tries out what Heleket does now and then, each fault to its end."""

import uuid

import pytest
from django.test import Client

from heleket.sandbox.server import Server
from heleket.sandbox.simulations import SIMULATIONS
from payouts.models import Payout, WebhookDelivery
from payouts.portal import feed
from tests.factories import PayoutFactory, WalletFactory
from tests.payouts.conftest import Office
from tests.payouts.invariants import check_invariants
from tests.portal.conftest import Developer, issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(sandbox, settings):
    """The sandbox on a socket, as the gateway of this desk."""
    server = Server(sandbox)
    server.start()
    settings.HELEKET_PROJECT_URL = server.url
    yield server
    server.stop()


@pytest.fixture
def office(served, sandbox, heleket_client, account, clock, usdt):
    """The desk with its worker; after the test nothing it did may break an invariant."""
    yield Office(sandbox, heleket_client, account, clock)
    check_invariants(sandbox)


@pytest.fixture
def asked(portal, wallet, office):
    """A payout that was asked for through the API."""
    body = {"wallet": str(wallet.public_id), "currency": "USDT", "amount": "12.5"}
    answer = portal.post("payouts/", body | {"purpose": "Prize"}, key="1")
    assert answer.status_code == 201, answer.content
    return Payout.objects.get()


def simulate(developer, payout, fault):
    return developer.post(f"sandbox/payouts/{payout.pk}/simulate/", {"fault": fault})


def have(developer, payout, fault):
    answer = simulate(developer, payout, fault)
    assert (answer.status_code, answer.json()) == (
        200,
        {"payout": str(payout.pk), "number": str(payout), "fault": fault},
    )


def shown(developer, payout):
    return developer.get(f"payouts/{payout.pk}/").json()


def status(developer, payout):
    return shown(developer, payout)["status"]


def post_due(sandbox, client):
    """Post what the sandbox would post now; return how many that was."""
    due = sandbox.take_webhooks()
    for each in due:
        answer = client.post(
            "/webhooks/heleket/", each.body, content_type="application/json", secure=True
        )
        assert answer.status_code == 200
    return len(due)


def paid_once(sandbox, payout):
    [order_id] = sandbox.order_ids
    return order_id.endswith("01") and len(sandbox.debits(order_id)) == 1


# Each fault, to its promised end


def test_a_lost_answer_is_looked_up_and_paid_once(portal, asked, office, sandbox):
    have(portal, asked, "lost_answer")
    have(portal, asked, "lost_answer")  # asked for twice, it strikes once
    office.approve(asked)
    office.submit()
    assert Payout.objects.get().status == "submitting"
    assert status(portal, asked) == "sending"

    office.until(lambda: status(portal, asked) == "paid")
    assert paid_once(sandbox, asked)
    assert [call.fault for call in sandbox.creates] == ["commit_then_drop"]


def test_short_of_funds_waits_and_is_paid_once(portal, asked, office, sandbox):
    have(portal, asked, "short_of_funds")
    office.approve(asked)
    office.submit()
    assert sandbox.order_ids == []
    assert (Payout.objects.get().status, Payout.objects.get().waiting_for) == ("approved", "funds")
    assert status(portal, asked) == "sending"
    assert "fund" not in str(shown(portal, asked))

    office.until(lambda: status(portal, asked) == "paid")
    assert paid_once(sandbox, asked)


def test_a_late_webhook_changes_nothing_any_more(portal, asked, office, sandbox, client):
    have(portal, asked, "late_webhook")
    office.approve(asked)
    office.submit()
    while status(portal, asked) != "paid":
        office.work(seconds=5)
        assert post_due(sandbox, client) == 0
    before = list(asked.events.values())

    office.clock.forward(minutes=1)
    assert post_due(sandbox, client) == 2
    office.work(hours=1)
    assert list(asked.events.values()) == before
    assert WebhookDelivery.objects.count() == 2
    assert paid_once(sandbox, asked)


def test_a_double_webhook_counts_once(portal, asked, office, sandbox, client):
    have(portal, asked, "double_webhook")
    office.approve(asked)
    office.submit()
    sandbox.advance()
    sandbox.advance()
    assert post_due(sandbox, client) == 4
    assert WebhookDelivery.objects.count() == 2

    office.check()
    assert status(portal, asked) == "paid"
    assert paid_once(sandbox, asked)
    feed.take_up()
    types = [each["type"] for each in portal.get("events/").json()["results"]]
    assert types == ["payout.paid"]


def test_a_stuck_payout_stays_on_its_way_until_it_is_paid(portal, asked, office, sandbox):
    have(portal, asked, "stuck")
    office.approve(asked)
    office.submit()
    office.work(hours=12)
    assert status(portal, asked) == "sending"

    have(portal, asked, "paid")
    office.until(lambda: status(portal, asked) == "paid")
    assert paid_once(sandbox, asked)


def test_a_failure_that_is_not_final_is_no_failure(portal, asked, office, sandbox):
    have(portal, asked, "failed_not_final")
    office.approve(asked)
    office.submit()
    sandbox.advance()
    sandbox.advance()
    [remote] = sandbox.payouts
    assert (remote.status, remote.is_final) == ("fail", False)
    office.ask_now()
    assert status(portal, asked) == "sending"

    office.until(lambda: status(portal, asked) == "paid")
    assert paid_once(sandbox, asked)


def test_a_failed_payout_is_shown_as_not_paid(portal, asked, office, sandbox):
    have(portal, asked, "failed")
    office.approve(asked)
    office.submit()
    office.until(lambda: status(portal, asked) != "sending")
    found = shown(portal, asked)
    assert (found["status"], found["code"]) == ("failed", "client_not_paid")
    assert "has not been paid" in found["detail"]
    assert sandbox.balances["USDT"] == 1_000_000


@pytest.mark.parametrize(
    ("fault", "end"), [("failed", "failed"), ("failed_not_final", "paid"), ("paid", "paid")]
)
def test_a_fault_is_ordered_for_a_payout_that_was_sent(portal, asked, office, fault, end):
    office.approve(asked)
    office.submit()
    have(portal, asked, "stuck")
    have(portal, asked, fault)
    office.until(lambda: status(portal, asked) != "sending")
    assert status(portal, asked) == end


# What is refused, and changes nothing


def untouched(sandbox):
    return list(sandbox.faults), list(sandbox.fates), [vars(each) for each in sandbox.payouts]


def refused(answer, status, code):
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]


@pytest.mark.parametrize("fault", ["lost_answer", "short_of_funds"])
def test_what_meets_the_sending_is_refused_afterwards(portal, asked, office, sandbox, fault):
    office.approve(asked)
    office.submit()
    before = untouched(sandbox)
    refused(simulate(portal, asked, fault), 409, "fault_too_late")
    assert untouched(sandbox) == before


@pytest.mark.parametrize("fault", SIMULATIONS)
def test_nothing_befalls_a_payout_that_is_final_at_the_sandbox(
    portal, asked, office, sandbox, fault
):
    office.approve(asked)
    office.submit()
    sandbox.advance()
    sandbox.advance()
    before = untouched(sandbox)
    refused(simulate(portal, asked, fault), 409, "fault_too_late")
    assert untouched(sandbox) == before


def test_nothing_befalls_a_payout_that_was_never_sent(portal, asked, sandbox):
    portal.post(f"payouts/{asked.pk}/cancel/", {})
    refused(simulate(portal, asked, "stuck"), 409, "fault_too_late")
    assert untouched(sandbox) == ([], [], [])


def test_an_unknown_fault_is_refused_with_those_there_are(portal, asked, sandbox):
    answer = simulate(portal, asked, "earthquake")
    refused(answer, 400, "invalid_request")
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("fault", "fault_unknown")
    assert all(name in error["detail"] for name in SIMULATIONS)
    assert untouched(sandbox) == ([], [], [])


def test_e1_a_foreign_payout_is_not_found(portal, office, sandbox):
    other = WalletFactory(client__external_id="K-2")
    row = PayoutFactory(client=other.client, wallet=other)
    found = simulate(portal, row, "stuck")
    missing = portal.post(f"sandbox/payouts/{uuid.uuid4()}/simulate/", {"fault": "stuck"})
    assert found.status_code == missing.status_code == 404
    assert found.json() == missing.json()
    assert untouched(sandbox) == ([], [], [])


def test_a_key_that_asks_for_no_payouts_simulates_none(client, asked, owner, sandbox):
    reader = Developer(client, issue(client=owner, scopes=["payouts:read"])[1])
    refused(simulate(reader, asked, "stuck"), 403, "scope_missing")
    assert untouched(sandbox) == ([], [], [])


def test_a_sandbox_that_does_not_answer_is_named(portal, asked, served, sandbox):
    served.stop()
    refused(simulate(portal, asked, "stuck"), 503, "sandbox_silent")
    assert untouched(sandbox) == ([], [], [])
    served.listen()


@pytest.mark.parametrize("gateway", ["https://api.heleket.com", "https://10.0.0.1"])
def test_with_a_real_gateway_there_is_no_such_address(portal, asked, settings, sandbox, gateway):
    settings.HELEKET_PROJECT_URL = gateway
    path = f"sandbox/payouts/{asked.pk}/simulate/"
    stranger = Developer(Client(enforce_csrf_checks=True), "wrong")
    for developer in (portal, stranger):
        for found, missing in [
            (developer.post(path, {"fault": "stuck"}), developer.post("nothing/", {})),
            (developer.get(path), developer.get("nothing/")),
            (developer.put(path, {}), developer.put("nothing/", {})),
        ]:
            assert found.status_code == missing.status_code == 404
            assert found.content == missing.content
            assert found.headers.keys() == missing.headers.keys()
            assert found["Content-Type"] == "application/problem+json"
    assert untouched(sandbox) == ([], [], [])
