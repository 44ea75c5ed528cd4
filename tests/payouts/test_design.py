"""The drawn state machine is the one in the code, and nothing else moves a status."""

import pytest

from payouts.models import Payout, PayoutStatus
from tests.payouts.invariants import ARROWS


def transitions():
    return Payout._meta.get_field("status").get_all_transitions(Payout)


def test_the_transitions_of_the_code_are_the_drawn_ones():
    in_code = {(str(each.source), each.name, str(each.target)) for each in transitions()}
    drawn = {
        (source, act, target) for source, acts in ARROWS.items() for act, target in acts.items()
    }
    assert in_code == drawn


@pytest.mark.parametrize("status", ["confirmed", "rejected", "cancelled"])
def test_i8_nothing_leaves_a_final_word(status):
    assert status not in {str(each.source) for each in transitions()}


def test_i7_what_is_cancelled_was_not_sent():
    """From `broadcast` there is no way to `cancelled`, whoever asks."""
    sources = {str(each.source) for each in transitions() if each.target == "cancelled"}
    assert sources == {"pending", "held", "approved", "submitting"}


def test_i4_a_status_cannot_be_assigned():
    payout = Payout(status=PayoutStatus.PENDING, amount=5)
    with pytest.raises(AttributeError):
        payout.status = PayoutStatus.CONFIRMED
