"""Points on which the documentation is silent and the clients of others disagree.

Each is an attribute of the gateway, an option of the command and a choice on the page; the first
of its choices holds if nothing is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heleket.sandbox.gateway import Gateway

YES_FIRST, NO_FIRST = {"yes": True, "no": False}, {"no": False, "yes": True}


@dataclass(frozen=True)
class Switch:
    help: str
    choices: Mapping[str, Any]


SWITCHES = {
    "newer_members": Switch("payouts have merchant_amount and the commission", YES_FIRST),
    "commission_name": Switch(
        "what payouts call the commission",
        {"commission": ["commission"], "commissions": ["commissions"]}
        | {"both": ["commission", "commissions"]},
    ),
    "balance_shape": Switch(
        "how payouts write balance and payer_amount",
        {name: name for name in ("string", "number", "object", "null")},
    ),
    "merchant_in_list": Switch("the list names the merchant_uuid", YES_FIRST),
    "longest_order_id": Switch(
        "how many characters of an order_id info takes", {str(n): n for n in (32, 100, 128)}
    ),
    "number_amounts": Switch("an amount may be a JSON number", NO_FIRST),
}


def switch(gateway: Gateway, name: str, choice: str) -> None:
    """Make a choice. ValueError for a switch or a choice that there is not."""
    choices = SWITCHES[name].choices if name in SWITCHES else {}
    if choice not in choices:
        raise ValueError(f"{name} cannot be {choice}")
    with gateway.lock:
        setattr(gateway, name, choices[choice])


def chosen(gateway: Gateway) -> dict[str, str]:
    """Return the present choice of every switch."""
    return {
        name: next(text for text, value in each.choices.items() if value == getattr(gateway, name))
        for name, each in SWITCHES.items()
    }
