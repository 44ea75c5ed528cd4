import json
from pathlib import Path

import pytest

from heleket.signing import Secret, encode, sign

VECTORS = json.loads((Path(__file__).parent / "sign-vectors.json").read_text())
REQUESTS = [vector for vector in VECTORS if vector["kind"] == "request"]


@pytest.mark.parametrize("vector", REQUESTS, ids=lambda vector: vector["name"])
def test_signs_the_exact_bytes_like_php(vector):
    assert sign(vector["body_utf8"].encode(), vector["api_key"]) == vector["expected_sign"]


def test_encodes_like_php_so_that_a_second_encoding_changes_nothing():
    body = encode({"url": "https://a.example/b", "memo": "não", "flag": True, "none": None, "n": 5})

    assert (
        body
        == b'{"url":"https:\\/\\/a.example\\/b","memo":"n\\u00e3o","flag":true,"none":null,"n":5}'
    )


def test_a_key_is_never_shown():
    key = Secret("canary-key")

    assert "canary" not in f"{key} {key!r} {[key]}"
    assert key.sign(b"{}") == sign(b"{}", "canary-key")
    assert key.hide("the canary-key was here") == "the [secret] was here"


@pytest.mark.parametrize("short", ["", "a", "payout"])
def test_what_is_too_short_for_a_secret_tears_up_no_text(short):
    assert Secret(short).hide("a payout") == "a payout"
