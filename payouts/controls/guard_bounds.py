"""How much the guard puts up with before it pauses sending by itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GuardBounds:
    """`probes` that Heleket may refuse our key for, `discrepancies_per_hour` that are too many, and
    the `failures_in_a_row` that are still no trouble.

    Failures pause all sending only if they are of `clients_at_least` so many clients: else they may
    be one client's doing.
    """

    probes: int = 3
    discrepancies_per_hour: int = 3
    failures_in_a_row: int = 10
    clients_at_least: int = 3
    foreign_stops: bool = False  # whether a payout at Heleket that is none of ours pauses sending


BOUNDS = GuardBounds()


def in_force() -> GuardBounds:
    return BOUNDS
