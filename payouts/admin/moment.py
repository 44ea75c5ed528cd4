"""What a page goes by that holds up payouts at this moment: read once for each request.

The templates' tags import it, so it knows nothing of the theme, which renders templates itself
while it is imported.
"""

from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from payouts.gateway.models import Pause
from payouts.models import Effective, Payout, PayoutStatus, WaitingFor
from payouts.states import States

COUNTED = 1000  # a tab counts no further

# What these wait for does not come by itself.
STUCK = [
    *(WaitingFor.SERVICE, WaitingFor.WALLET, WaitingFor.LIMIT, WaitingFor.RATE),
    *(WaitingFor.APPROVALS, WaitingFor.DISCREPANCY),
]
# Pauses that end only if somebody does something.
FOR_PEOPLE = {
    *(Pause.Cause.FUNDS, Pause.Cause.FORBIDDEN),
    *(Pause.Cause.UNAUTHORIZED, Pause.Cause.UNKNOWN),
}


class Moment:
    """What holds up payouts at this moment: read once for a page."""

    def __init__(self) -> None:
        self.states = States.now()

    @cached_property
    def differing(self) -> list[Any]:
        """The ids of payouts that an open discrepancy is about: as an index serves a list, and no
        subquery beside an OR."""
        found = self.states.discrepancies.items()
        return [payout for payout, each in found if payout and each.closed_at is None]

    @cached_property
    def not_paid_after_all(self) -> list[Any]:
        """The ids of the few payouts whose client has no money, whatever their final status."""
        not_his = [Effective.NOT_PAID, Effective.ELSEWHERE]
        found = Payout.objects.filter(effective__in=not_his).order_by("-finished_at")
        return list(found.values_list("pk", flat=True)[:COUNTED])

    @property
    def stuck(self) -> Q:
        """Those that wait for an operator, or for whoever else runs the desk."""
        found = Q(
            status__in=[PayoutStatus.APPROVED, PayoutStatus.SUBMITTING], waiting_for__in=STUCK
        )
        found |= Q(pk__in=self.differing)
        pauses = [each for each in self.states.pauses if each.cause in FOR_PEOPLE]
        coins = sorted({each.currency for each in pauses})
        if not (self.states.switch.is_on and self.states.has_worker) or "" in coins:
            return found | Q(status=PayoutStatus.APPROVED)
        held_up = [Q(currency__in=coins)] if coins else []
        held_up += [Q(**each.scope.columns) for each in self.states.stopped]
        approved = Q(status=PayoutStatus.APPROVED)
        return found | (approved & reduce(or_, held_up)) if held_up else found


def moment_of(request: HttpRequest) -> Moment:
    kept = vars(request)
    if "desk_moment" not in kept:
        kept["desk_moment"] = Moment()
    found: Moment = kept["desk_moment"]
    return found
