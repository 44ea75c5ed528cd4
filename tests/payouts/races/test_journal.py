"""A month that closes while entries are posted gets each of them, or none that comes after."""

from datetime import date
from functools import partial

import pytest
from django.db import connection, transaction

from audit import clock
from payouts import days, journal
from payouts.models import ClosedMonth, Entry, Posting
from tests.factories import PayoutFactory, open_journal
from tests.payouts.races.conftest import returned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def post(payout):
    open_journal(payout)


def close(month):
    """Read what is in the month and close it, as one that writes its file does."""
    with transaction.atomic():
        journal.lock_months()
        seen = of(month)
        ClosedMonth.objects.create(month=month, closed_at=clock.now())
    return seen


def of(month):
    return list(Posting.objects.filter(entry__month=month).order_by("pk").values_list())


def test_g67_a_month_that_closes_changes_no_more_and_no_posting_is_lost(duel, rounds):
    today = days.today()
    own = month = today.replace(day=1)
    for _ in rounds:
        payout = PayoutFactory(status="broadcast", reference_rate=1)

        _none, seen = returned(duel.run(partial(post, payout), partial(close, month)))

        assert of(month) == seen
        entry = Entry.objects.get(payout=payout)
        is_after = entry.month != month
        assert (entry.month == journal.next_month(month)) == is_after
        assert entry.names_month == (None if entry.month == own else own)
        duel.won(first=not is_after)
        month = journal.next_month(month)
    assert list(journal.findings()) == []


def test_g67_the_database_waits_for_who_closes_without_the_lock(racers):
    """Whoever adds the row alone is waited for by the trigger: the entry is refused."""
    month = date(2026, 1, 1)
    payout = PayoutFactory(status="broadcast", reference_rate=1)
    pair = racers(2)

    def store_into(month):
        with transaction.atomic():
            for side in ("debit", "credit"):
                Posting.objects.create(
                    entry_id=1, kind="cost", account="a", currency="USDT", side=side, amount=1
                )
            Entry.objects.create(
                id=1,
                payout=payout,
                event_number=1,
                kind="x",
                at=clock.now(),
                effective_on=month,
                month=month,
            )

    def close_slowly():
        with transaction.atomic():
            ClosedMonth.objects.create(month=month, closed_at=clock.now())
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.3)")

    results = pair.run(partial(store_into, month), close_slowly, head_start=-0.1)
    assert "the month is closed" in str(results[0])
    assert not Entry.objects.exists()
