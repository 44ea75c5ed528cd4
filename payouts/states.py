"""What holds up payouts of all kinds at this moment: sending, pauses, workers, discrepancies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db.models import F

from payouts import heartbeats
from payouts.controls.models import Switch
from payouts.gateway import continuity
from payouts.gateway.models import Continuity, Pause, RateLimit
from payouts.models import Discrepancy, Payout


@dataclass(frozen=True)
class States:
    """Read once, used for many rows. Sentences name balances if `shows_balances`: not everybody may
    see them."""

    switch: Switch
    stopped: tuple[Switch, ...]  # what is off of less than all
    pauses: tuple[Pause, ...]
    rate_limit: RateLimit
    shows_balances: bool = False

    @classmethod
    def now(cls, *, shows_balances: bool = False) -> "States":
        pauses = tuple(Pause.objects.order_by("since"))
        switch, *stopped = Switch.objects.that_matter().select_related("client", "changed_by")
        rate_limit = RateLimit.objects.get(pk=1)
        return cls(switch, tuple(stopped), pauses, rate_limit, shows_balances)

    # Read when a sentence needs them.

    @cached_property
    def discrepancies(self) -> Mapping[UUID | None, Discrepancy]:
        """Open ones and those left stopped: few, by their payout. Of several that of one payout
        stands which is open, a critical one before all."""
        standing = Discrepancy.objects.standing().select_related("closed_by")
        worst_last = standing.order_by(F("closed_at").desc(nulls_last=True), "is_critical", "-pk")
        return {each.payout_id: each for each in worst_last}

    @cached_property
    def continuity(self) -> Continuity:
        return continuity.state()

    @cached_property
    def worker_seen_at(self) -> datetime | None:
        return heartbeats.last_seen()

    @property
    def has_worker(self) -> bool:
        return heartbeats.is_recent(self.worker_seen_at)

    @property
    def switches_off(self) -> tuple[Switch, ...]:
        return self.stopped if self.switch.is_on else (self.switch, *self.stopped)

    def stop_of(self, payout: Payout) -> Switch | None:
        """Return the switch that keeps it from being sent, that of the whole desk before others."""
        return next((each for each in self.switches_off if each.scope.covers(payout)), None)

    def pause_for(self, payout: Payout) -> Pause | None:
        theirs = (each for each in self.pauses if each.currency in ("", payout.currency))
        return next(theirs, None)
