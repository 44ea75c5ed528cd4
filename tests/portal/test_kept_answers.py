"""An answer is kept for thirty days, the key that it was given to for ever."""

import json

import pytest

from payouts.engine import schedule
from payouts.models import Payout
from payouts.portal import keeping
from payouts.portal.keeping import Forget
from payouts.portal.models import ApiAnswer
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


@pytest.fixture
def body(wallet):
    return {
        "wallet": str(wallet.public_id),
        "currency": "USDT",
        "amount": "12.5",
        "purpose": "Prize of May",
    }


def take_turn():
    """Do what the worker does when the job's turn has come; return whether there was anything."""
    job = Forget(None, None, 1)
    claimed = schedule.claim(job, 1).items
    schedule.record(job, [job.call(each) for each in claimed])
    return bool(claimed)


def test_e3_the_answer_is_kept_thirty_days(portal, body, clock):
    first = portal.post("payouts/", body, key="1")
    portal.post(f"payouts/{first.json()['id']}/cancel/", {})
    clock.forward(days=29, hours=23, minutes=59)
    assert not take_turn()
    again = portal.post("payouts/", body, key="1")
    assert (again.status_code, again.json()) == (201, first.json())


def test_e3_after_thirty_days_the_same_request_shows_the_payout_as_it_is(portal, body, clock):
    first = portal.post("payouts/", body, key="1").json()
    portal.post(f"payouts/{first['id']}/cancel/", {})
    clock.forward(days=30)
    assert take_turn()

    again = portal.post("payouts/", body, key="1")
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == portal.get(f"payouts/{first['id']}/").json()
    assert again.json()["status"] == "cancelled"
    assert Payout.objects.count() == 1
    assert json.loads(ApiAnswer.objects.get().body) == {"id": first["id"]}


def test_e3_after_thirty_days_the_key_is_not_free_for_anything_else(portal, body, clock):
    first = portal.post("payouts/", body, key="1").json()
    clock.forward(days=400)
    take_turn()

    other = portal.post("payouts/", body | {"amount": "13"}, key="1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_reused")
    assert first["number"] in other.json()["detail"]
    assert Payout.objects.count() == 1


def test_e3_a_wallet_is_shown_as_it_is_as_well(portal, owner, clock):
    asked = {"network": "tron", "address": "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"}
    first = portal.post("wallets/", asked, key="1").json()
    portal.post(f"wallets/{first['id']}/archive/", {})
    clock.forward(days=30)
    take_turn()

    again = portal.post("wallets/", asked, key="1")
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first | {"status": "archived"}
    assert Wallet.objects.count() == 1


def test_all_that_is_old_is_shortened_in_one_turn_and_nothing_else(
    portal, body, clock, monkeypatch
):
    monkeypatch.setattr(keeping, "CHUNK", 2)
    for key in "12345":
        portal.post("payouts/", body, key=key)
    clock.forward(days=30)
    portal.post("payouts/", body, key="young")

    assert take_turn()
    kept = dict(ApiAnswer.objects.values_list("key", "status"))
    assert kept == dict.fromkeys("12345", 200) | {"young": 201}
    assert not take_turn()  # its next turn is in an hour
    clock.forward(days=30)
    assert take_turn()
    clock.forward(days=30)
    assert not take_turn()  # nothing is left
