"""The worker closes a month beside its other work, once, however many workers there are."""

from datetime import date

import pytest

from audit import jobs
from audit.refusals import Refused
from payouts.books import closing
from payouts.books.models import Closing
from payouts.engine.worker import Worker
from payouts.models import ClosedMonth
from tests.books.conftest import books, office, unchecked_office  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)

OCTOBER, SATURDAY = date(2026, 10, 1), date(2026, 10, 31)


@pytest.fixture
def agreed(books):  # noqa: F811
    """Two people have agreed to close October, of which the books have one day."""
    books.at("2026-10-31 00:00:10")
    books.read()
    books.pay("5")
    books.settle()
    books.at("2026-11-01 00:00:30")
    books.read()
    books.list_days(SATURDAY)
    seen = closing.state_of(OCTOBER).digest
    closing.propose(OCTOBER, seen, "Looked at it", actor=books.actor("anna"))
    joint = closing.proposed(OCTOBER)
    closing.confirm(OCTOBER, joint.pk, seen, actor=books.actor("boris"))
    return books


def test_the_worker_closes_what_two_people_agreed_on(agreed):
    office = agreed.office  # noqa: F811
    Worker(jobs.make_all(office.client, office.account, 1)).run(once=True)

    assert ClosedMonth.objects.get().month == OCTOBER
    assert Closing.objects.get().trouble == ""


def test_two_workers_at_once_close_a_month_once(agreed, racers):
    """One takes it, the other is refused or comes when it is closed."""
    office = agreed.office  # noqa: F811

    def close():
        return closing.close(OCTOBER, client=office.client, account=office.account)

    results = racers(2).run(close, close)

    assert [type(each) for each in results if isinstance(each, Exception)] == [Refused]
    assert ClosedMonth.objects.count() == 1
