"""Runs of the simulation. `pytest tests/sim --seed N` repeats one and tells it if it breaks."""

import pytest

from tests.sim import bugs
from tests.sim.run import run
from tests.sim.shrink import shrink

pytestmark = pytest.mark.sim


def test_sim_every_promise_holds(block):
    """A3, A4, A6, A14, B7, B8, B16, B21, D12, F1, F6 and what nobody has thought of."""
    for seed in block:
        report = run(seed)
        assert not report.broken, str(shrink(report))


def test_sim_the_same_seed_gives_the_same_trace():
    once, again, other = run(7), run(7), run(8)
    assert once.digest == again.digest != other.digest
    assert once.acts == again.acts


@pytest.mark.parametrize("bug", bugs.FOUND_BY_RUNS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_sim_finds_a_planted_bug(bug):
    with bugs.plant(bug):
        assert any(run(seed).broken for seed in [bug.seed, *range(1, 301)])


def test_sim_a_patch_that_no_longer_fits_is_refused():
    lost = bugs.Bug("gone", "payouts.settlement.is_paid", "no such text", "")
    with pytest.raises(ValueError, match="no longer fits"), bugs.plant(lost):
        pass


def test_sim_a_broken_run_is_shrunk_to_what_it_takes():
    [bug] = [each for each in bugs.FOUND_BY_RUNS if each.name == "amounts through float"]
    with bugs.plant(bug):
        found = next(report for report in map(run, range(1, 301)) if report.broken)
        small = shrink(found)
    assert small.promise == found.promise == "I15"
    assert (len(small.faults), small.steps) < (len(found.faults), found.steps)
