"""The sandbox's webhooks: written and signed like Heleket's, and unreliable like any."""

import json
from datetime import timedelta

import pytest

import heleket
from heleket import webhooks
from tests.heleket.sandbox_calls import Caller

URL = "https://desk.example/webhooks/heleket/"


@pytest.fixture
def call(sandbox):
    return Caller(sandbox)


def live(call, **fields):
    """Create a payout that wants webhooks and let it live to its end."""
    call.create(**{"url_callback": URL, **fields})
    while call.gateway.advance():
        pass


def told(gateway):
    return [delivery.status for delivery in gateway.take_webhooks()]


def test_each_change_sends_one_signed_webhook(call, sandbox):
    live(call)

    check, paid = sandbox.take_webhooks()

    payout = sandbox.find("order-1")
    assert (paid.url, paid.status, check.status) == (URL, "paid", "check")
    members = webhooks.verify(paid.body, sandbox.payout_key)
    assert members == {
        "type": "payout",
        "uuid": payout.uuid,
        "order_id": "order-1",
        "amount": "10.00000000",
        "merchant_amount": "11.00000000",
        "commission": "1.00000000",
        "is_final": True,
        "status": "paid",
        "txid": payout.txid,
        "currency": "USDT",
        "network": "tron",
        "payer_currency": "USDT",
        "payer_amount": "10.00000000",
    }
    assert list(json.loads(paid.body))[-1] == "sign"
    assert sandbox.outbox == []


@pytest.mark.parametrize(("fate", "has_txid"), [("p2p", False), ("cancel", False), ("paid", True)])
def test_a_webhook_has_no_txid_if_nothing_went_over_a_blockchain(call, sandbox, fate, has_txid):
    sandbox.set_fate(fate)
    live(call)

    assert (b'"txid":' in sandbox.take_webhooks()[-1].body) is has_txid


def test_a_slash_in_a_txid_of_ton_is_signed_as_php_writes_it(call, sandbox):
    sandbox.top_up("TON", "1000")
    for number in range(20):
        live(call, order_id=f"ton-{number}", network="ton", currency="TON", amount="1")

    bodies = [delivery.body for delivery in sandbox.take_webhooks()]

    assert any(b"\\/" in body for body in bodies)
    for body in bodies:
        webhooks.verify(body, sandbox.payout_key)


def test_no_webhook_without_a_url(call, sandbox):
    live(call, url_callback=None)

    assert sandbox.take_webhooks() == []


def test_b7_a_webhook_can_arrive_inside_the_create_call(call, sandbox):
    answered = []
    sandbox.announces_creation = True
    sandbox.mail.deliver = lambda delivery: answered.append((delivery.status, list(calls)))
    calls = []
    calls.append(call.create(url_callback=URL))

    assert answered == [("process", [])]


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("webhook_lost", ["fail", "process", "paid"]),
        ("webhook_duplicate", ["check", "check", "fail", "process", "paid"]),
        ("webhook_out_of_order", ["fail", "check", "process", "paid"]),
    ],
)
def test_a_courier_can_lose_repeat_and_reorder(call, sandbox, fault, statuses):
    sandbox.set_fate("fail_then_paid")
    sandbox.faults.add(fault)
    live(call)

    assert told(sandbox) == statuses


def test_a_final_word_is_never_withheld(call, sandbox):
    sandbox.faults.add("webhook_out_of_order", rate=1)
    live(call)

    assert told(sandbox) == ["paid", "check"]


def test_a_late_webhook_comes_when_its_time_has_come(call, sandbox, clock):
    sandbox.faults.add("webhook_late", seconds=600)
    live(call)

    first = told(sandbox)
    clock.forward(seconds=600)

    assert (first, told(sandbox)) == (["paid"], ["check"])


def test_a_reserialised_webhook_has_other_bytes_and_still_a_good_signature(call, sandbox):
    sandbox.faults.add("webhook_reserialised")
    live(call)

    changed, usual = sandbox.take_webhooks()

    assert b"\n" in changed.body
    assert b"\n" not in usual.body
    assert webhooks.verify(changed.body, sandbox.payout_key)["status"] == "check"


def test_a_webhook_can_be_signed_with_the_payment_key(call, sandbox):
    sandbox.faults.add("webhook_wrong_key")
    live(call)
    wrong, good = sandbox.take_webhooks()

    with pytest.raises(heleket.InvalidSignature):
        webhooks.verify(wrong.body, sandbox.payout_key)
    webhooks.verify(wrong.body, sandbox.payment_key)
    webhooks.verify(good.body, sandbox.payout_key)


def test_a_webhook_that_was_not_accepted_comes_again_with_growing_pauses_for_a_day(
    call, sandbox, clock
):
    sandbox.set_fate("cancel")
    live(call)
    start, pauses, bodies = clock.time, [], set()
    while sandbox.outbox:
        waiting = sandbox.outbox[0]
        pauses.append(waiting.due_at - clock.time)
        clock.time = waiting.due_at
        (delivery,) = sandbox.take_webhooks()
        bodies.add(delivery.body)
        sandbox.mail.settle(delivery, "500", accepted=False)

    assert [pause.total_seconds() for pause in pauses[:5]] == [0, 5, 10, 20, 40]
    assert pauses == sorted(pauses)
    assert timedelta(hours=22) < clock.time - start <= timedelta(hours=24)
    assert len(bodies) == 1
    assert delivery.outcome == "given up: 500"


def test_an_accepted_webhook_does_not_come_again(call, sandbox):
    live(call)
    for delivery in sandbox.take_webhooks():
        sandbox.mail.settle(delivery, "200", accepted=True)

    assert sandbox.outbox == []
    assert [delivery.outcome for delivery in sandbox.mail.history] == ["200", "200"]


WISH = {"url_callback": URL, "currency": "USDT", "network": "tron"}


@pytest.mark.parametrize("key", ["payout_key", "payment_key"])
def test_a_test_webhook_is_signed_with_the_payout_key_and_changes_nothing(call, sandbox, key):
    call.create()
    wish = WISH | {"status": "fail", "order_id": "order-1"}

    answer = call("/v1/test-webhook/payout", wish, key=getattr(sandbox, key))

    (delivery,) = sandbox.take_webhooks()
    members = webhooks.verify(delivery.body, sandbox.payout_key)
    assert answer.json() == {"state": 0, "result": []}
    assert (members["status"], members["uuid"]) == ("fail", sandbox.find("order-1").uuid)
    assert sandbox.find("order-1").status == "process"


def test_a_test_webhook_can_be_about_a_made_up_payout(call, sandbox):
    call("/v1/test-webhook/payout", WISH)

    (delivery,) = sandbox.take_webhooks()
    assert webhooks.verify(delivery.body, sandbox.payout_key)["status"] == "paid"
    assert sandbox.payouts == []


@pytest.mark.parametrize(
    ("status", "txid"),
    [
        *[(status, "none") for status in ("fail", "system_fail", "cancel")],
        *[(status, "null") for status in ("process", "check")],
        ("paid", "a text"),
    ],
)
@pytest.mark.parametrize("about", [{}, {"order_id": "order-1"}, {"order_id": "failed"}])
def test_a_test_webhook_has_the_txid_that_a_real_one_would(call, sandbox, status, txid, about):
    live(call)
    sandbox.set_fate("final_fail")
    live(call, order_id="failed")
    sandbox.take_webhooks()

    call("/v1/test-webhook/payout", WISH | about | {"status": status})

    (delivery,) = sandbox.take_webhooks()
    members = webhooks.verify(delivery.body, sandbox.payout_key)
    kinds = {str: "a text", type(None): "null"}
    assert (kinds[type(members["txid"])] if "txid" in members else "none") == txid
    if about == {"order_id": "order-1"} and status == "paid":
        assert members["txid"] == sandbox.find("order-1").txid


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"order_id": "unknown"}, {"message": "Not found payout"}),
        ({"network": "moon"}, {"message": "Payout service not found"}),
        ({"currency": None}, {"errors": {"currency": ["validation.required"]}}),
        ({"status": "won"}, {"errors": {"status": ["validation.in"]}}),
    ],
)
def test_a_test_webhook_about_nothing_is_refused(call, sandbox, changes, expected):
    answer = call("/v1/test-webhook/payout", WISH | changes)

    assert answer.json() == {"state": 1, **expected}
    assert sandbox.take_webhooks() == []
