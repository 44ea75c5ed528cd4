"""What has to be true before a payout may be paid: today one approval, by nobody who made it.

It knows nothing of payouts: it says what it needs, then judges what is laid before it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from audit.refusals import Refusal
from payouts.controls.codes import ControlsCode

VERSION = 1


@dataclass(frozen=True)
class Needs:
    """What has to be there before it can be judged."""

    approvals: int


@dataclass(frozen=True)
class Given:
    """An approval: whose, and of what."""

    person_id: int
    digest: str


@dataclass(frozen=True)
class Proposal:
    """A payout as policy sees it. `approvers` are those who may approve at this moment."""

    digest: str
    makers: Collection[int]
    approvers: Collection[int]
    approvals: Collection[Given]


def needs() -> Needs:
    return Needs(approvals=1)


def judge(proposal: Proposal) -> Refusal | None:
    """Return why these approvals do not carry the payout, or nothing if they do."""
    given = proposal.approvals
    if any(each.digest != proposal.digest for each in given):
        return Refusal(ControlsCode.OTHER_DIGEST)
    if any(each.person_id in proposal.makers for each in given):
        return Refusal(ControlsCode.MAKER_APPROVED)
    if any(each.person_id not in proposal.approvers for each in given):
        return Refusal(ControlsCode.RIGHT_LOST)
    if len({each.person_id for each in given}) < needs().approvals:
        return Refusal(ControlsCode.APPROVAL_MISSING)
    return None
