"""The drawn state machine is the one in the code, and nothing else moves a status."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from payouts.models import Payout, PayoutStatus
from tests.payouts.invariants import ARROWS


def transitions():
    return Payout._meta.get_field("status").get_all_transitions(Payout)


def test_the_transitions_of_the_code_are_the_drawn_ones():
    in_code = {(str(each.source), each.name, str(each.target)) for each in transitions()}
    drawn = {
        (before, act, target) for before, acts in ARROWS.items() for act, target in acts.items()
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


def test_the_list_of_faults_names_all_files_with_tests_called_after_each():
    lines = (TESTS.parent / "docs" / "faults.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    listed = [(row[0], row[3]) for row in rows if re.fullmatch(r"[A-G][0-9]+", row[0])]
    faults = dict(listed)
    assert len(faults) == len(listed)
    assert len(faults) == 24 + 22 + 11 + 12 + 11 + 10 + 79
    tested = files_by_fault()
    assert tested.keys() <= faults.keys()
    for fault, where in faults.items():
        assert named_files(where) == tested[fault], fault
        assert tested[fault] or "not built yet" in where, fault


def named_files(cell):
    folders = re.findall(r"([\w/]+): ((?:`\w+\.py`(?:, )?)+)", cell)
    return {f"{folder}/{name}" for folder, some in folders for name in re.findall(r"\w+\.py", some)}


def files_by_fault():
    files = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        for ids in re.findall(r"def test_((?:[a-g]\d+_)+)", file.read_text()):
            for fault in ids.split("_")[:-1]:
                files[fault.upper()].add(str(file.relative_to(TESTS)))
    return files
