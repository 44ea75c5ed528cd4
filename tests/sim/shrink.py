"""Make a run that breaks a promise smaller: fewer faults first, then fewer steps."""

from tests.sim.run import Report, run


def shrink(report: Report) -> Report:
    """Return the smallest run found that breaks the same promise."""
    smallest = report
    for name in report.faults:
        without = frozenset({name, *smallest.without})
        smallest = smaller(smallest, run(report.seed, report.steps, without))
    while smallest.steps > 1:
        shorter = run(report.seed, smallest.steps * 3 // 4, smallest.without)
        if smaller(smallest, shorter) is smallest:
            break
        smallest = shorter
    return smallest


def smaller(known: Report, tried: Report) -> Report:
    return tried if tried.promise == known.promise else known
