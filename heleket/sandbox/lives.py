"""The lives a payout can have: its statuses in order, `!` behind the final word.

`p2p` is `paid` inside Heleket, without a transaction on a blockchain.
Source: https://doc.heleket.com/methods/payouts/payout-statuses.md, which draws no transitions.
"""

from typing import NamedTuple

FATES = {
    "paid": "process check paid!",
    "final_fail": "process check fail!",
    "fail_then_paid": "process check fail process paid!",
    "fail_process_fail": "process fail process fail!",
    "fail_not_final": "process check fail",
    "system_fail": "process system_fail!",
    "system_fail_then_paid": "process system_fail paid!",
    "cancel": "process cancel!",
    "stuck": "process",
    "p2p": "process p2p!",
    "paid_not_final_then_final": "process check paid paid!",
    "unknown_status": "process frozen_by_review paid!",
    "unknown_final": "process settled!",
    "capitals": "process CHECK PAID!",
}
FAILURES = {"fail", "system_fail", "cancel"}


class Step(NamedTuple):
    status: str
    is_final: bool
    has_txid: bool


def life_of(fate: str) -> str:
    """Return the life of a named fate; a life written out ("process fail paid!") is itself.

    Raises ValueError for what is neither.
    """
    life = FATES.get(fate, fate)
    if life.split()[:1] != ["process"]:
        raise ValueError(f"{fate!r} is neither a fate nor a life that starts with process")
    return life


def steps(life: str) -> list[Step]:
    return [parse(word) for word in life.split()]


def parse(word: str) -> Step:
    name = word.removesuffix("!")
    status = "paid" if name == "p2p" else name
    return Step(status, is_final=word.endswith("!"), has_txid=name.lower() == "paid")


def comes_second(status: str, is_final: bool, life: str) -> bool:
    """Tell whether a payout in this state has already taken the first step of the life."""
    taken = steps(life)[1:2]
    return [(step.status, step.is_final) for step in taken] == [(status, is_final)]
