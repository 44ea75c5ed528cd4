"""Where a month ends, while others write: what is not committed yet is waited for, not left out."""

from threading import Event

import pytest
from django.db import connection, transaction

from audit.actor import Actor, Channel
from audit.events import log_event
from audit.models import DeskEvent
from payouts import journal
from payouts.books.cuts import cut
from payouts.models import Entry
from tests.payouts.races.conftest import racers

__all__ = ["racers"]

WAITS = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)"


def until_somebody_waits():
    """Look until a lock is waited for; pg_sleep takes a moment on the server between two looks."""
    with connection.cursor() as cursor:
        for _look in range(4000):
            cursor.execute(f"{WAITS}, pg_sleep(0.003)")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waited")


def write_late(begun, act):
    """Act in a transaction that is committed once somebody waits for it."""
    with transaction.atomic():
        act()
        begun.set()
        until_somebody_waits()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_g66_an_event_that_is_being_written_is_within_the_cut(racers):
    begun = Event()

    def first():
        write_late(begun, lambda: log_event("test", actor=Actor.system(Channel.COMMAND)))
        return

    def second():
        assert begun.wait(60)
        return cut(DeskEvent)

    _none, found = racers(2).run(first, second)
    assert found == DeskEvent.objects.latest("number").pk


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_g66_a_cut_of_the_journal_waits_for_whoever_has_drawn_a_number(racers):
    """An entry's number is drawn before its table is written to."""
    begun, released = Event(), []

    def post():
        with transaction.atomic():
            journal.advisory_lock(journal.MONTHS_LOCK, shared=True)
            journal.next_numbers(1)
            begun.set()
            until_somebody_waits()
            released.append("posted")

    def second():
        assert begun.wait(60)
        cut(Entry)
        return list(released)

    _none, seen = racers(2).run(post, second)
    assert seen == ["posted"]
