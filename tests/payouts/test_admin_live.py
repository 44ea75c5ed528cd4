"""Pages that stay fresh: what they are told, what it costs, and when they stop asking."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payouts import operations
from payouts.controls.models import Switch
from payouts.models import Payout, PayoutStatus
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.test_admin_exports import do

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
LIVE = reverse("admin:payouts_payout_live")


@pytest.fixture(autouse=True)
def person(client):
    person = StaffFactory(roles=["Approver"])
    client.force_login(person)
    return person


def live_of(payout):
    return reverse("admin:payouts_payout_live_one", args=[payout.pk])


def page_of(payout):
    return reverse("admin:payouts_payout_change", args=[payout.pk])


def test_a_page_hears_of_all_that_changes_and_of_nothing_else(client, clock):
    payout = PayoutFactory()
    shown = client.get(page_of(payout)).context["live"]
    assert client.get(live_of(payout)).json() == shown

    clock.forward(minutes=1)
    later = client.get(live_of(payout)).json()
    assert (later["state"], later["fresh"]) == (shown["state"], f"As of {clock():%H:%M:%S}")

    do(operations.APPROVE, payout, StaffFactory(roles=["Approver"]))
    approved = client.get(live_of(payout)).json()
    assert approved["state"] != shown["state"]
    Switch.objects.update(is_on=False, reason="Bank holiday")
    assert client.get(live_of(payout)).json()["state"] != approved["state"]


@pytest.mark.parametrize(
    ("status", "again"),
    [("pending", 20), ("held", 20), ("approved", 5), ("broadcast", 5), ("confirmed", 0)],
)
def test_a_page_asks_as_often_as_something_moves(client, status, again):
    payout = PayoutFactory(status=PayoutStatus(status))

    assert client.get(live_of(payout)).json()["again"] == again
    assert f'data-again="{again}"' in client.get(page_of(payout)).content.decode()
    assert client.get(LIVE).json()["again"] == (5 if again == 5 else 0)


def test_the_list_hears_when_a_count_changes(client, clock):
    payout = PayoutFactory()
    shown = client.get(LIST).context["live"]
    assert client.get(LIVE).json() == shown

    do(operations.HOLD, payout, StaffFactory(roles=["Approver"]), "Wait")
    assert client.get(LIVE).json()["state"] != shown["state"]


def test_asking_costs_little_and_the_same_for_one_and_for_many(client, clock):
    payout = PayoutFactory()

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(LIVE)
            client.get(live_of(payout))
        return len(captured)

    queries()  # what is looked up once for a process
    few = queries()
    for _ in range(20):
        PayoutFactory()

    assert queries() == few
    assert few < 25
    assert Payout.objects.count() == 21


def test_who_may_not_look_hears_nothing(client):
    payout = PayoutFactory()
    client.force_login(StaffFactory(roles=["User manager"]))

    for url in (LIVE, live_of(payout)):
        assert client.get(url).status_code == 403
    client.logout()
    for url in (LIVE, live_of(payout)):
        assert client.get(url).status_code == 302
