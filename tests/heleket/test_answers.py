"""What each kind of answer means for the money."""

import gzip
import json
from decimal import Decimal

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import heleket
from tests.heleket.wire import (
    MERCHANT,
    PAYMENT_KEY,
    PAYOUT,
    PAYOUT_KEY,
    Script,
    refusal,
    success,
)

JSON = {"Content-Type": "application/json"}
SERVER_ERROR = b'{"message":"Server error, #1","code":500,"error":null}'
ACCEPTED = success(PAYOUT)

UNKNOWN = {
    "500": (500, SERVER_ERROR),
    "server error with 200": (200, SERVER_ERROR),
    "500 that looks accepted": (500, ACCEPTED),
    "201": (201, ACCEPTED),
    "502 page": (502, b"<html>Bad Gateway</html>"),
    "503 empty": (503, b""),
    "504": (504, b"upstream timed out"),
    "400": (400, refusal("Minimum amount 0.5 USDT")),
    "401 page": (401, b"<html>log in</html>"),
    "403": (403, refusal("You are forbidden")),
    "404": (404, refusal("Payout not found")),
    "404 page": (404, b"<html>not found</html>"),
    "409": (409, b"{}"),
    "422 page": (422, b"<html></html>"),
    "422 without state": (422, b'{"message":"Not enough funds"}'),
    "422 with state 0": (422, ACCEPTED),
    "422 with state true": (422, b'{"state":true,"message":"Not enough funds"}'),
    "refusal with 200": (200, refusal("Not enough funds")),
    "empty": (200, b""),
    "blanks": (200, b"  \r\n"),
    "cut": (200, ACCEPTED[:-1]),
    "two": (200, ACCEPTED + ACCEPTED),
    "null": (200, b"null"),
    "list": (200, b"[" + ACCEPTED + b"]"),
    "text": (200, b'"ok"'),
    "no state": (200, json.dumps({"result": PAYOUT}).encode()),
    "state false": (200, json.dumps({"state": False, "result": PAYOUT}).encode()),
    "state as text": (200, json.dumps({"state": "0", "result": PAYOUT}).encode()),
    "two states": (200, b'{"state":1,' + ACCEPTED[1:]),
    "no result": (200, b'{"state":0}'),
    "result null": (200, success(None)),
    "result list": (200, success([])),
    "result text": (200, success("a7c0caec")),
    "result empty": (200, success({})),
    "no uuid": (200, success({"status": "process", "is_final": False})),
    "uuid null": (200, success(PAYOUT | {"uuid": None})),
    "uuid empty": (200, success(PAYOUT | {"uuid": ""})),
    "uuid number": (200, success(PAYOUT | {"uuid": 5})),
    "uuid endless": (200, success(PAYOUT | {"uuid": "a" * 300})),
    "no status": (200, success({"uuid": "a7c0caec", "is_final": False})),
    "status list": (200, success(PAYOUT | {"status": ["paid"]})),
    "amount NaN": (200, ACCEPTED.replace(b'"3"', b"NaN")),
    "amount Infinity": (200, ACCEPTED.replace(b'"3"', b"-Infinity")),
    "amount 'NaN'": (200, success(PAYOUT | {"amount": "NaN"})),
    "amount true": (200, success(PAYOUT | {"amount": True})),
    "amount object": (200, success(PAYOUT | {"amount": {}})),
    "amount with blanks": (200, success(PAYOUT | {"amount": " 3 "})),
    "amount in Arabic": (200, success(PAYOUT | {"amount": "٣"})),
    "amount with underscore": (200, success(PAYOUT | {"amount": "1_000"})),
    "amount 1e99": (200, success(PAYOUT | {"amount": "1e99"})),
    "amount 1e-99": (200, success(PAYOUT | {"amount": "1e-99"})),
    "amount absurd": (200, ACCEPTED.replace(b'"3"', b"1e99999999999999999999")),
    "NUL in a text": (200, success(PAYOUT | {"address": "T\0J"})),
    "half a surrogate pair": (200, ACCEPTED.replace(b'"TJ"', b'"\\ud83c"')),
    "not UTF-8": (200, ACCEPTED.replace(b'"TJ"', b'"\xff"')),
    "wrong content type": (200, ACCEPTED, {"Content-Type": "text/html; charset=utf-8"}),
    "compressed": (200, gzip.compress(ACCEPTED), JSON | {"Content-Encoding": "gzip"}),
    "deep": (200, b"[" * 100_000),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
def test_a8_an_answer_that_is_neither_leaves_the_outcome_unknown(scripted, body, answer):
    client, script = scripted(answer)

    with pytest.raises(heleket.OutcomeUnknown) as caught:
        client.create_payout(body)

    assert caught.value.status_code == answer[0]
    assert caught.value.answer == answer[1][:4096].decode(errors="replace").replace("\0", "\ufffd")
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a11_a_redirect_is_not_followed(scripted, body, status):
    client, script = scripted((status, b"", {"Location": "https://elsewhere.example/v1/payout"}))

    with pytest.raises(heleket.OutcomeUnknown) as caught:
        client.create_payout(body)

    assert caught.value.status_code == status
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 5000}, None),
    ],
)
def test_a12_too_many_requests_is_unknown_and_says_when_to_come_back(
    scripted, body, headers, seconds
):
    client, script = scripted((429, b'{"message":"Too Many Attempts."}', headers))

    with pytest.raises(heleket.TooManyRequests) as caught:
        client.create_payout(body)

    assert isinstance(caught.value, heleket.OutcomeUnknown)
    assert caught.value.retry_after == seconds
    assert len(script.requests) == 1


def test_a9_a_wrong_key_is_not_executed(scripted, body):
    client, _ = scripted((401, b'{"message":"Invalid Sign."}'))

    with pytest.raises(heleket.Unauthorized, match="Invalid Sign") as caught:
        client.create_payout(body)

    assert isinstance(caught.value, heleket.Unavailable)


def test_a4_a_timeout_of_the_answer_leaves_the_outcome_unknown(scripted, body):
    client, script = scripted((0, requests.ReadTimeout("timed out")))

    with pytest.raises(heleket.OutcomeUnknown, match="too slow") as caught:
        client.create_payout(body)

    assert (caught.value.status_code, caught.value.answer) == (None, "")
    assert len(script.requests) == 1


def test_a_refusal_keeps_its_text(scripted, body):
    client, _ = scripted((422, refusal("Not enough funds"), JSON))

    with pytest.raises(heleket.RequestRejected) as caught:
        client.create_payout(body)

    assert caught.value.message == str(caught.value) == "Not enough funds"
    assert caught.value.errors == {}
    assert caught.value.answer == '{"state": 1, "message": "Not enough funds"}'


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize("content", [{"state": 1}, {"state": 1, "errors": []}])
def test_a_refusal_without_reason_counts_only_with_422(scripted, body, status, content):
    client, _ = scripted((status, json.dumps(content).encode()))
    expected = heleket.RequestRejected if status == 422 else heleket.OutcomeUnknown

    with pytest.raises(expected):
        client.create_payout(body)


def test_a17_a_refusal_names_the_fields(scripted, body):
    errors = {"amount": ["validation.required"], "address": ["validation.regex", "validation.max"]}
    client, _ = scripted((422, json.dumps({"state": 1, "errors": errors}).encode()))

    with pytest.raises(heleket.RequestRejected) as caught:
        client.create_payout(body)

    assert caught.value.errors == errors
    assert heleket.kind_of_refusal(caught.value.message) == "payout"
    assert str(caught.value) == (
        "amount: validation.required; address: validation.regex, validation.max"
    )


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Not enough funds", "funds"),
        ("Not enough balance for convert USDT to LTC", "funds"),
        ("You are forbidden", "forbidden"),
        ("The terminal was not found", "terminal"),
        ("Gateway error", "terminal"),
        ("Server error", "terminal"),
        ("Server error, #1", "terminal"),
        ("The currency was not found", "payout"),
        ("The network was not found", "payout"),
        ("The service was not found", "payout"),
        ("The withdrawal amount is too small", "payout"),
        ("Wallet not found", "payout"),
        ("Not found service to_currency", "payout"),
        ("Error convert to_currency", "payout"),
        ("Minimum amount 0.5 USDT", "payout"),
        ("Maximum amount 10000000 USDT", "payout"),
        ("amount: validation.required", "payout"),
        ("amount: validation.required; address: This address is blocked", "unknown"),
        ("Payout not found", "unknown"),
        ("Your account is under review", "unknown"),
        ("validation.required", "unknown"),
        ("", "unknown"),
    ],
)
def test_a17_tells_by_its_beginning_what_a_refusal_is_about(message, kind):
    assert heleket.kind_of_refusal(message) == kind


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("3", "3"),
        ("3.00000000", "3"),
        (3, "3"),
        (3.5, "3.5"),
        ("0.00000001", "0.00000001"),
        ("123456789012345678.12345678", "123456789012345678.12345678"),
    ],
)
def test_a16_numbers_are_exact_however_they_are_written(scripted, body, sent, read):
    answer = success(PAYOUT | {"amount": sent, "payer_amount": sent, "balance": sent})
    client, _ = scripted((200, answer))

    remote = client.create_payout(body)

    assert remote.amount == remote.payer_amount == remote.balance == Decimal(read)


@pytest.mark.parametrize(
    ("written", "read"),
    [(b"1.0e-7", "0.0000001"), (b"1.0e+17", "100000000000000000"), (b"1E2", "100")],
)
def test_a16_php_exponents_are_exact(scripted, body, written, read):
    client, _ = scripted((200, ACCEPTED.replace(b'"3"', written)))

    assert client.create_payout(body).amount == Decimal(read)


@given(amount=st.decimals(0, 10**18, places=8), trailing=st.integers(0, 4), quoted=st.booleans())
def test_a16_any_spelling_of_an_amount_is_the_same_number(amount, trailing, quoted):
    text = f"{amount:f}" + "0" * trailing
    written = f'"{text}"' if quoted else text
    script = Script((200, ACCEPTED.replace(b'"3"', written.encode())))

    remote = create(script)

    assert remote.amount == amount


def test_unknown_statuses_and_members_survive(scripted, body):
    answer = PAYOUT | {"status": "on_holiday", "convert": {"rate": "1.5"}, "is_final": "true"}
    client, _ = scripted((200, success(answer)))

    remote = client.create_payout(body)

    assert remote.status == "on_holiday"
    assert remote.extra == {"convert": {"rate": "1.5"}}
    assert remote.is_final is False  # only JSON's true is the final word
    assert json.loads(remote.answer)["result"] == answer


def test_a_missing_member_is_none(scripted, body):
    client, _ = scripted((200, success({"uuid": "u", "status": "paid", "is_final": True})))

    remote = client.create_payout(body)

    assert remote.is_final is True
    assert (remote.amount, remote.network, remote.txid, remote.created_at) == (None,) * 4


@pytest.mark.parametrize("name", ["commission", "commissions"])
def test_both_names_of_the_fee_are_read(scripted, body, name):
    client, _ = scripted((200, success(PAYOUT | {name: "0.30000000"})))

    remote = client.create_payout(body)

    assert remote.commission == Decimal("0.3")
    assert remote.extra == {}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2023-05-16T11:02:03+03:00", "2023-05-16T11:02:03+03:00"),
        ("2023-05-16 11:02:03", "2023-05-16T11:02:03+03:00"),
        ("yesterday", None),
    ],
)
def test_times_are_heleket_time_and_never_spoil_an_answer(scripted, body, sent, read):
    client, _ = scripted((200, success(PAYOUT | {"created_at": sent})))

    created_at = client.create_payout(body).created_at

    assert (created_at and created_at.isoformat()) == read


def test_a8_a_large_answer_is_not_read_to_its_end(scripted, body):
    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return b" " * size

        def close(self):
            self.closed = True

    endless = Endless()
    client, _ = scripted((200, endless))

    with pytest.raises(heleket.OutcomeUnknown, match="too large"):
        client.create_payout(body)

    assert endless.given < 2 * 1024 * 1024
    assert endless.closed


@pytest.mark.parametrize("status", [200, 422, 500])
def test_kept_answers_are_cut_and_free_of_secrets(scripted, body, status):
    client, script = scripted()

    class Echo:
        """A gateway that prints the request it failed on."""

        def __init__(self):
            self.left = 1

        def read(self, _size):
            self.left, left = 0, self.left
            sign = script.requests[0].headers["sign"]
            return f"{PAYOUT_KEY} {PAYMENT_KEY} {sign} \0 {'x' * 9000}".encode() * left

        def close(self):
            pass

    script.answers.append((status, Echo()))

    with pytest.raises(heleket.OutcomeUnknown) as caught:
        client.create_payout(body)

    assert caught.value.answer.startswith("[secret] [secret] [secret] \ufffd xxx")
    assert len(caught.value.answer) == 4096


def test_values_are_read_before_secrets_are_hidden(scripted, body):
    client, _ = scripted((200, success(PAYOUT | {"address": PAYOUT_KEY})))

    remote = client.create_payout(body)

    assert remote.address == PAYOUT_KEY
    assert PAYOUT_KEY not in remote.answer


def test_a_key_in_a_refusal_does_not_reach_its_message(scripted, body):
    client, _ = scripted((422, refusal(f"Bad key {PAYOUT_KEY}")))

    with pytest.raises(heleket.RequestRejected, match=r"Bad key \[secret\]"):
        client.create_payout(body)


def create(script):
    keys = {"payout_key": PAYOUT_KEY, "payment_key": PAYMENT_KEY}
    with heleket.Client(merchant_id=MERCHANT, adapter=script, **keys) as client:
        return client.create_payout(b"{}")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PAYOUTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys([*PAYOUT, "created_at", "commission", "order_id"], JSON_VALUES),
)
CONTENTS = (
    JSON_VALUES
    | st.fixed_dictionaries({"state": st.sampled_from([0, 1]), "result": JSON_VALUES | PAYOUTS})
    | st.fixed_dictionaries({"state": st.just(1), "message": JSON_VALUES, "errors": JSON_VALUES})
)


@given(
    status=st.sampled_from([200, 301, 401, 404, 422, 429, 500]),
    answer=st.binary() | CONTENTS.map(lambda content: json.dumps(content).encode()),
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_a8_any_answer_ends_in_a_payout_or_in_a_named_error(status, answer):
    try:
        remote = create(Script((status, answer)))
    except heleket.RequestRejected:
        assert status == 422
        assert json.loads(answer)["state"] == 1
    except heleket.Unauthorized:
        assert status == 401
    except heleket.OutcomeUnknown:
        pass
    else:
        assert status == 200
        assert json.loads(answer)["result"]["uuid"] == remote.uuid
