"""What every page does with an odd address, and where a dead end leads."""

import pytest

from tests.factories import StaffFactory

LIST = "/admin/payouts/payout/"


@pytest.fixture
def auditor(client, db):
    person = StaffFactory(roles=["Auditor"])
    client.force_login(person)
    return client


@pytest.mark.parametrize("query", ["network=%00", "q=a%00b", "origin__exact=%00"])
def test_e7_a_nul_in_the_address_is_refused(auditor, query):
    answer = auditor.get(f"{LIST}?{query}")

    assert answer.status_code == 400
    assert b"cannot be read" in answer.content


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/payouts/payout/add/", 403), ("/nowhere/", 404)]
)
def test_a_dead_end_leads_back_to_the_desk(auditor, path, status):
    answer = auditor.get(path)

    assert answer.status_code == status
    assert b'href="/admin/"' in answer.content
