"""Runs of the simulation. `pytest tests/sim --seed N` repeats one and prints it if it breaks."""

import json
import re
import subprocess
import sys

import pytest

from payouts.controls.models import PolicyVersion
from tests import policies
from tests.factories import ClientFactory
from tests.sim import bugs, database
from tests.sim.run import run
from tests.sim.shrink import shrink
from tests.sim.swarm import Swarm

pytestmark = pytest.mark.sim

WORDS = [
    *["requests", "edits", "APPROVE .* Approved", "REJECT .* Rejected"],
    *["HOLD .* hold", "RELEASE .* Released", "in the Admin: done"],
    *["CANCEL .* Cancelled", "RETRY .* approval", "send_now", "ask_now"],
    *["pauses sending", "resumes sending", "ends as", "tops up", "tampers", "account is off"],
    *["freezes", "the service is gone", "is killed", "commit fails", "reported as failed"],
    *["h ahead", "already used for another"],
    *["SEND_BACK .* Sent back", "ANSWER .* Answered", "has a date"],
    *["asks with key .: 201", "asks with key .: lost", "for something else: 422"],
    *["cancels: 200", r"reads \['payout"],
    *["pauses {'currency'", "pauses {'client_id'", "resumes {'network'", "the guard pauses"],
    *["the balances are read", r"goes before [0-9]", "the order of funds is strict"],
    *["waits for its wallet", r"\(TRON\): Approved", r"\): Archived"],
]
# What those who govern do, who are there in some seeds.
GOVERNORS = [
    *["drafts the policy", "puts version [3-9]", "withdraws a policy", "could never approve"],
    *["refused to confirm their own policy", "takes the right to approve from"],
    *["drafts that .* may approve", "(uma|ugo): confirms that", "(paula|pavel): confirms that"],
    *["refused to confirm what they drafted or gain: You", "confirm what .*: Nobody confirms"],
    *["withdraws what .* was to get", "a day goes by"],
    *["sent back: more_approvals", "sent back: blocked_by_rule", "sent back: held_by_rule"],
    *["sent back: not_looked_at", "sent back: approver_changed", "sent back: right_lost"],
    *["sent back: approval_expired", "waits: limit_reached", "waits: above_limit"],
    *["waits: undo_time", "set aside: held_by_rule", "may go: allowed_by_rule"],
]
# Seeds that are known to bring all of them about; most are run for their promises anyway.
TOGETHER = [4, 16, 17, 20, 22, 27, 70, 84, 91, 105, 131, 185, 209]
GOVERNED = [20, 46, 89, 107, 133, 152, 178]


def test_sim_every_promise_holds(block, ran):
    """A3, A4, A6, A14, B7, B8, B16, B21, F1, F6 and what nobody has thought of."""
    for seed in block:
        report = ran(seed)
        assert not report.broken, str(shrink(report))


def test_sim_the_same_seed_gives_the_same_trace(ran):
    once, other, again = ran(7), ran(8), run(7)
    assert once.digest == again.digest != other.digest
    assert once.acts == again.acts


def test_sim_a_fresh_process_gives_the_same_trace():
    """Nothing that stays in a process, of runs or of other tests, changes the course of a run."""
    run(8)
    ClientFactory.build_batch(3)
    database.sqlite_template.cache_clear()
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert f"trace {run(7).digest[:16]};" in done.stdout


def test_sim_begins_with_its_own_policy_whatever_the_process_has_for_a_first_one():
    """A judge that knows of no limits would find a wait for one without reason."""
    policies.begin_with(policies.STARTER)
    database.sqlite_migrated.cache_clear()
    database.sqlite_template.cache_clear()
    with database.fresh():
        [document] = PolicyVersion.objects.values_list("document", flat=True)
    assert json.loads(document) == policies.LENIENT


def test_sim_everybody_gets_something_done(ran):
    """A fault or an act that never comes about proves nothing."""
    assert not never_seen(WORDS, map(ran, [*TOGETHER, *range(1, 101)]))


def test_a21_g46_g63_sim_those_who_govern_get_something_done(ran):
    """Versions change while payouts are on their way, rights are given and taken; what that sends
    back, holds up or refuses comes about."""
    governed = (seed for seed in range(1, 401) if Swarm(seed).has_rules)
    assert not never_seen(GOVERNORS, map(ran, [*GOVERNED, *governed]))


def never_seen(words, reports):
    missing = set(words)
    for report in reports:
        trace = "\n".join(report.trace)
        missing = {each for each in missing if not re.search(each, trace)}
        if not missing:
            break
    return missing


@pytest.mark.parametrize("bug", bugs.FOUND_BY_RUNS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_sim_finds_a_planted_bug(bug):
    with bugs.plant(bug):
        found = next(each for each in map(run, [bug.seed, *range(1, 301)]) if each.broken)
    assert found.promise == bug.promise, found.broken


def test_sim_nothing_of_a_planted_bug_stays():
    [bug, *_others] = bugs.FOUND_BY_RUNS
    with bugs.plant(bug):
        assert run(bug.seed).broken
    assert not run(bug.seed).broken


def test_sim_a_patch_that_no_longer_fits_is_refused():
    lost = bugs.Bug("gone", "", "payouts.recording.is_paid", "no such text", "")
    with pytest.raises(ValueError, match="no longer fits"), bugs.plant(lost):
        pass


def test_sim_a_broken_run_is_shrunk_to_what_it_takes():
    small = shrunk("amounts through float")
    assert (small.promise, small.faults) == ("I15", {})


def test_sim_the_fault_that_it_takes_is_left():
    small = shrunk("answer not compared with what was sent")
    assert small.promise == "I15"
    assert "occupied" in small.faults
    assert len(small.faults) < 8


def shrunk(name):
    [bug] = [each for each in bugs.FOUND_BY_RUNS if each.name == name]
    with bugs.plant(bug):
        found = run(bug.seed, run(bug.seed).steps)  # no longer than it takes: each try runs on
        small = shrink(found)
        again = run(small.seed, small.asked, small.without, small.luck)
    assert again.digest == small.digest
    assert len(small.faults) < len(found.faults)
    return small
