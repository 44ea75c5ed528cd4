"""What may be paid: only what sealed events back, and a repeat only as a first call."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import connection

from audit import chain, clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.models import DeskEvent
from payouts import approvals, explain, makers, operations, submission
from payouts.codes import PayoutCode
from payouts.models import Approval, Attempt, EventType, Payout, PayoutEvent, PayoutStatus
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.conftest import HOUR
from tests.payouts.rounds import now
from tests.sim import bugs
from wallets.models import Client, PayoutMethod, Wallet

OTHER = "TPYmHEhy5n8TCEfYGqW2rPxsghSfzghPDn"


def sql(statement, *values):
    """Write as somebody does who owns the database and has not the key of the chains."""
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing waits for these tables
        for table in ("payouts_approval", "payouts_attempt"):
            on_table = f" ON {table}" if is_postgres else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {table}_fixed{on_table}")
        cursor.execute(statement, values)
        if is_postgres:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # as in any transaction of the desk


# Each case gets an approved payout and changes what one column says


def a_void_approval_stands_again(office, payout):
    office.act("HOLD", payout, role="Approver", reason="Wait")
    office.act("RELEASE", payout, role="Approver")
    office.approve(payout)
    Approval.objects.filter(voided_at=None).update(voided_at=clock.now())
    sql("UPDATE payouts_approval SET voided_at = NULL WHERE id = %s", first_approval(payout).pk)


def an_approval_is_added(_office, payout):
    approval = first_approval(payout)
    approval.pk, approval.person = None, StaffFactory(roles=["Approver"])
    approval.save(force_insert=True)


def an_approval_gets_another_person(_office, payout):
    other = StaffFactory(roles=["Approver"]).pk
    sql("UPDATE payouts_approval SET person_id = %s", other)


def it_goes_elsewhere_with_the_digest(_office, payout):
    sql("UPDATE payouts_payout SET address = %s", OTHER)
    sql("UPDATE payouts_approval SET digest = %s", now(payout).digest())


def the_status_skips_the_approvers(office, payout):
    office.act("HOLD", payout, role="Approver", reason="Wait")
    office.act("RELEASE", payout, role="Approver")
    sql("UPDATE payouts_approval SET voided_at = NULL")
    Payout.objects.update(status="approved", waiting_for="worker", due_at=clock.now())


def the_last_event_is_forgotten(_office, payout):
    sql("UPDATE payouts_payout SET last_event = 1")


def the_last_event_is_made_up(_office, payout):
    sql("UPDATE payouts_payout SET last_event = 9")


def an_event_is_added(_office, payout):
    event = payout.events.get(event_type="approve")
    event.pk, event.number, event.person = None, 3, StaffFactory(roles=["Approver"])
    event.save(force_insert=True)
    sql("UPDATE payouts_payout SET last_event = 3")
    sql("UPDATE payouts_approval SET person_id = %s", event.person_id)


def keep_a_request(office):
    """Have one claimed that was not called: it goes back and is due again."""
    [call] = submission.claim(1, office.account).items
    submission.record(
        [submission.Answer(call, submission.Unsent(Reason(PayoutCode.NOT_CALLED)))], office.account
    )
    assert Payout.objects.get().status == PayoutStatus.APPROVED
    office.clock.forward(minutes=1)


def the_stored_request_goes_elsewhere(office, payout):
    keep_a_request(office)
    sql("UPDATE payouts_attempt SET body = replace(body, %s, %s)", payout.address, OTHER)


FORGERIES = [
    a_void_approval_stands_again,
    an_approval_is_added,
    an_approval_gets_another_person,
    it_goes_elsewhere_with_the_digest,
    the_status_skips_the_approvers,
    the_last_event_is_forgotten,
    the_last_event_is_made_up,
    an_event_is_added,
    the_stored_request_goes_elsewhere,
]


def first_approval(payout):
    return payout.approvals.order_by("pk").first()


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__)
def test_g49_what_no_sealed_event_backs_is_not_sent_and_alarms_once(
    unchecked_office, forge, caplog
):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    forge(office, payout)
    honest = PayoutFactory(status=PayoutStatus.APPROVED)
    before = Payout.objects.filter(pk=payout.pk).values("status", "last_event", "generation").get()
    events = PayoutEvent.objects.filter(payout=payout).count()

    office.submit()

    ours = settings.INSTALLATION
    assert [json.loads(call.body)["order_id"] for call in office.creates()] == [
        honest.order_id(ours)
    ]
    stopped = now(payout)
    after = Payout.objects.filter(pk=payout.pk).values("status", "last_event", "generation").get()
    assert (after, stopped.events.count()) == (before, events)
    explained = explain.explain(stopped)
    assert stopped.why.sentence in explained.sentence
    assert stopped.due_at >= clock.now() + office.account.quiet_time
    office.clock.forward(hours=2)
    office.submit()
    assert len(office.creates()) == 1
    alarm = DeskEvent.objects.get(event_type="forgery")
    assert alarm.why == stopped.why
    assert str(payout) in alarm.data
    alarms = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert len(alarms) == 1


OTHER_MEMBERS = {
    "amount": "5.00000001",
    "currency": "USDC",
    "network": "bsc",
    "memo": "7",
    "order_id": "another",
    "is_subtract": False,
}


@pytest.mark.parametrize("name", OTHER_MEMBERS)
def test_g49_a_stored_request_with_one_other_member_is_not_sent(unchecked_office, name):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    keep_a_request(office)
    body = json.loads(Attempt.objects.get().body) | {name: OTHER_MEMBERS[name]}
    sql("UPDATE payouts_attempt SET body = %s", json.dumps(body))

    office.submit()

    assert not office.sandbox.calls
    assert now(payout).status == PayoutStatus.APPROVED
    assert DeskEvent.objects.filter(event_type="forgery").count() == 1


def test_g49_a_stored_request_under_another_order_id_is_not_sent(unchecked_office):
    PayoutFactory(status=PayoutStatus.APPROVED)
    keep_a_request(unchecked_office)
    sql("UPDATE payouts_attempt SET order_id = 'another'")

    unchecked_office.submit()

    assert not unchecked_office.sandbox.calls
    assert DeskEvent.objects.filter(event_type="forgery").count() == 1


def test_g49_events_that_are_moved_to_another_payout_do_not_hold(db):
    other, events = PayoutFactory(), list(PayoutFactory(status="approved").events.order_by("pk"))
    assert chain.first_broken(events) is None
    for event in events:
        event.payout = other
    assert chain.first_broken(events) == events[0]


def test_g49_a_claim_that_believes_rows_is_found(unchecked_office, caplog):
    with bugs.plant(bugs.CLAIM_BELIEVES_ROWS), pytest.raises(AssertionError):
        test_g49_what_no_sealed_event_backs_is_not_sent_and_alarms_once(
            unchecked_office, a_void_approval_stands_again, caplog
        )


def test_g49_a_payout_that_was_stopped_goes_out_once_people_approve_it_again(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    an_approval_is_added(office, payout)
    office.submit()

    office.act("HOLD", payout, role="Approver", reason="Who was that?")
    office.act("RELEASE", payout, role="Approver")
    office.approve(payout)
    office.submit()

    assert now(payout).status == PayoutStatus.BROADCAST
    assert len(office.creates()) == 1


def test_g49_a_wish_to_cancel_cannot_be_taken_out_of_its_row(unchecked_office):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("drop")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Stop")
    Payout.objects.update(cancel_asked_at=None, may_repeat=True, due_at=clock.now())

    office.submit()

    assert len(office.creates()) == 1
    assert DeskEvent.objects.filter(event_type="forgery").count() == 1
    assert not now(payout).may_repeat


def test_g49_a_call_without_an_answer_cannot_be_made_a_first_one(unchecked_office):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("drop")
    office.submit()
    Payout.objects.update(status="approved", waiting_for="worker", due_at=clock.now())

    office.submit()

    assert len(office.creates()) == 1
    assert DeskEvent.objects.filter(event_type="forgery").count() == 1
    assert now(payout).last_event == payout.events.count()


# Repeats


def approver_is_disabled(payout):
    approver = first_approval(payout).person
    approver.is_active = False
    approver.save()


def approver_is_demoted(payout):
    first_approval(payout).person.groups.clear()


def approval_is_void(payout):
    approvals.void_approvals([payout], EventType.VOID)


def approver_is_a_maker(payout):
    makers.add_makers(payout, [(first_approval(payout).person_id, "wallet")])


def wallet_is_frozen(payout):
    Wallet.objects.update(status="frozen")


def client_is_closed(payout):
    Client.objects.update(is_active=False)


def service_is_withdrawn(payout):
    PayoutMethod.objects.update(is_available=False)


def approval_is_forged(payout):
    an_approval_is_added(None, payout)


CAUSES = [
    approver_is_disabled,
    approver_is_demoted,
    approval_is_void,
    approver_is_a_maker,
    wallet_is_frozen,
    client_is_closed,
    service_is_withdrawn,
    approval_is_forged,
]


@pytest.mark.parametrize("cause", CAUSES, ids=lambda each: each.__name__)
def test_i2_a_first_call_is_not_made_where_a_repeat_would_not_be(unchecked_office, cause):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    cause(payout)

    office.submit()

    stored = now(payout)
    assert stored.status in (PayoutStatus.PENDING, PayoutStatus.APPROVED)
    assert stored.why.sentence in explain.explain(stored).sentence
    assert stored.why.sentence
    office.work(hours=26, every=HOUR)
    assert office.creates() == []
    assert not payout.attempts.exists()


@pytest.mark.parametrize("cause", CAUSES, ids=lambda each: each.__name__)
def test_g50_a_repeat_that_may_not_be_paid_is_asked_about_and_released(unchecked_office, cause):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    office.account = replace(office.account, release=4 * 3600)
    office.sandbox.faults.add("drop")
    office.submit()
    cause(payout)

    office.work(hours=1)

    waiting = now(payout)
    assert (waiting.status, len(office.creates())) == (PayoutStatus.SUBMITTING, 1)
    assert waiting.why.sentence in explain.explain(waiting).sentence
    assert waiting.why.sentence
    events, questions = waiting.events.count(), len(office.questions())
    office.work(hours=2)
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert now(payout).events.count() == events  # a wait that repeats is no news
    assert len(office.questions()) > questions

    office.work(hours=3)

    ended = now(payout)
    assert (ended.status, ended.why.sentence) == (PayoutStatus.FAILED, waiting.why.sentence)
    assert len(office.creates()) == 1
    assert Attempt.objects.get().watch_at is not None


@pytest.mark.parametrize("cause", CAUSES[:2], ids=lambda each: each.__name__)
def test_g50_one_that_should_be_cancelled_meanwhile_ends_as_cancelled(office, cause):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("drop")
    office.submit()
    cause(payout)
    office.work(hours=1)
    office.act("CANCEL", payout, role="Operator", reason="Stop")

    office.work(hours=26, every=HOUR)

    assert now(payout).status == PayoutStatus.CANCELLED
    assert len(office.creates()) == 1


def test_g50_a_repeat_goes_out_once_its_approver_has_the_right_again(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("drop")
    office.submit()
    approver_is_disabled(payout)
    office.work(hours=1)
    approver = first_approval(payout).person
    approver.is_active = True
    approver.save()

    office.work(hours=1)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert len(office.creates()) == 2


# The digest


OTHERS = {
    "id": "00000000-0000-5000-8000-000000000002",
    "generation": 2,
    "client_id": 2,
    "wallet_id": 2,
    "origin": "bonus",
    "currency": "USDC",
    "amount": Decimal("5.00000001"),
    "network": "bsc",
    "address": OTHER,
    "memo": "7",
}


def a_payout(**fields):
    plain = {
        "id": "00000000-0000-5000-8000-000000000001",
        "generation": 1,
        "client_id": 1,
        "wallet_id": 1,
        "origin": "manual",
        "currency": "USDT",
        "amount": Decimal(5),
        "network": "tron",
        "address": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
    }
    return Payout(**{**plain, **fields})


def test_i3_each_field_of_the_digest_alone_changes_it():
    digests = {a_payout(**{name: value}).digest() for name, value in OTHERS.items()}
    assert len({a_payout().digest(), *digests}) == 1 + len(OTHERS)
    assert a_payout(memo="8").digest() != a_payout(memo="7").digest()


CHANGED_IN_THE_ROW = {
    "currency": "USDC",
    "amount": Decimal("5.00000001"),
    "network": "bsc",
    "address": OTHER,
    "memo": "7",
    "pay_from": datetime(2026, 3, 1, 9, tzinfo=UTC),
}


@pytest.mark.parametrize("name", CHANGED_IN_THE_ROW)
def test_a21_i3_a_field_that_is_changed_in_the_row_after_the_approval_is_not_sent(
    unchecked_office, name
):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.update(**{name: CHANGED_IN_THE_ROW[name]})

    office.submit()

    stored = now(payout)
    assert (stored.status, stored.reason_code) == (PayoutStatus.PENDING, "other_digest")
    assert not Approval.objects.filter(voided_at=None).exists()
    office.work(hours=1)
    assert office.creates() == []


def edited(office, payout):
    edit = operations.Edit(payout.wallet, "USDT", Decimal(6), "Prize")
    actor = Actor.staff(office.person("Requester"), Channel.ADMIN)
    operations.edit_payout(see([now(payout)])[0], edit, reason="A wrong sum", actor=actor)


def put_on_hold(office, payout):
    assert office.act("HOLD", payout, role="Approver", reason="Wait").done


def released(office, payout):
    put_on_hold(office, payout)
    assert office.act("RELEASE", payout, role="Approver").done


def sent_back_by_the_claim(office, payout):
    Client.objects.update(is_active=False)
    office.submit()
    Client.objects.update(is_active=True)


def retried(office, payout):
    office.sandbox.set_fate("process fail!")
    office.work(minutes=10)
    office.sandbox.set_fate("process paid!")
    assert office.act("RETRY", payout, role="Operator", reason="Once more").done


@pytest.mark.parametrize(
    "act",
    [edited, put_on_hold, released, sent_back_by_the_claim, retried],
    ids=lambda each: each.__name__,
)
def test_i3_what_changes_or_stops_it_voids_what_was_approved(office, act):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    act(office, payout)
    calls = len(office.creates())

    office.work(minutes=30)

    assert not Approval.objects.filter(payout=payout, voided_at=None).exists()
    assert now(payout).status in (PayoutStatus.PENDING, PayoutStatus.HELD)
    assert len(office.creates()) == calls
    if act is put_on_hold:
        office.act("RELEASE", payout, role="Approver")
    assert office.act("APPROVE", payout, role="Second Approver").done
    office.work(minutes=30)
    assert now(payout).status == PayoutStatus.CONFIRMED


def test_i3_an_absent_memo_and_an_empty_one_are_one():
    assert a_payout(memo=None).digest() == a_payout(memo="").digest() == a_payout().digest()


def test_i3_a_memo_taken_out_of_the_digest_is_found(monkeypatch):
    digest = Payout.digest
    without = lambda payout: digest(a_payout(**{**fields_of(payout), "memo": ""}))  # noqa: E731
    monkeypatch.setattr(Payout, "digest", without)
    with pytest.raises(AssertionError):
        test_i3_each_field_of_the_digest_alone_changes_it()


def fields_of(payout):
    return {name: getattr(payout, name) for name in OTHERS}
