import gzip
import json
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heleket import InvalidSignature
from heleket.signing import encode, sign
from heleket.webhooks import MAX_BODY_BYTES, php_encode, sign_webhook, verify
from tests.heleket.wire import error_page_of

VECTORS = json.loads((Path(__file__).parent / "sign-vectors.json").read_text())
WEBHOOKS = [vector for vector in VECTORS if vector["kind"] == "webhook"]
GENUINE = [vector for vector in WEBHOOKS if vector["valid"]]
FORGED = [vector for vector in WEBHOOKS if not vector["valid"]]

KEY = "payout-key"
PAID = {
    "type": "payout",
    "uuid": "2b852d86-3cf1-43fb-b1bb-36f0b7d12151",
    "order_id": "129359",
    "amount": "207.00000000",
    "is_final": True,
    "status": "paid",
    "txid": "a/b=",
}

# What PHP and Python both can write: no half surrogate pairs, and no NUL, which the desk refuses.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)
MEMBERS = st.dictionaries(TEXTS.filter(lambda name: name != "sign"), VALUES)


def names(vector):
    return vector["name"]


@pytest.mark.parametrize("vector", GENUINE, ids=names)
def test_accepts_what_heleket_signed(vector):
    members = verify(vector["body_utf8"].encode(), vector["api_key"])

    expected = json.loads(vector["body_utf8"], parse_float=Decimal)
    assert members == {name: expected[name] for name in expected if name != "sign"}


@pytest.mark.parametrize("vector", FORGED, ids=names)
def test_b1_refuses_forged_vectors(vector):
    with pytest.raises(InvalidSignature):
        verify(vector["body_utf8"].encode(), vector["api_key"])


@pytest.mark.parametrize("vector", GENUINE, ids=names)
def test_b1_refuses_another_key(vector):
    with pytest.raises(InvalidSignature):
        verify(vector["body_utf8"].encode(), "payment-key")


def test_accepts_the_previous_key_during_a_rotation():
    assert verify(sign_webhook(PAID, "old"), "new", "old") == PAID


@pytest.mark.parametrize("keys", [(), ("",), ("", "other")])
def test_b1_an_unset_key_opens_nothing(keys):
    with pytest.raises(InvalidSignature):
        verify(sign_webhook(PAID, ""), *keys)


RIGHT = sign(php_encode(PAID).encode(), KEY)
BAD_SIGNATURES = {
    "wrong": "0" * 32,
    "empty": "",
    "number": 12345,
    "list": [RIGHT],
    "true": True,
    "null": None,
    "upper case": RIGHT.upper(),
    "cut": RIGHT[:-1],
    "longer": RIGHT + "0",
    "with newline": RIGHT + "\n",
    "of another body": sign(php_encode(PAID | {"status": "fail"}).encode(), KEY),
}


@pytest.mark.parametrize("claimed", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
def test_b1_refuses_every_other_signature(claimed):
    with pytest.raises(InvalidSignature):
        verify(php_encode(PAID | {"sign": claimed}).encode(), KEY)


def test_b1_refuses_a_body_without_signature():
    with pytest.raises(InvalidSignature):
        verify(php_encode(PAID).encode(), KEY)


def test_b5_refuses_our_own_signed_request():
    body = encode({"amount": "5", "order_id": "1", "is_subtract": True})

    with pytest.raises(InvalidSignature):
        verify(body, KEY)


def signed(text):
    """Add the right signature to a JSON text as it stands."""
    return f'{text[:-1]},"sign":"{sign(text.encode(), KEY)}"}}'.encode()


def test_a_right_signature_over_the_very_text_is_enough():
    text = '{"type":"payout","nested":{"a":1, "sign":"x","b":[2]},"a,{}\\"[":3.0,"url":"a/b"}'

    assert verify(signed(text), KEY) == {
        "type": "payout",
        "nested": {"a": 1, "sign": "x", "b": [2]},
        'a,{}"[': 3,
        "url": "a/b",
    }


GOOD = sign_webhook(PAID, KEY)
TRICKS = {
    "second sign": GOOD[:-1] + f',"sign":"{RIGHT}"}}'.encode(),
    "second sign, escaped": GOOD[:-1] + f',"\\u0073ign":"{RIGHT}"}}'.encode(),
    "sign only nested": php_encode({"nested": {"sign": RIGHT}} | PAID).encode(),
    "second status": signed('{"status":"fail","status":"paid"}'),
    "second status, escaped": signed('{"status":"fail","st\\u0061tus":"paid"}'),
    "second status, nested": signed('{"a":{"status":"fail","status":"paid"}}'),
    "NaN": signed('{"n":NaN}'),
    "Infinity": signed('{"n":-Infinity}'),
    "number beyond Decimal": signed('{"n":1e99999999999999999999}'),
    "integer of 5000 digits": signed('{"n":' + "9" * 5000 + "}"),
    "depth 10,000": signed('{"n":' + "[" * 10_000 + "]" * 10_000 + "}"),
    "NUL": signed('{"n":"a\\u0000b"}'),
    "NUL after a backslash": signed('{"n":"\\\\\\u0000"}'),
    "half a surrogate pair": signed('{"n":"\\ud83c"}'),
    "trailing data": GOOD + b"{}",
    "trailing NUL": GOOD + b"\0",
    "BOM": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": GOOD[:-1] + b',"n":"\xe9"}',
    "gzip": gzip.compress(GOOD),
    "form": urlencode(json.loads(GOOD)).encode(),
    "list": b"[" + GOOD + b"]",
    "text": json.dumps(GOOD.decode()).encode(),
    "null": b"null",
    "empty": b"",
}


@pytest.mark.parametrize("raw", TRICKS.values(), ids=TRICKS)
def test_b2_refuses_tricks_with_the_body(raw):
    with pytest.raises(InvalidSignature):
        verify(raw, KEY)


def test_a_refusal_shows_no_key():
    with pytest.raises(InvalidSignature) as caught:
        verify(b"{}", "canary-key", "canary-previous-key")

    assert "canary" not in error_page_of(caught.value)


def test_b2_refuses_a_large_body_unread():
    fitting = sign_webhook(PAID | {"pad": "x" * (MAX_BODY_BYTES - len(GOOD) - 9)}, KEY)
    assert len(fitting) == MAX_BODY_BYTES
    assert verify(fitting, KEY)

    with pytest.raises(InvalidSignature):
        verify(fitting + b" ", KEY)


@given(members=MEMBERS, key=TEXTS.filter(bool))
def test_verifies_all_that_is_signed(members, key):
    assert as_floats(verify(sign_webhook(members, key), key)) == as_floats(members)


def as_floats(value):
    if isinstance(value, dict):
        return {name: as_floats(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_floats(item) for item in value]
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return float(value)  # PHP writes a large float as an integer
    return value


@given(
    vector=st.sampled_from(GENUINE),
    position=st.integers(0, 10_000),
    byte=st.integers(0, 255),
)
@settings(max_examples=1000)
def test_b1_a_changed_byte_never_changes_the_meaning(vector, position, byte):
    raw = bytearray(vector["body_utf8"].encode())
    genuine = verify(bytes(raw), vector["api_key"])
    raw[position % len(raw)] = byte

    try:
        members = verify(bytes(raw), vector["api_key"])
    except InvalidSignature:
        return
    assert members == genuine


@given(
    raw=st.binary() | TEXTS.map(str.encode) | VALUES.map(lambda value: json.dumps(value).encode())
)
def test_b1_random_bytes_are_refused_and_nothing_else_happens(raw):
    with pytest.raises(InvalidSignature):
        verify(raw, KEY)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (3.0, "3"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00001, "1.0e-5"),
        (1.5e-7, "1.5e-7"),
        (1e16, "10000000000000000"),
        (1e17, "1.0e+17"),
        (1e100, "1.0e+100"),
        (2**63 - 1, "9223372036854775807"),
        (2**64, "1.8446744073709552e+19"),
        (Decimal("3.00"), "3"),
        ("\u2028é/\x7f\x1f", '"\\u2028é\\/\x7f\\u001f"'),
        ({}, "{}"),
        ([1, "1", None, True], '[1,"1",null,true]'),
    ],
)
def test_writes_values_as_php_does(value, written):
    assert php_encode(value) == written


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("1e999")])
def test_what_php_cannot_write_is_an_error(value):
    with pytest.raises(ValueError, match="range"):
        php_encode(value)
