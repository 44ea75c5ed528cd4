"""Webhooks: only what Heleket signed is stored, once, and all it does is have Heleket asked."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from heleket.signing import sign
from heleket.webhooks import MAX_BODY_BYTES, sign_webhook
from payouts import submission, webhooks
from payouts.models import (
    Attempt,
    Discrepancy,
    Payout,
    PayoutEvent,
    PayoutStatus,
    WebhookDelivery,
)
from payouts.webhooks import heleket_webhook
from tests.factories import PayoutFactory
from tests.payouts.conftest import HOUR

pytestmark = pytest.mark.django_db

URL = "/webhooks/heleket/"


def post(client, body, **headers):
    return client.post(URL, body, content_type="application/json", secure=True, **headers)


def said(**changes):
    """What Heleket would write about the one payout of a test."""
    attempt = Attempt.objects.get()
    return {
        "type": "payout",
        "uuid": attempt.uuid,
        "order_id": attempt.order_id,
        "amount": "5.00000000",
        "merchant_amount": "5.50000000",
        "commission": "0.50000000",
        "is_final": True,
        "status": "paid",
        "txid": "4f/5+a=",
        "currency": "USDT",
        "network": "tron",
        "payer_currency": "USDT",
        "payer_amount": "5.00000000",
    } | changes


def signed(members, key=settings.HELEKET_API_KEY):
    return sign_webhook(members, key)


def rows():
    """Everything that a refused webhook must leave as it was."""
    tables = (Payout, Attempt, PayoutEvent, Discrepancy, WebhookDelivery)
    return [list(table.objects.order_by("pk").values()) for table in tables]


@pytest.fixture
def payout(office):
    """A payout that Heleket has, to be asked about in half a minute."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("stuck")
    office.submit()
    return Payout.objects.get(pk=payout.pk)


def test_a_genuine_webhook_is_stored_and_makes_its_payout_due(client, office, payout):
    body = signed(said())

    assert post(client, body).status_code == 200

    delivery = WebhookDelivery.objects.get()
    assert (delivery.body, delivery.outcome, delivery.count) == (body.decode(), "known", 1)
    hinted = Payout.objects.get()
    assert hinted.due_at == office.clock()
    assert (hinted.status, hinted.last_event) == (PayoutStatus.BROADCAST, payout.last_event)


def test_a_webhook_never_puts_a_question_off(client, office, payout):
    due_at = office.clock() - timedelta(hours=1)
    Payout.objects.update(due_at=due_at)

    post(client, signed(said()))

    assert Payout.objects.get().due_at == due_at


def test_the_previous_key_is_believed_for_as_long_as_it_is_set(client, payout, settings):
    settings.HELEKET_API_KEY_PREVIOUS = "the-key-before"
    assert post(client, signed(said(), "the-key-before")).status_code == 200
    settings.HELEKET_API_KEY_PREVIOUS = ""
    assert post(client, signed(said(status="check"), "the-key-before")).status_code == 400
    assert post(client, signed(said(status="check"), "")).status_code == 400


# Forged


def bodies_of_a_forger():
    genuine = b'{"type":"payout","order_id":"x","status":"paid"}'
    sign_of_it = sign(genuine, settings.HELEKET_API_KEY)
    with_sign = genuine[:-1].decode() + ',"sign":%s}'
    yield from (genuine, b"", b"{}", b"[]", b"null", b"\xff\xfe", b"\xef\xbb\xbf" + genuine)
    for claimed in (f'"{"0" * 32}"', "1", "null", "[]", '""', f'"{sign_of_it.upper()}"'):
        yield (with_sign % claimed).encode()
    yield (with_sign % f'"{sign_of_it[:-1]}"').encode()
    yield (with_sign % f'"{sign_of_it}"').replace("paid", "fail").encode()
    yield (with_sign % f'"{sign_of_it}","sign":"{sign_of_it}"').encode()
    yield (with_sign % f'{{"sign":"{sign_of_it}"}}').encode()
    yield (with_sign % f'"{sign_of_it}","amount":NaN').encode()
    yield b"[" * 10_000
    yield b'{"a":' * 10_000
    yield gzip.compress((with_sign % f'"{sign_of_it}"').encode(), mtime=0)
    yield b"order_id=x&status=paid&sign=" + sign_of_it.encode()
    yield sign_webhook({"type": "payout", "status": "paid"}, settings.HELEKET_PAYMENT_API_KEY)


@pytest.mark.parametrize("body", list(bodies_of_a_forger()))
def test_b1_b2_what_heleket_did_not_sign_is_refused_and_only_counted(client, payout, caplog, body):
    before = rows()

    assert post(client, body).status_code == 400

    assert rows() == before
    [line] = [record.getMessage() for record in caplog.records if "webhook" in record.name]
    assert "refused" in line
    assert "\n" not in line
    assert settings.HELEKET_API_KEY not in line


def test_b1_refusals_are_counted(client, db, caplog):
    for _ in range(2):
        post(client, b"{}")
    first, second = (record.args[-1] for record in caplog.records if "webhooks" in record.name)
    assert second == first + 1


@given(position=st.integers(min_value=0), byte=st.integers(0, 255))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_b1_no_flipped_byte_is_believed_as_something_else(client, payout, position, byte):
    body = bytearray(signed(said()))
    body[position % len(body)] = byte
    before = rows()

    if post(client, bytes(body)).status_code == 200:
        assert json.loads(bytes(body)) == json.loads(signed(said()))
        return
    assert rows() == before


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 10 * MAX_BODY_BYTES])
def test_b2_a_large_body_is_refused_and_not_read(client, payout, size):
    before = rows()
    assert post(client, b" " * size).status_code == 413
    assert rows() == before


def test_b2_no_more_is_read_than_the_bound(rf):
    class Endless:
        given = 0

        def read(self, size=-1):
            assert size >= 0
            self.given += size
            return b" " * size

    request = rf.post(URL, b"", content_type="application/json")
    request._stream = Endless()
    assert heleket_webhook(request).status_code == 413
    assert request._stream.given == MAX_BODY_BYTES + 1


@pytest.mark.parametrize("length", ["", "0", "10"])
def test_b2_a_length_that_lies_leaves_nothing_to_believe(client, payout, length):
    before = rows()
    assert post(client, signed(said()), CONTENT_LENGTH=length).status_code == 400
    assert rows() == before


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods_are_refused(client, db, method):
    assert getattr(client, method)(URL, secure=True).status_code == 405


# Old, foreign and repeated ones


def test_b3_a_replay_after_the_final_word_changes_nothing(client, office, payout):
    body = signed(said(status="process", is_final=False))
    post(client, body)
    office.sandbox.force_status("paid", is_final=True, order_id=said()["order_id"])
    office.work(minutes=1)
    before, questions = rows()[:4], len(office.questions())

    office.clock.forward(days=7)
    assert post(client, body).status_code == 200
    office.work(hours=1)

    assert rows()[:4] == before
    assert len(office.questions()) == questions
    assert WebhookDelivery.objects.get().count == 2


def test_b3_a_replay_has_nobody_asked_again(client, office, payout):
    body = signed(said(status="process", is_final=False))
    post(client, body)
    office.check()
    questions = len(office.questions())

    for _ in range(10):
        assert post(client, body).status_code == 200
    assert office.check() == 0
    assert len(office.questions()) == questions


def test_a_repeat_takes_one_statement(client, payout):
    body = signed(said())
    assert post(client, body).status_code == 200

    with CaptureQueriesContext(connection) as captured:
        assert post(client, body).status_code == 200

    first_words = [query["sql"].split()[0] for query in captured]
    assert [word for word in first_words if word not in ("SAVEPOINT", "RELEASE")] == ["INSERT"]
    assert WebhookDelivery.objects.get().count == 2


def test_b4_a_signed_lie_has_heleket_asked_and_moves_nothing(client, office, payout):
    assert post(client, signed(said(status="paid", is_final=True))).status_code == 200
    assert office.check() == 1

    stored = Payout.objects.get()
    assert (stored.status, stored.waiting_for) == (PayoutStatus.BROADCAST, "final_word")
    assert Attempt.objects.get().remote_status == "process"


def test_b5_our_own_signed_request_is_no_webhook(client, payout):
    before = rows()
    body = Attempt.objects.get().body.encode()
    own = sign(body, settings.HELEKET_API_KEY)
    assert post(client, body).status_code == 400
    assert post(client, body, HTTP_SIGN=own).status_code == 400
    assert rows() == before


@pytest.mark.parametrize("kind", ["payment", "wallet", "", None, 7])
def test_b5_another_kind_is_kept_and_makes_nothing_due(client, payout, kind):
    before = rows()[:4]

    assert post(client, signed(said(type=kind))).status_code == 200

    assert rows()[:4] == before
    assert WebhookDelivery.objects.get().outcome == "ignored"


@pytest.mark.parametrize("order_id", ["test-webhook", None, 7, "x" * 300])
def test_b13_what_is_not_ours_is_kept_as_foreign(client, payout, order_id):
    before = rows()[:4]

    assert post(client, signed(said(order_id=order_id))).status_code == 200

    assert rows()[:4] == before
    assert WebhookDelivery.objects.get().outcome == "foreign"


def test_b7_a_webhook_before_the_answer_brings_the_answer(client, office):
    PayoutFactory(status=PayoutStatus.APPROVED)
    [call] = submission.claim(1, office.account).items
    late = submission.send(call, office.client, timeout=office.account.timeout)
    remote = office.sandbox.payouts[0]

    assert post(client, signed(said(uuid=remote.uuid))).status_code == 200
    assert office.check() == 1
    assert Attempt.objects.get().uuid == remote.uuid
    assert Payout.objects.get().status == PayoutStatus.BROADCAST

    submission.record([late], office.account)
    assert Payout.objects.get().status == PayoutStatus.BROADCAST
    assert Attempt.objects.get().unanswered == []
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize(
    "changed", [{"amount": "6.00000000"}, {"currency": "BTC"}, {"network": "bsc"}, {"uuid": "x"}]
)
def test_b14_a_webhook_with_other_terms_is_shown_and_stops_the_payout(
    client, office, payout, changed
):
    assert post(client, signed(said(**changed))).status_code == 200
    post(client, signed(said(**changed)))

    stopped = Payout.objects.get()
    assert (stopped.status, stopped.waiting_for) == (PayoutStatus.BROADCAST, "discrepancy")
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.DIFFERENT
    assert office.check() == 0


def test_g47_a_webhook_about_a_stopped_payout_has_heleket_asked(client, office, payout):
    post(client, signed(said(amount="6")))
    stopped = Payout.objects.get()
    assert (stopped.waiting_for, stopped.due_at > office.clock()) == ("discrepancy", True)

    assert post(client, signed(said())).status_code == 200

    assert Payout.objects.get().due_at == office.clock()
    assert Payout.objects.get().waiting_for == "discrepancy"


def test_a6_a_webhook_about_a_payout_ended_as_never_sent_has_it_looked_up(client, office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("delayed")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Wrong client")
    office.work(hours=25, every=HOUR)
    office.sandbox.execute_held()

    post(client, signed(said(uuid=office.sandbox.payouts[0].uuid)))
    office.check()

    assert Discrepancy.objects.get().kind == Discrepancy.Kind.FOUND_LATE
    assert Payout.objects.get().status == PayoutStatus.CANCELLED


def test_b15_what_cannot_be_stored_is_not_accepted(client, payout, monkeypatch):
    before = rows()
    monkeypatch.setattr(webhooks, "STORE", "INSERT INTO no_such_table VALUES (%s, %s, %s, %s, %s)")
    client.raise_request_exception = False

    assert post(client, signed(said())).status_code == 500
    monkeypatch.undo()
    assert rows() == before

    assert post(client, signed(said())).status_code == 200
    assert WebhookDelivery.objects.get().count == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_b6_the_same_webhook_a_hundred_times_at_once(office, payout):
    body = signed(said())
    start = Barrier(20)

    def press(_number):
        try:
            start.wait(timeout=30)
            return [post(Client(), body).status_code for _ in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = [status for some in pool.map(press, range(20)) for status in some]

    assert answers == [200] * 100
    assert WebhookDelivery.objects.get().count == 100
    assert Payout.objects.get().due_at == office.clock()
    assert office.check() == 1
    assert office.check() == 0
