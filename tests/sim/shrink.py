"""Make a run that breaks a promise smaller: fewer faults first, then fewer steps."""

from itertools import islice

from tests.sim.run import Report, run

LUCKS = 3


def shrink(report: Report) -> Report:
    """Return the smallest run found that breaks the same promise.

    All faults are left out at once, then half of them, and so on down to each by itself. Without
    one the run takes another course, which may miss the promise by chance: each try has some more
    courses, and the time of a whole run.
    """
    smallest, size = report, len(report.faults)
    while size:
        faults = iter(smallest.faults)
        while some := frozenset(islice(faults, size)):
            smallest = try_without(smallest, smallest.without | some)
        size //= 2
    while smallest.steps > 1:
        steps = smallest.steps * 3 // 4
        shorter = run(smallest.seed, steps, smallest.without, smallest.luck)
        if shorter.promise != smallest.promise:
            break
        smallest = shorter
    return smallest


def try_without(known: Report, faults: frozenset[str]) -> Report:
    for luck in range(LUCKS):
        tried = run(known.seed, known.asked, faults, luck)
        if tried.promise == known.promise:
            return tried
    return known
