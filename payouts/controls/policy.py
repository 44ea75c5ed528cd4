"""What has to be true before a payout may be paid: an approval by nobody who made it, or two while
one like it that people took for not paid may still be paid.

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
    is_in_doubt: bool = False


def needs(*, is_in_doubt: bool) -> Needs:
    return Needs(approvals=2 if is_in_doubt else 1)


def judge(proposal: Proposal) -> Refusal | None:
    """Return why these approvals do not carry the payout, or nothing if they do."""
    given = proposal.approvals
    if any(each.digest != proposal.digest for each in given):
        return Refusal(ControlsCode.OTHER_DIGEST)
    if any(each.person_id in proposal.makers for each in given):
        return Refusal(ControlsCode.MAKER_APPROVED)
    if any(each.person_id not in proposal.approvers for each in given):
        return Refusal(ControlsCode.RIGHT_LOST)
    if len({each.person_id for each in given}) < needs(is_in_doubt=proposal.is_in_doubt).approvals:
        return Refusal(ControlsCode.APPROVAL_MISSING)
    return None
