"""The policy that a fresh desk begins with. A migration stores it as the first version; from then
on it is changed by two people in the Admin."""

from typing import Any

REASON = "The policy that comes with the desk."

VALUES: dict[str, Any] = {
    "delay_seconds": 120,
    "run_times": [],
    "approvals_last_hours": 168,
    "duplicate_days": 7,
    "rate_age_minutes": 120,
    "rate_change": "30",
    "drift": "5",
    "fee_percent": "20",
    "fee_amount": "100",
    "funds_order": "strict",
    "passed_over_hours": 24,
    "guard_probes": 5,
    "guard_discrepancies": 3,
    "guard_failures": 10,
    "guard_foreign": False,
}


def two(name: str, **conditions: Any) -> dict[str, Any]:
    rule = {"name": name, "effect": "require", "count": 2, "group": "Approver"}
    return {**rule, "if": conditions}


DOCUMENT: dict[str, Any] = {
    "rules": [
        {"name": "Every payout", "effect": "require", "count": 1, "group": "Approver"},
        two("More than 1,000", amounts={"payout": {"above": "1000"}}),
        two("More than 5,000 by one client in a day", amounts={"client_day": {"above": "5000"}}),
        two("More than 5,000 to one address in a day", amounts={"address_day": {"above": "5000"}}),
        two(
            "More than 20,000 by one requester in a day",
            amounts={"requester_day": {"above": "20000"}},
        ),
        two("A high flag", flag="high"),
    ],
    "limits": [
        {"of": "payout", "at_most": "100000"},
        {"of": "client", "hours": 24, "at_most": "100000"},
        {"of": "desk", "hours": 24, "at_most": "500000"},
    ],
    "values": VALUES,
}
