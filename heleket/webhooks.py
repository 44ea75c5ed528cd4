"""Webhooks of Heleket: how one is signed, and whether one can be believed to be theirs.

Source: https://doc.heleket.com/methods/payouts/webhook.md
"""

import hmac
import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

from heleket.errors import InvalidSignature
from heleket.parsing import parse
from heleket.signing import Secret, sign

MAX_BODY_BYTES = 64 * 1024  # a genuine webhook has less than 1 KiB

SIGNATURE = re.compile(r"[0-9a-f]{32}")
# In valid JSON these are all that is needed to tell which commas separate the outermost members.
TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},]')
INT64 = range(-(2**63), 2**63)


def verify(raw: bytes, *keys: str) -> Mapping[str, object]:
    """Return the members of a webhook, without `sign`, if one of the payout keys signed it.

    Several keys serve the time after a rotation; an empty one signs nothing. A valid signature says
    who wrote the body, not that it is true today: it may be old, and the status must be asked for.
    Raises InvalidSignature for everything else, whatever the bytes are.
    """
    hidden = [Secret(key) for key in keys if key]  # an empty key would let anyone sign
    del keys  # a traceback shows local variables
    try:
        text, members = _read(raw)
        claimed = _claimed_signature(members)
        signed = any(
            hmac.compare_digest(key.sign(candidate.encode()), claimed)
            for candidate in _signed_texts(text, members)
            for key in hidden
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise InvalidSignature("not readable as a webhook") from None
    if not signed:
        raise InvalidSignature("the signature does not fit the body")
    return members


def sign_webhook(members: Mapping[str, object], key: str) -> bytes:
    """Write a webhook body as Heleket does: compact PHP JSON with `sign` as its last member."""
    signature = sign(php_encode(members).encode(), key)
    return php_encode({**members, "sign": signature}).encode()


def php_encode(value: object) -> str:
    """Write a value as PHP's `json_encode($value, JSON_UNESCAPED_UNICODE)` does.

    Raises ValueError for a number that PHP cannot write.
    """
    if isinstance(value, str):
        return _php_string(value)
    if isinstance(value, Mapping):
        members = (f"{_php_string(name)}:{php_encode(item)}" for name, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(php_encode, value)) + "]"
    if isinstance(value, float | Decimal) or (isinstance(value, int) and value not in INT64):
        return _php_float(float(value))
    return json.dumps(value)  # null, true, false and integers are the same in both languages


def _php_string(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False).replace("/", "\\/")
    # PHP escapes these two even when it leaves all other Unicode alone.
    return written.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _php_float(number: float) -> str:
    if not math.isfinite(number):
        raise ValueError("number out of range")
    shortest = Decimal(repr(number)).normalize()
    if -4 <= shortest.adjusted() < 17:
        return f"{shortest:f}"
    written = f"{shortest:e}"
    return written if "." in written else written.replace("e", ".0e")


def _read(raw: bytes) -> tuple[str, dict[str, object]]:
    if len(raw) > MAX_BODY_BYTES:
        raise ValueError("body too large")
    text = raw.decode()
    members = parse(text)
    if not isinstance(members, dict):
        raise ValueError("not an object")
    return text, members


def _claimed_signature(members: dict[str, object]) -> str:
    claimed = members.pop("sign", None)
    if not isinstance(claimed, str) or not SIGNATURE.fullmatch(claimed):
        raise ValueError("no signature")
    return claimed


def _signed_texts(text: str, members: Mapping[str, object]) -> Iterator[str]:
    """What the sender may have signed: the text as it came, or as PHP would write it.

    The first never depends on how numbers and strings are written. The second still holds if
    something on the way has written the body anew. Both need the key, so neither helps a forger.
    """
    yield _without_sign(text)
    yield php_encode(members)


def _without_sign(text: str) -> str:
    """Cut the outermost `sign` and one comma beside it; every other byte stays."""
    borders = list(_member_borders(text))
    for start, end in pairwise(borders):
        if not text[start + 1 : end].lstrip().startswith('"sign"'):
            continue
        if start == borders[0] and end != borders[-1]:
            return text[: start + 1] + text[end + 1 :]
        return text[: max(start, borders[0] + 1)] + text[end:]
    raise ValueError("no signature")


def _member_borders(text: str) -> Iterator[int]:
    """Yield where the outermost object opens, where its commas are, and where it closes."""
    depth = 0
    for token in TOKENS.finditer(text):
        mark = token.group()
        if mark in "{[":
            depth += 1
        if depth == 1 and mark in "{,}":
            yield token.start()
        if mark in "}]":
            depth -= 1
