"""A webhook makes something due while an older answer about it is being recorded."""

import json
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings

import heleket
from audit import clock
from heleket.webhooks import sign_webhook
from payouts import polling, submission, webhooks
from payouts.models import Attempt, Payout, PayoutStatus
from tests.factories import PayoutFactory
from tests.payouts.races.conftest import returned

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]


STEP = 0.001  # an answer needs far longer than a hint until it holds its payout


def webhook_of(attempt, number):
    members = {
        "type": "payout",
        "uuid": attempt.uuid,
        "order_id": attempt.order_id,
        "amount": "5.00000000",
        "is_final": True,
        "status": "paid",
        "txid": str(number),
        "currency": "USDT",
        "network": "tron",
    }
    raw = sign_webhook(members, settings.HELEKET_API_KEY)
    return partial(webhooks.take, raw, json.loads(raw))


@pytest.fixture
def attempt(account):
    """An attempt of a payout that is at Heleket, in real time."""
    with clock.replaced(clock.database_now):
        PayoutFactory(status=PayoutStatus.APPROVED)
        [call] = submission.claim(1, account).items
        remote = heleket.RemotePayout(uuid="uuid", status="process", is_final=False)
        submission.record([submission.Answer(call, remote)], account)
        yield Attempt.objects.get()


def test_g24_a_hint_beside_an_older_answer_is_never_lost(account, attempt, duel, rounds):
    duel.STEP = STEP
    for number in rounds:
        Payout.objects.update(due_at=clock.now() + timedelta(hours=1))
        question = polling.Question(attempt.pk, attempt.order_id, clock.now(), wants_cancel=False)
        remote = heleket.RemotePayout(uuid=attempt.uuid, status="check", is_final=False)
        record = partial(polling.record, [polling.Reply(question, remote)], account)

        returned(duel.run(record, webhook_of(attempt, number)))

        due_at = Payout.objects.get().due_at
        assert due_at <= clock.now()
        duel.won(first=Attempt.objects.get().answered_at < due_at)


def test_g24_a_watch_beside_an_older_answer_is_never_lost(account, attempt, duel, rounds):
    duel.STEP = STEP
    failed = heleket.RemotePayout(uuid=attempt.uuid, status="fail", is_final=True)
    question = polling.Question(attempt.pk, attempt.order_id, clock.now(), wants_cancel=False)
    record = partial(polling.record, [polling.Reply(question, failed)], account)
    record()
    assert Payout.objects.get().status == PayoutStatus.FAILED
    for number in rounds:
        Attempt.objects.update(watch_at=clock.now() + timedelta(seconds=90))

        returned(duel.run(record, webhook_of(attempt, number)))

        found = Attempt.objects.get()
        assert found.watch_at is not None
        assert found.watch_at <= clock.now()
        duel.won(first=found.answered_at < found.watch_at)
