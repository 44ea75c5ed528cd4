"""Who sees to a discrepancy, how old it is, and what was read when."""

from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import DeskEvent
from payouts.models import Discrepancy, PayoutEvent
from payouts.reconciliation.models import ListedDay, Run
from tests.factories import DiscrepancyFactory, StaffFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

RUNS = reverse("admin:payouts_reconciliation_run_changelist")
LIST = reverse("admin:payouts_discrepancy_changelist")
FOREIGN = {
    "kind": "foreign",
    "key": "0b0c-uuid",
    "payout": None,
    "attempt": None,
    "ours": {},
    "theirs": {"uuid": "0b0c-uuid", "amount": "7", "currency": "USDT", "address": "TJRy"},
}


@pytest.fixture
def olga(client):
    person = StaffFactory(username="olga", roles=["Operator"])
    client.force_login(person)
    return person


def foreign(clock, **fields):
    at = clock()
    return Discrepancy.objects.create(**FOREIGN | {"first_seen_at": at, "opened_at": at} | fields)


def have(client, found, owner, seen=None):
    address = reverse("admin:payouts_discrepancy_set_owner", args=[found.pk])
    fields = {"owner": owner.pk if owner else "", "seen": seen.pk if seen else ""}
    return client.post(address, fields, follow=True).content.decode()


def owner_of(found):
    return Discrepancy.objects.get(pk=found.pk).owner


def test_a_discrepancy_is_taken_handed_over_and_given_back_under_sealed_events(client, olga):
    found, otto = DiscrepancyFactory(), StaffFactory(username="otto", roles=["Operator"])

    assert "You see to it now." in have(client, found, olga)
    assert owner_of(found) == olga
    assert "otto sees to it now." in have(client, found, otto, seen=olga)
    assert owner_of(found) == otto
    assert "Nobody sees to it now." in have(client, found, None, seen=otto)
    assert owner_of(found) is None

    events = PayoutEvent.objects.filter(payout=found.payout, event_type="owner").order_by("number")
    assert [each.facts["owner"] for each in events] == ["olga", "otto", ""]
    assert {(each.person, each.facts["kind"]) for each in events} == {(olga, "different")}
    shown = client.get(reverse("admin:payouts_payout_change", args=[found.payout_id]))
    assert "Owner of the discrepancy" in shown.content.decode()


def test_nobody_takes_it_from_another_unseen_nor_gives_it_to_who_may_not_end_it(client, olga):
    found, otto = DiscrepancyFactory(), StaffFactory(username="otto", roles=["Operator"])
    amira = StaffFactory(username="amira", roles=["Approver"])
    Discrepancy.objects.update(owner=otto)

    assert "changed" in have(client, found, olga)
    assert "Only somebody who may end discrepancies" in have(client, found, amira, seen=otto)
    odd = {"owner": "9" * 30, "seen": ""}
    client.post(reverse("admin:payouts_discrepancy_set_owner", args=[found.pk]), odd)
    client.force_login(amira)
    address = reverse("admin:payouts_discrepancy_set_owner", args=[found.pk])
    assert client.post(address, {"owner": amira.pk, "seen": otto.pk}).status_code == 403
    assert client.get(address).status_code == 405

    assert owner_of(found) == otto
    assert not PayoutEvent.objects.filter(event_type="owner").exists()


def test_one_that_is_ended_has_no_new_owner(client, olga, clock):
    found = DiscrepancyFactory(closed_at=clock(), closed_by=olga, outcome="explained")

    assert "has ended already" in have(client, found, olga)

    assert owner_of(found) is None


def test_a_payout_that_is_none_of_ours_has_an_owner_and_is_shown_with_what_heleket_has(
    client, olga, clock
):
    found = foreign(clock)

    listed = client.get(LIST).content.decode()
    assert "USDT to TJRy" in listed
    assert "not of this desk" in listed
    have(client, found, olga)

    assert owner_of(found) == olga
    event = DeskEvent.objects.get(event_type="foreign_owner")
    assert (event.person, event.facts["owner"], event.facts["uuid"]) == (olga, "olga", found.key)
    page = client.get(reverse("admin:payouts_discrepancy_change", args=[found.pk]))
    assert "nobody asked for it here" in page.content.decode()
    assert not any(line.differs for line in page.context["lines"])


def test_the_oldest_come_first_and_are_found_by_owner_kind_and_age(client, olga, clock):
    now = clock()
    ages = {"today": timedelta(hours=1), "week": timedelta(days=3), "older": timedelta(days=20)}
    found = {name: foreign(clock, key=name, first_seen_at=now - age) for name, age in ages.items()}
    Discrepancy.objects.filter(key="week").update(owner=olga)

    def keys(**filters):
        return [each.key for each in client.get(LIST, filters).context["cl"].result_list]

    assert keys() == ["older", "week", "today"]
    assert [keys(age=name) for name in found] == [["today"], ["week"], ["older"]]
    assert (keys(owner="me"), keys(owner="nobody")) == (["week"], ["older", "today"])
    assert keys(owner="others") == []
    assert (keys(kind__exact="foreign"), keys(kind__exact="vanished")) == (keys(), [])


def test_the_page_of_runs_says_what_was_read_when(client, olga, clock):
    empty = client.get(RUNS).content.decode()
    assert "Nothing has been read yet" in empty
    assert "91 days have not been read yet" in empty

    today = (clock() + timedelta(hours=3)).date()
    for back in range(91):
        read_at = clock() - (timedelta(days=2) if back == 5 else timedelta(minutes=5))
        day = today - timedelta(days=back)
        ListedDay.objects.create(day=day, read_at=read_at, is_whole=back > 0)
    runs = {"first_day": today, "last_day": today, "channel": "worker"}
    Run.objects.create(**runs, started_at=clock(), finished_at=clock(), rows=12, is_whole=True)
    Run.objects.create(**runs, started_at=clock(), error="<b>503</b>")
    foreign(clock)

    response = client.get(RUNS)

    shown = response.content.decode()
    assert "1 open discrepancy" in shown
    assert "1 day was read longer ago than it should" in shown
    assert [each.tone for each in response.context["days"]].count("good") == 90
    assert ("read to its end" in shown, "under way, or broken off" in shown) == (True, True)
    assert "&lt;b&gt;503&lt;/b&gt;" in shown


def test_the_page_of_runs_is_for_those_who_see_discrepancies(client):
    client.force_login(StaffFactory(roles=["Support"]))
    assert client.get(RUNS).status_code == 403
    client.force_login(StaffFactory(roles=["Auditor"]))
    assert client.get(RUNS).status_code == 200
