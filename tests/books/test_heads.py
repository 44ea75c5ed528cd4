"""The heads of the logs of all events: sealed once a day, mailed to auditors, and found later."""

from datetime import timedelta

import pytest
from django.core import mail

from audit.models import DeskEvent
from payouts.books import heads
from payouts.books.heads import SealHeads
from payouts.models import PayoutEvent
from tests.audit.tampering import drop, findings, places, sql, undone
from tests.books.months import live
from tests.factories import PayoutFactory, StaffFactory

pytestmark = pytest.mark.django_db


def a_turn():
    """Let the job have its turn, as an engine does."""
    job = SealHeads(None, None, 1)
    claimed = job.claim(1).items
    job.record([job.call(each) for each in claimed])
    return len(claimed)


def sealed():
    return list(DeskEvent.objects.filter(event_type="heads").order_by("number"))


@pytest.fixture
def auditor(settings):
    settings.SENDS_MAIL = True
    return StaffFactory(roles=["Auditor"], email="ada@example.com")


def test_heads_are_sealed_once_a_day_and_build_on_one_another(office):
    PayoutFactory()
    assert [a_turn(), a_turn()] == [1, 0]
    office.clock.forward(hours=24)
    PayoutFactory()
    assert [a_turn(), a_turn()] == [1, 0]

    first, second = sealed()
    assert int(second.facts["payouts_count"]) == PayoutEvent.objects.count()
    assert int(first.facts["payouts_count"]) < int(second.facts["payouts_count"])
    assert findings("--only", "heads") == []


def test_the_head_of_a_day_is_mailed_to_auditors_alone(office, auditor):
    StaffFactory(roles=["Approver"], email="ben@example.com")
    StaffFactory(roles=["Auditor"], email="gone@example.com", is_active=False)
    a_turn()

    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    assert heads.digest_of(sealed()[0]) in message.body
    mailed = DeskEvent.objects.get(event_type="mail_heads")
    assert mailed.facts == {"heads": str(sealed()[0].number), "to": "ada@example.com"}


def test_heads_that_are_not_mailed_are_shown_as_such(office, settings):
    settings.SENDS_MAIL = True
    a_turn()
    assert "has an e-mail address" in DeskEvent.objects.get(event_type="heads_unmailed").reason

    office.clock.forward(hours=24)
    settings.SENDS_MAIL = False
    StaffFactory(roles=["Auditor"], email="ada@example.com")
    a_turn()
    said = DeskEvent.objects.filter(event_type="heads_unmailed").order_by("number").last()
    assert "EMAIL_URL is not set" in said.reason
    assert mail.outbox == []
    assert len(sealed()) == 2


def test_a_mail_server_that_fails_leaves_the_heads_sealed(office, auditor, settings):
    settings.EMAIL_BACKEND = "tests.books.test_heads.Failing"
    a_turn()
    assert len(sealed()) == 1
    assert DeskEvent.objects.filter(event_type="heads_unmailed").count() == 1


class Failing:
    def __init__(self, **_options):
        pass

    def send_messages(self, _messages):
        raise OSError


def test_e10_a_payout_that_was_taken_out_whole_is_found_by_the_heads(office):
    """With all its rows gone its own chain is no more, and breaks nowhere."""
    live(office)
    gone = PayoutFactory()
    office.clock.forward(days=1)
    a_turn()
    table = "payouts_payoutevent"
    events = ", ".join(str(pk) for pk in gone.events.values_list("pk", flat=True))
    with undone():
        sql(
            *drop(table, "kept"),
            *drop("payouts_payout", "kept"),
            *drop("payouts_payoutmaker", "kept"),
            f"DELETE FROM payouts_portal_unfedevent WHERE event_id IN ({events})",
            f"DELETE FROM {table} WHERE id IN ({events})",
            f"DELETE FROM payouts_payoutmaker WHERE payout_id = {of(gone)}",
            f"DELETE FROM payouts_payout WHERE id = {of(gone)}",
        )
        found = findings()
        assert places(found, "chain_broken") == places(found, "events_missing") == []
        assert places(found, "head_differs") == [f"audit.DeskEvent {sealed()[-1].pk}"]


def of(payout):
    from django.db import connection

    return f"'{payout.pk}'" if connection.vendor == "postgresql" else f"'{payout.pk.hex}'"


def test_a_late_turn_still_seals_the_day(office):
    a_turn()
    office.clock.time += timedelta(days=3, hours=5)
    assert a_turn() == 1
