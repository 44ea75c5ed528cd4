"""A client and its own limits, through the API: what it may see of them, and what they refuse."""

from decimal import Decimal

import pytest

from payouts.models import Payout, PayoutEvent, PayoutStatus
from payouts.portal.models import ApiAnswer
from tests import policies
from tests.factories import ClientFactory, PayoutFactory, StaffFactory
from tests.payouts.conftest import Office

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]

OF_LIMIT = ("hours", "currency", "limit", "used", "left", "frees_at")


@pytest.fixture
def office(sandbox, heleket_client, account, clock):
    return Office(sandbox, heleket_client, account, clock)


def put_in_force(*limits):
    people = StaffFactory(roles=["Policy manager"]), StaffFactory(roles=["Policy manager"])
    policies.put_in_force({**policies.LENIENT, "limits": list(limits)}, people)


def limit(at_most, of="client", hours=24, **only):
    return {"of": of, "hours": hours, "at_most": at_most, **only}


def ask(developer, wallet, amount, key):
    body = {"wallet": str(wallet.public_id), "currency": "USDT", "purpose": "Prize"}
    return developer.post("payouts/", {**body, "amount": amount}, key=key)


def shown(developer):
    return developer.get("limits/").json()["results"]


def stored():
    return [model.objects.count() for model in (Payout, PayoutEvent, ApiAnswer)]


def test_a_request_beyond_the_client_s_limit_is_refused_and_its_key_works_once_it_frees(
    portal, own_key, wallet, office
):
    put_in_force(limit("100"))
    PayoutFactory(wallet=wallet, status=PayoutStatus.APPROVED, amount=Decimal(60))
    office.work(minutes=10)
    assert ask(portal, wallet, "30", "1").status_code == 201
    before = stored()

    refused = ask(own_key, wallet, "10.5", "2")

    assert refused.status_code == 422
    problem = refused.json()
    expected = {"hours": 24, "currency": "USD", "limit": "100", "used": "90", "left": "10"}
    expected["frees_at"] = "2026-03-03T10:00:00.000Z"
    assert {name: problem[name] for name in OF_LIMIT} == expected
    assert (problem["code"], problem["field"]) == ("client_limit", "amount")
    assert problem["detail"] == (
        "This would pass your limit of 100 USD in 24 hours: 90 is used, 10 is left."
    )
    assert stored() == before
    assert shown(own_key) == shown(portal) == [expected]

    office.clock.forward(hours=25)
    assert ask(own_key, wallet, "10.5", "2").status_code == 201
    assert shown(own_key)[0]["used"] == "40.5"


def test_what_is_cancelled_frees_its_amount_at_once(portal, wallet):
    put_in_force(limit("100"))
    first = ask(portal, wallet, "100", "1").json()
    assert ask(portal, wallet, "5", "2").json()["frees_at"] is None  # as nothing was paid yet

    portal.post(f"payouts/{first['id']}/cancel/", {})

    assert ask(portal, wallet, "5", "2").status_code == 201


def test_a_client_sees_its_own_limits_and_never_those_of_others_of_a_coin_or_of_the_desk(
    portal, own_key, owner
):
    ClientFactory(external_id="K-2")
    put_in_force(
        limit("5000", hours=720),
        limit("100"),
        limit("77777", only="K-2"),
        limit("77777", "desk"),
        limit("77777", "currency", only="USDT"),
        {"of": "payout", "at_most": "77777"},
    )
    for developer in (portal, own_key):
        assert [(each["hours"], each["limit"]) for each in shown(developer)] == [
            (24, "100"),
            (720, "5000"),
        ]
    portal.acts_for = "K-2"
    assert [each["limit"] for each in shown(portal)] == ["77777", "5000"]


def test_a_client_without_limits_sees_none(portal):
    assert shown(portal) == []


def test_the_portal_names_a_client_that_there_is(portal):
    put_in_force(limit("100"))
    portal.acts_for = "K-9"
    answer = portal.get("limits/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    portal.acts_for = None
    answer = portal.get("limits/")
    assert (answer.status_code, answer.json()["code"]) == (400, "client_absent")


def test_a_limit_of_the_desk_refuses_no_request(portal, wallet):
    put_in_force(limit("1", "desk"), limit("1", "currency"), {"of": "payout", "at_most": "1"})
    assert ask(portal, wallet, "50", "1").status_code == 201
