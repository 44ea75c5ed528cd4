"""Faults by name that strike one payout, for developers of a portal who try out what it shows.

Each may be ordered before the payout comes, by its order id, or while it is here.
"""

from collections.abc import Callable
from typing import NamedTuple

from heleket.sandbox.merchant import Merchant


class Simulation(NamedTuple):
    """`is_of_create`: it meets the call that asks for the payout, and nothing after that."""

    begin: Callable[[Merchant, str], None]
    is_of_create: bool = False


def fault(name: str, rate: float | None = None) -> Callable[[Merchant, str], None]:
    """Order a fault once, however often this is asked for; it strikes once, or at a rate."""

    def begin(gateway: Merchant, order_id: str) -> None:
        if (name, order_id) not in [(each.name, each.order_id) for each in gateway.faults]:
            gateway.faults.add(name, order_id=order_id, rate=rate)

    return begin


def fate(name: str) -> Callable[[Merchant, str], None]:
    return lambda gateway, order_id: gateway.set_fate(name, order_id=order_id)


SIMULATIONS = {
    "lost_answer": Simulation(fault("commit_then_drop"), is_of_create=True),
    "short_of_funds": Simulation(fault("not_enough_funds"), is_of_create=True),
    "late_webhook": Simulation(fault("webhook_late", rate=1)),
    "double_webhook": Simulation(fault("webhook_duplicate", rate=1)),
    "stuck": Simulation(fate("stuck")),
    "failed_not_final": Simulation(fate("fail_then_paid")),
    "failed": Simulation(fate("final_fail")),
    "paid": Simulation(fate("paid")),
}


def simulate(gateway: Merchant, name: str, order_id: str) -> None:
    """Have a fault strike one payout. ValueError for an unknown one, and if it is too late."""
    if name not in SIMULATIONS:
        raise ValueError(f"no simulation is called {name!r}")
    begin, is_of_create = SIMULATIONS[name]
    with gateway.lock:
        known = gateway.find(order_id)
        if known and (known.is_final or is_of_create):
            raise ValueError("it is too late: the payout is here already, or final")
        begin(gateway, order_id)
