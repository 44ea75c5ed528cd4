"""Strict reading of JSON: exact numbers, and nothing that two parsers could read differently."""

import json
from decimal import Decimal
from typing import Any, NoReturn


def parse(text: str) -> Any:
    """Read JSON with numbers as int or Decimal.

    Raises ValueError on anything but plain JSON: duplicate names, NaN or Infinity, nesting or
    numbers beyond reason.
    """
    try:
        return json.loads(
            text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except (ArithmeticError, RecursionError) as exc:
        raise ValueError("number or nesting beyond reason") from exc


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members
