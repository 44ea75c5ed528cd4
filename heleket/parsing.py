"""Reading of JSON with exact numbers, in which nothing could be read in two ways."""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def parse(text: str) -> Any:
    """Read JSON with numbers as int or Decimal.

    Raises ValueError on anything but plain JSON: duplicate names, NaN or Infinity, nesting or
    numbers beyond reason, and escapes of what no database stores (NUL, half a surrogate pair).
    """
    value = _load(text, parse_float=Decimal, parse_constant=_no_constant)
    if "\\u" in text:
        if NUL.search(text):
            raise ValueError("NUL in a text")
        json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


def parse_answer(text: str) -> Any:
    """Read JSON in which any one member may be odd, so that it spoils no other.

    Its reader has to refuse a float, which stands for a number beyond reason, and a text that is
    not `storable`. Raises ValueError for duplicate names, nesting beyond reason, and no JSON.
    """
    return _load(text, parse_float=_or_nan(Decimal), parse_int=_or_nan(int))


def storable(text: str) -> bool:
    """Whether a database stores it: no NUL and no half of a surrogate pair."""
    return "\0" not in text and clean(text) == text


def clean(text: str) -> str:
    """Replace what no database stores."""
    if not text.isascii():
        text = text.encode(errors="replace").decode()
    return text.replace("\0", "\ufffd")


def _load(text: str, **options: Any) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, **options)
    except (ArithmeticError, RecursionError):
        raise ValueError("number or nesting beyond reason") from None


def _or_nan(read: Callable[[str], int | Decimal]) -> Callable[[str], int | Decimal | float]:
    def number(text: str) -> int | Decimal | float:
        try:
            return read(text)
        except (ArithmeticError, ValueError):
            return math.nan

    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members
