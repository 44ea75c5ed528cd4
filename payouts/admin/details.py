"""What an event tells besides its name, in words: what it was before, and what it is now."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from audit.models import LOGIN, Event
from audit.texts import day_and_hour
from payouts.gateway.models import Pause
from payouts.models import AccountKind, Discrepancy, Payout, WaitingFor
from payouts.requests import dated
from payouts.staff import changes
from wallets.coins import network_name
from wallets.models import Client, Wallet

# What events name by an id.
SUBJECTS: list[tuple[str, QuerySet[Any], Callable[[Any], str]]] = [
    ("client", Client.objects.all(), str),
    ("wallet", Wallet.objects.select_related("client"), lambda each: f"{each} · {each.client}"),
]

Facts = dict[str, str]

HIDDEN = {
    LOGIN,
    "whom",
    "proposed_by",
    "proposal",
    "drafter_id",
}  # ids, and names that stand elsewhere

LABELS = changes.LABELS | {
    "money": gettext_lazy("Amount"),
    "network": gettext_lazy("Network"),
    "address": gettext_lazy("Address"),
    "memo": gettext_lazy("Memo"),
    "purpose": gettext_lazy("Purpose"),
    "category": gettext_lazy("Category"),
    "pay_from": gettext_lazy("Pay from"),
    "reference": gettext_lazy("Reference"),
    "digest": gettext_lazy("Fingerprint of what was approved"),
    "policy": gettext_lazy("Policy version"),
    "rules": gettext_lazy("Rules of the policy"),
    "released": gettext_lazy("Released in spite of a rule"),
    "statement": gettext_lazy("Statement (SHA-256)"),
    "order_id": gettext_lazy("Order id"),
    "approvals_given": gettext_lazy("Approvals it had"),
    "approvals_needed": gettext_lazy("Approvals that the policy asks for"),
    "policy_against": gettext_lazy("Why the policy lets nobody pay it"),
    "call": gettext_lazy("Call"),
    "passed": gettext_lazy("Went before, as the balance does not cover it"),
    "txid": gettext_lazy("Transaction"),
    "uuid": gettext_lazy("Heleket's id"),
    "remote_status": gettext_lazy("Heleket's status"),
    "waiting_for": gettext_lazy("Waits for"),
    "kind": gettext_lazy("Kind"),
    "ours": gettext_lazy("Ours"),
    "theirs": gettext_lazy("Heleket's"),
    "outcome": gettext_lazy("Outcome"),
    "posting": gettext_lazy("Postings"),
    "account": gettext_lazy("Account"),
    "cost_centre": gettext_lazy("Cost centre"),
    "group": gettext_lazy("Group"),
    "owner": gettext_lazy("Owner"),
    "client": gettext_lazy("Client"),
    "wallet": gettext_lazy("Wallet"),
    "payout": gettext_lazy("Payout"),
    "cause": gettext_lazy("Cause"),
    "currency": gettext_lazy("Coin"),
    "host": gettext_lazy("Address of the gateway"),
    "merchant_id": gettext_lazy("Merchant"),
    "installation": gettext_lazy("Installation"),
    "in_spite_of": gettext_lazy("In spite of"),
    "what": gettext_lazy("What"),
    "filters": gettext_lazy("Filter"),
    "seed": gettext_lazy("Seed"),
    "population": gettext_lazy("Drawn of"),
    "fingerprint": gettext_lazy("Fingerprint of the population"),
    "count": gettext_lazy("Rows"),
    "sums": gettext_lazy("Control sums"),
    "sha256": gettext_lazy("SHA-256"),
    "desk_version": gettext_lazy("Version of the desk"),
}


def one_of(choices: Any) -> Callable[[str], str]:
    names = dict(choices)
    return lambda value: str(names.get(value, value))


def moment(value: str) -> str:
    with suppress(ValueError):
        return day_and_hour(datetime.fromisoformat(value))
    return value


CHANGED = [("changed", gettext_lazy("changed"))]  # what is never sealed of a person

VALUES = changes.VALUES | {
    "network": network_name,
    "pay_from": moment,
    "waiting_for": one_of(WaitingFor.choices),
    "kind": one_of(Discrepancy.Kind.choices),
    "outcome": one_of(Discrepancy.Outcome.choices),
    "posting": one_of(AccountKind.choices),
    "in_use": changes.yes_or_no,
    "cause": one_of(Pause.Cause.choices),
    "name": one_of(CHANGED),
    "email": one_of(CHANGED),
}


def in_words(facts: Facts) -> dict[str, str]:
    """Return what an event says, by names that people use; what is not known stays as it is."""
    shown: dict[str, str] = {}
    for name in sorted(facts, key=place):
        of = name.removeprefix("old_")
        if name in HIDDEN or (of != name and of in facts):  # said beside what it is now
            continue
        before, now = facts.get(f"old_{name}", facts[name]), facts[name]
        if before != now:
            now = f"{before or changes.NOTHING}{changes.ARROW}{now or changes.NOTHING}"
        if now:
            text = changes.value_in_words(of, now, VALUES)
            shown[str(LABELS.get(of, of.replace("_", " ").capitalize()))] = text
    return shown


def name_subjects(events: Sequence[Event]) -> None:
    """Have events name clients and wallets as people know them, not by the ids that are sealed: two
    statements at most."""
    for fact, rows, named in SUBJECTS:
        about = [event for event in events if event.facts.get(fact, "").isdecimal()]
        known = rows.in_bulk({int(event.facts[fact]) for event in about})
        for event in about:
            if row := known.get(int(event.facts[fact])):
                event.facts[fact] = named(row)


def place(name: str) -> int:
    """Where a fact stands among others: in the order of the labels."""
    names = list(LABELS)
    return names.index(name) if name in names else len(names)


def content(payout: Payout) -> Facts:
    """What an edit keeps of before, as it is now."""
    names = ("network", "address", "memo", "purpose", "reference", "category")
    facts = {name: getattr(payout, name) for name in names}
    return {"money": payout.money, "pay_from": "", **dated("pay_from", payout), **facts}


def with_what_came_of_it(facts: Facts, after: Facts) -> Facts:
    """Add to what an edit says of before what it was changed to; `after` becomes what was before.

    For events from the newest to the oldest, beginning with the row as it is.
    """
    before = {name: facts[f"old_{name}"] for name in after if f"old_{name}" in facts}
    changed = {name: now for name, now in after.items() if before.get(name, now) != now}
    after |= before
    kept = {key: value for key, value in facts.items() if not key.startswith("old_")}
    return {**kept, **changed, **{f"old_{name}": before[name] for name in changed}}
