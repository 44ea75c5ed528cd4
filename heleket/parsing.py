"""Strict reading of JSON: exact numbers, and nothing that two parsers could read differently."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def parse(text: str) -> Any:
    """Read JSON with numbers as int or Decimal.

    Raises ValueError on anything but plain JSON: duplicate names, NaN or Infinity, nesting or
    numbers beyond reason, and escapes of what no database stores (NUL, half a surrogate pair).
    """
    try:
        value = json.loads(
            text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except (ArithmeticError, RecursionError):
        raise ValueError("number or nesting beyond reason") from None
    if "\\u" in text:
        if NUL.search(text):
            raise ValueError("NUL in a text")
        json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members
