"""The drawn state machine is the one in the code, and nothing else moves a status."""

import re
from pathlib import Path

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


TESTS = Path(__file__).parent.parent


def test_each_fault_in_the_list_has_the_tests_that_it_names():
    lines = (TESTS.parent / "docs" / "faults.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    faults = {row[0]: row[3] for row in rows if re.fullmatch(r"[A-G][0-9]+", row[0])}
    assert len(faults) == 24 + 22 + 11 + 12 + 11 + 10 + 16
    for fault, where in faults.items():
        named = re.findall(r"([\w/]+): ((?:`\w+\.py`(?:, )?)+)", where)
        files = [TESTS / folder / name for folder, some in named for name in some_files(some)]
        assert files or "not built yet" in where, fault
        for file in files:
            assert re.search(rf"def test_(\w+_)?{fault.lower()}_", file.read_text()), (fault, file)


def some_files(cell):
    return re.findall(r"`(\w+\.py)`", cell)
