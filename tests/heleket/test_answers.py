"""What each kind of answer means for the money."""

import gzip
import json
import tracemalloc
import zlib
from decimal import Decimal

import pytest
import requests
from hypothesis import given, settings
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
    "state as another text": (200, json.dumps({"state": "ok", "result": PAYOUT}).encode()),
    "state null": (200, json.dumps({"state": None, "result": PAYOUT}).encode()),
    "state 0.5": (200, json.dumps({"state": 0.5, "result": PAYOUT}).encode()),
    "state NaN": (200, b'{"state":NaN,' + ACCEPTED[13:]),
    "state list": (200, json.dumps({"state": [0], "result": PAYOUT}).encode()),
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
    "compressed in another way": (200, gzip.compress(ACCEPTED), JSON | {"Content-Encoding": "br"}),
    "compressed and cut": (200, gzip.compress(ACCEPTED)[:-9], JSON | {"Content-Encoding": "gzip"}),
    "compressed, and more": (
        200,
        gzip.compress(ACCEPTED) + ACCEPTED,
        JSON | {"Content-Encoding": "gzip"},
    ),
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
        ({"Retry-After": ""}, None),
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


DATE = "Wed, 21 Oct 2026 07:00:00 GMT"
WAITS = {
    "fraction": ({"Retry-After": "2.5"}, 3),
    "zero": ({"Retry-After": "0"}, 0),
    "enormous": ({"Retry-After": "9" * 5000}, 10**9),
    "enormous fraction": ({"Retry-After": "0." + "9" * 5000}, 1),
    "negative": ({"Retry-After": "-5"}, None),
    "words": ({"Retry-After": "soon"}, None),
    "Arabic": ({"Retry-After": "\u0663"}, None),
    "exponent": ({"Retry-After": "1e9"}, None),
    "date": ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": DATE}, 28 * 60),
    "old date": ({"Retry-After": "Wednesday, 21-Oct-26 07:00:30 GMT", "Date": DATE}, 30),
    "oldest date": ({"Retry-After": "Wed Oct 21 07:00:30 2026", "Date": DATE}, 30),
    "date that is over": ({"Retry-After": "Wed, 21 Oct 2026 06:00:00 GMT", "Date": DATE}, 0),
    "far date": ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": DATE}, 10**9),
    "date alone": ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    "date and no date": ({"Retry-After": DATE, "Date": "today"}, None),
    "no such date": ({"Retry-After": "Wed, 32 Oct 2026 99:00:00 GMT", "Date": DATE}, None),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("headers", "seconds"), WAITS.values(), ids=WAITS)
def test_g86_when_to_come_back_is_read_however_it_is_written(
    scripted, body, status, headers, seconds
):
    client, _ = scripted((status, b"<html>come back later</html>", headers))

    with pytest.raises(heleket.OutcomeUnknown) as caught:
        client.create_payout(body)

    assert caught.value.retry_after == seconds
    assert isinstance(caught.value, heleket.TooManyRequests) == (status == 429)


def test_g86_an_answer_that_names_no_time_names_none(scripted, body):
    client, _ = scripted((503, b""), (200, b""), (0, requests.ReadTimeout("late")))

    for _ in range(3):
        with pytest.raises(heleket.OutcomeUnknown) as caught:
            client.create_payout(body)
        assert caught.value.retry_after is None


def deflated(window):
    stream = zlib.compressobj(wbits=window)
    return stream.compress(ACCEPTED) + stream.flush()


ODD_CLOTHES = {
    "gzip": (gzip.compress(ACCEPTED), {"Content-Encoding": "gzip"}),
    "GZIP": (gzip.compress(ACCEPTED), {"Content-Encoding": " GZip "}),
    "x-gzip": (gzip.compress(ACCEPTED), {"Content-Encoding": "x-gzip"}),
    "deflate": (deflated(15), {"Content-Encoding": "deflate"}),
    "raw deflate": (deflated(-15), {"Content-Encoding": "deflate"}),
    "gzip in name only": (ACCEPTED, {"Content-Encoding": "gzip"}),
    "identity": (ACCEPTED, {"Content-Encoding": "identity"}),
    "BOM": (b"\xef\xbb\xbf" + ACCEPTED, {}),
    "BOM in gzip": (gzip.compress(b"\xef\xbb\xbf" + ACCEPTED), {"Content-Encoding": "gzip"}),
    "text/json": (ACCEPTED, {"Content-Type": "text/json"}),
    "+json": (ACCEPTED, {"Content-Type": "application/vnd.heleket.v1+json; charset=utf-8"}),
    "problem": (ACCEPTED, {"Content-Type": "Application/Problem+JSON"}),
    "no type": (ACCEPTED, {}),
    "state as text": (ACCEPTED.replace(b'"state": 0', b'"state": "0"'), {}),
    "state 0.0": (ACCEPTED.replace(b'"state": 0', b'"state": 0.0'), {}),
}


@pytest.mark.parametrize(("answer", "headers"), ODD_CLOTHES.values(), ids=ODD_CLOTHES)
def test_g80_a_good_answer_in_odd_clothes_is_read(scripted, body, answer, headers):
    client, _ = scripted((200, answer, headers))

    remote = client.create_payout(body)

    assert (remote.uuid, remote.amount) == (PAYOUT["uuid"], 3)
    assert json.loads(remote.answer.removeprefix("\ufeff"))["result"] == PAYOUT


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (gzip.compress(refusal("Not enough funds")), {"Content-Encoding": "gzip"}),
        (b"\xef\xbb\xbf" + refusal("Not enough funds"), {}),
        (b'{"state":"1","message":"Not enough funds"}', {"Content-Type": "text/json"}),
    ],
    ids=["gzip", "BOM", "state as text"],
)
def test_g80_a_refusal_in_odd_clothes_is_one(scripted, body, answer, headers):
    client, _ = scripted((422, answer, headers))

    with pytest.raises(heleket.RequestRejected, match="Not enough funds"):
        client.create_payout(body)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_g80_an_answer_that_unfolds_without_end_is_unknown(scripted, body, coding):
    bomb = (gzip if coding == "gzip" else zlib).compress(b" " * 20_000_000 + ACCEPTED)
    client, _ = scripted((200, bomb, {"Content-Encoding": coding}))

    tracemalloc.start()
    with pytest.raises(heleket.OutcomeUnknown):
        client.create_payout(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10_000_000


@pytest.mark.parametrize("word", ["true", "false", "", 1, 0, None, [], {}], ids=repr)
def test_g80_a_final_word_that_is_no_boolean_is_unreadable_and_shown(scripted, body, word):
    answer = success(PAYOUT | {"status": "paid", "is_final": word})
    client, _ = scripted((200, answer))

    with pytest.raises(
        heleket.OutcomeUnknown, match="is_final is neither true nor false"
    ) as caught:
        client.create_payout(body)

    assert caught.value.answer == answer.decode()


@pytest.mark.parametrize("status", ["on_holiday", "PAID", "Fail", "paid "])
def test_g19_a_status_that_nobody_knows_is_read_as_it_is(scripted, body, status):
    client, _ = scripted((200, success(PAYOUT | {"status": status, "is_final": True})))

    remote = client.create_payout(body)

    assert (remote.status, remote.is_final) == (status, True)


ODD_VALUES = {
    "object": b'{"amount":"129"}',
    "list": b'["129"]',
    "true": b"true",
    "30 decimals": b'"1.' + b"1" * 30 + b'"',
    "number of 30 decimals": b"1." + b"1" * 30,
    "thousands": b'"1,234.50"',
    "300 characters": b'"' + b"x" * 300 + b'"',
    "NaN": b"NaN",
    "5000 digits": b"9" * 5000,
    "absurd exponent": b"1e99999999999999999999",
    "NUL": b'"a\\u0000b"',
    "half a surrogate pair": b'"\\ud83c"',
    "not UTF-8": b'"\xff"',
    "null": b"null",
    "nothing": b'""',
}
SIDE = {
    "txid": "txid",
    "balance": "balance",
    "payer_currency": "payer_currency",
    "payer_amount": "payer_amount",
    "merchant_amount": "merchant_amount",
    "commission": "commission",
    "commissions": "commission",
    "fail_reason": "fail_reason",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "convert": None,
    "anything": None,
}
FINAL = PAYOUT | {"order_id": "testabc00", "status": "paid", "is_final": True}


def with_odd(name, value):
    """A final answer in which one member is these bytes."""
    return success({n: v for n, v in FINAL.items() if n != name} | {name: "@@"}).replace(
        b'"@@"', value
    )


@pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES)
@pytest.mark.parametrize("name", SIDE)
def test_g18_a_member_that_nobody_needs_spoils_no_final_word(scripted, body, name, value):
    answer = with_odd(name, value)
    client, _ = scripted((200, answer))

    remote = client.create_payout(body)

    assert (remote.uuid, remote.status, remote.is_final) == (PAYOUT["uuid"], "paid", True)
    assert (remote.amount, remote.currency, remote.network) == (3, "USDT", "TRON")
    assert (remote.address, remote.order_id) == ("TJ", "testabc00")
    is_text = SIDE[name] in {"txid", "payer_currency", "fail_reason"}
    if SIDE[name] and not (is_text and value in (ODD_VALUES["30 decimals"], b'"1,234.50"')):
        assert getattr(remote, SIDE[name]) is None
    assert remote.answer == answer.decode(errors="replace")[:4096]
    remote.answer.encode()


@pytest.mark.parametrize("value", [*ODD_VALUES.values()][:-2], ids=[*ODD_VALUES][:-2])
@pytest.mark.parametrize("name", ["uuid", "status", "is_final", "order_id", "amount", "address"])
def test_g18_a_member_on_which_money_hangs_is_read_strictly(scripted, body, name, value):
    if (name, value) == ("is_final", b"true"):
        return  # as it should be
    client, _ = scripted((200, with_odd(name, value)))
    may_be_text = name in {"uuid", "status", "order_id", "address"}
    if may_be_text and value in (ODD_VALUES["30 decimals"], b'"1,234.50"'):
        assert getattr(client.create_payout(body), name) == json.loads(value)
        return

    with pytest.raises(heleket.OutcomeUnknown, match=f"cannot be used: {name} is"):
        client.create_payout(body)


@pytest.mark.parametrize("name", ["currency", "network"])
@pytest.mark.parametrize("value", [b"{}", b"[]", b"5", b"true"])
def test_g18_a_coin_or_network_that_is_no_text_is_unreadable(scripted, body, name, value):
    client, _ = scripted((200, with_odd(name, value)))

    with pytest.raises(heleket.OutcomeUnknown, match=f"{name} is not a text"):
        client.create_payout(body)


def test_g18_a_number_as_order_id_is_read_as_text(scripted):
    client, _ = scripted((200, success(FINAL | {"order_id": 129359})))

    remote = client.get_payout(order_id="129359")

    assert (remote.order_id, remote.is_final) == ("129359", True)


def test_g18_of_two_names_of_the_fee_the_readable_one_counts(scripted, body):
    odd = {"commission": {"amount": "0.3"}, "commissions": "0.3"}
    client, _ = scripted((200, success(FINAL | odd)))

    assert client.create_payout(body).commission == Decimal("0.3")


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


def test_a17_a_long_refusal_is_judged_by_all_of_it_and_kept_cut(scripted, body):
    errors = {f"member_{number}": ["validation.required"] for number in range(20)}
    blocked = errors | {"address": ["This address is blocked"]}
    client, _ = scripted(
        *[(422, json.dumps({"state": 1, "errors": each}).encode()) for each in (errors, blocked)]
    )
    kinds = []

    for each in (errors, blocked):
        with pytest.raises(heleket.RequestRejected) as caught:
            client.create_payout(body)
        kinds.append(caught.value.kind)
        assert len(caught.value.message) == 255
        assert caught.value.errors == each

    assert kinds == ["payout", "unknown"]


def test_g6_a_text_is_not_found_only_as_a_whole(scripted):
    learned = "No such payout. " * 15 + "It is not"
    texts = [learned + " yours." + " " * 250, learned.ljust(255), learned]
    client, _ = scripted(
        *[(422, refusal(text)) for text in texts], not_found_texts={learned, learned.ljust(255)}
    )

    with pytest.raises(heleket.RequestRejected) as caught:
        client.get_payout(order_id="abc")
    assert not isinstance(caught.value, heleket.PayoutNotFound)
    for _ in texts[1:]:
        with pytest.raises(heleket.PayoutNotFound):
            client.get_payout(order_id="abc")


def test_a_refusal_in_bytes_that_nobody_can_store_is_still_one(scripted, body):
    answer = (
        b'{"state":1,"message":"Not enough funds\\u0000 \xff \\ud83c","errors":{"\xff":["\xfe"]}}'
    )
    client, _ = scripted((422, answer))

    with pytest.raises(heleket.RequestRejected) as caught:
        client.create_payout(body)

    assert caught.value.kind == "funds"
    assert "\0" not in caught.value.message + caught.value.answer
    f"{caught.value.message}{caught.value.answer}{caught.value.errors}".encode()


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
def test_a17_the_beginning_of_a_refusal_says_what_it_is_about(message, kind):
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
    answer = PAYOUT | {"status": "on_holiday", "convert": {"rate": "1.5"}}
    client, _ = scripted((200, success(answer)))

    remote = client.create_payout(body)

    assert remote.status == "on_holiday"
    assert remote.extra == {"convert": {"rate": "1.5"}}
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
    with heleket.HeleketClient(merchant_id=MERCHANT, adapter=script, **keys) as client:
        return client.create_payout(b"{}")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(odd=st.dictionaries(st.sampled_from(list(SIDE)), JSON_VALUES, max_size=3))
@settings(max_examples=60)
def test_g18_whatever_else_is_in_it_a_final_word_counts(odd):
    remote = create(Script((200, success(odd | FINAL))))

    read = (remote.uuid, remote.order_id, remote.status, remote.is_final)
    assert read == (FINAL["uuid"], "testabc00", "paid", True)
    assert (remote.amount, remote.currency) == (3, "USDT")
    assert (remote.network, remote.address) == ("TRON", "TJ")


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
@settings(max_examples=500)
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
