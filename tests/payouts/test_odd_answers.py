"""Answers that are odd where no money hangs on it, and refusals longer than what is kept."""

import json

import pytest

import heleket
from heleket.sandbox.records import Answer
from heleket.webhooks import sign_webhook
from payouts.gateway.models import Pause
from payouts.models import Attempt, Discrepancy, PayoutStatus
from tests.factories import PayoutFactory
from tests.payouts.rounds import now

pytestmark = pytest.mark.django_db

SIDE = [
    *("txid", "balance", "payer_currency", "payer_amount", "merchant_amount"),
    *("commission", "fail_reason", "created_at", "updated_at", "convert"),
]


@pytest.fixture
def payout(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


@pytest.fixture
def written(office):
    """Have Heleket write its results in another way: `written(lambda result: ...)`."""
    true = office.sandbox.handle

    def write(change):
        def handle(*request):
            answer = true(*request)
            content = json.loads(answer.body)
            if isinstance(content.get("result"), dict):
                content["result"] = change(content["result"])
            return Answer.json(answer.status, content)

        office.sandbox.handle = handle

    yield write
    office.sandbox.handle = true


@pytest.mark.parametrize(
    "odd",
    [{"amount": "129"}, ["a"], True, "1." + "1" * 30, "1." + "1" * 9, "x" * 300, "a\0b"],
    ids=repr,
)
def test_g18_a_paid_payout_is_confirmed_whatever_is_odd_beside_it(office, payout, written, odd):
    written(lambda result: result | dict.fromkeys(SIDE, odd))

    office.submit()
    office.work(minutes=10)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert not Discrepancy.objects.exists()
    attempt = Attempt.objects.get()
    assert (attempt.commission, attempt.merchant_amount, attempt.payer_amount) == (None,) * 3
    kept = json.loads(attempt.answer)["result"]
    assert {name: kept[name] for name in SIDE} == dict.fromkeys(SIDE, odd)


def test_g18_a_webhook_with_an_odd_member_is_compared_all_the_same(
    office, payout, client, settings
):
    office.submit()
    attempt = Attempt.objects.get()
    members = {
        "type": "payout",
        "uuid": attempt.uuid,
        "order_id": attempt.order_id,
        "amount": str(payout.amount + 1),
        "status": "paid",
        "is_final": True,
        "merchant_amount": {"amount": "1"},
        "txid": ["a"],
    }
    body = sign_webhook(members, settings.HELEKET_API_KEY)

    answer = client.post("/webhooks/heleket/", body, content_type="application/json", secure=True)

    assert answer.status_code == 200
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.DIFFERENT
    assert now(payout).status == PayoutStatus.BROADCAST


def test_a17_a_long_list_of_refused_fields_ends_one_payout_and_pauses_nothing(office, payout):
    errors = {f"member_{number}": ["validation.required"] for number in range(20)}
    true = office.sandbox.handle
    office.sandbox.handle = lambda *_: Answer.json(422, {"state": 1, "errors": errors})
    office.submit()
    office.sandbox.handle = true

    failed = now(payout)
    assert failed.status == PayoutStatus.FAILED
    assert len(failed.reason) == 255
    assert heleket.kind_of_refusal(failed.reason) == "unknown"  # so all of it was needed
    assert not Pause.objects.exists()
