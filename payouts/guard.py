"""The guard: it pauses sending by itself where what Heleket answers looks wrong, and says why.

It looks at what is stored, right after an answer that was recorded as a failure, a refusal or a
difference, and once a minute beside that. So nothing is lost with a process, and what was looked at
by a person counts no more: everything is counted from the last resume on.

Lock order: the stop lock is the first that a pause takes, so the guard acts only once the
transaction that recorded the answer is over.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Q

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.operations import Change
from payouts.codes import PayoutCode
from payouts.controls import policy, switch
from payouts.controls.codes import ControlsCode
from payouts.controls.models import ALL, OF_ALL, Scope, Switch
from payouts.gateway.models import Pause
from payouts.models import Attempt, Discrepancy, EventType, Payout, PayoutStatus, WebhookDelivery
from wallets import stops

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
LOOKS_BACK = timedelta(days=7)  # for failures in a row
MOST_FAILURES = 1000  # of which it looks at the newest
ALARMING = frozenset(
    {EventType.FAIL, EventType.DISCREPANCY, EventType.PUT_BACK, EventType.NOT_EXECUTED}
)
# What Heleket says of a payout itself. One that was released or ended by people is no failure.
FAILURES = (PayoutCode.REFUSED, PayoutCode.NOT_PAID, PayoutCode.CANCELLED_THERE)
# An answer that says nothing of a payout says nothing else of it either, and of a list that differs
# from the answer nothing is believed.
DIFFERENCES = ~Q(kind__in=[Discrepancy.Kind.UNCLEAR, Discrepancy.Kind.LISTED])


@dataclass(frozen=True)
class GuardBounds:
    """`probes` that Heleket may refuse our key for, `discrepancies_per_hour` that are too many, and
    the `failures_in_a_row` that are still no trouble.

    Failures pause all sending only if they are of `clients_at_least` so many clients: else they may
    be one client's doing.
    """

    probes: int
    discrepancies_per_hour: int
    failures_in_a_row: int
    clients_at_least: int = 3
    foreign_stops: bool = False  # whether a payout at Heleket that is none of ours pauses sending


Finding = tuple[Scope, Reason]


def bounds_in_force() -> GuardBounds:
    """Return what the policy says of the guard."""
    values = policy.values()
    return GuardBounds(
        probes=values.guard_probes,
        discrepancies_per_hour=values.guard_discrepancies,
        failures_in_a_row=values.guard_failures,
        foreign_stops=values.guard_foreign,
    )


def is_alarming(change: Change[Payout]) -> bool:
    return any(each.event_type in ALARMING for each in change.events)


def look_after_commit() -> None:
    """Have the guard look once what is recorded here is stored. Its own trouble is logged, and
    undoes nothing."""
    transaction.on_commit(look, robust=True)


def look() -> None:
    """Pause what has to be paused. In no transaction of the caller's."""
    if not any(findings()):
        return
    with transaction.atomic(durable=True):
        stops.overtake_claims()  # nobody resumes from here on: what is found now holds
        for scope, reason in findings():
            if switch.pull(scope, reason):
                logger.critical("%s", Switch.objects.of(scope).get())


def findings() -> Iterator[Finding]:
    """Find what should be paused that is not, and why. All, or else single clients."""
    found = Switch.objects.filter(Q(pk=OF_ALL) | Q(client__isnull=False)).order_by("pk")
    sending, *of_clients = found
    if not sending.is_on:
        return
    since, bounds = sending.changed_at, bounds_in_force()
    failures = Failures(since, of_clients, bounds)
    reason = of_key(bounds) or of_differences(since, bounds) or of_foreign(since, bounds)
    if reason := reason or failures.reason:
        yield ALL, reason
    else:
        yield from failures.of_single_clients()


def of_key(bounds: GuardBounds) -> Reason | None:
    """Whether Heleket goes on refusing our key. A probe that is not answered yet may end that; what
    was tried before the last resume is counted no more, see `breaker.begin_anew`."""
    refused = Pause.objects.filter(cause=Pause.Cause.UNAUTHORIZED, tries__gt=bounds.probes)
    if not refused.exists() or Attempt.objects.out().exists():
        return None
    return Reason(ControlsCode.GUARD_KEY, str(bounds.probes))


def of_differences(since: datetime | None, bounds: GuardBounds) -> Reason | None:
    opened = Discrepancy.objects.filter(DIFFERENCES, opened_at__gt=later(clock.now() - HOUR, since))
    count = opened.aggregate(count=Count("payout", distinct=True))["count"]
    enough = count >= bounds.discrepancies_per_hour
    return Reason(ControlsCode.GUARD_DIFFERENCES, str(count)) if enough else None


def of_foreign(since: datetime | None, bounds: GuardBounds) -> Reason | None:
    if not bounds.foreign_stops:
        return None
    after = later(clock.now() - HOUR, since)
    found = DeskEvent.objects.filter(event_type=DeskEvent.Type.FOREIGN, at__gt=after)
    first = found.order_by("number").first()
    named = first and (first.facts.get("order_id") or first.facts["uuid"])
    return Reason(ControlsCode.GUARD_FOREIGN, named) if named else None


def later(at: datetime, other: datetime | None) -> datetime:
    return max(at, other) if other else at


@dataclass(frozen=True)
class Failure:
    client_id: int
    place: tuple[str, str]
    at: datetime


class Failures:
    """The newest payouts that failed, but those of clients who are stopped already, and what a
    person has looked at since."""

    def __init__(
        self, since: datetime | None, of_clients: list[Switch], bounds: GuardBounds
    ) -> None:
        self.bounds = bounds
        switches = {each.client_id: each for each in of_clients}
        self.newest = [
            each
            for each in newest_failures(later(clock.now() - LOOKS_BACK, since))
            if counts(each, switches.get(each.client_id))
        ]

    @property
    def reason(self) -> Reason | None:
        """Why all sending has to pause, if it has to. One that fails again and again at the same
        address counts once, and whoever is stopped already not at all."""
        if len(self.newest) <= self.bounds.failures_in_a_row:
            return None
        paid = Payout.objects.filter(status=PayoutStatus.CONFIRMED)
        last = paid.order_by("-finished_at").values_list("finished_at", flat=True).first()
        row = [each for each in self.newest if last is None or each.at > last]
        count = len({(each.client_id, each.place) for each in row})
        enough = len({each.client_id for each in row}) >= self.bounds.clients_at_least
        if count <= self.bounds.failures_in_a_row or not enough:
            return None
        return Reason(ControlsCode.GUARD_FAILURES, str(count))

    def of_single_clients(self) -> Iterator[Finding]:
        """Find the clients whose own payouts fail, one after the other."""
        of_client: dict[int, list[datetime]] = defaultdict(list)
        for each in self.newest:
            of_client[each.client_id].append(each.at)
        many = {
            client: at
            for client, at in of_client.items()
            if len(at) > self.bounds.failures_in_a_row
        }
        if not many:
            return
        first = min(min(at) for at in many.values())
        paid = Payout.objects.filter(
            status=PayoutStatus.CONFIRMED, finished_at__gt=first, client__in=many
        )
        last = dict(paid.values_list("client").annotate(last=Max("finished_at")).order_by())
        for client, moments in sorted(many.items()):
            count = sum(client not in last or at > last[client] for at in moments)
            if count > self.bounds.failures_in_a_row:
                yield Scope(client_id=client), Reason(ControlsCode.GUARD_CLIENT, str(count))


def newest_failures(since: datetime) -> list[Failure]:
    failed = Payout.objects.filter(
        status=PayoutStatus.FAILED,
        finished_at__gt=since,
        reason_code__in=FAILURES,
        cancel_asked_at=None,
    )
    rows = failed.order_by("-finished_at").values_list(
        "client_id", "network", "address", "finished_at"
    )
    return [
        Failure(client, (network, address), at)
        for client, network, address, at in rows[:MOST_FAILURES]
        if at
    ]


def counts(failure: Failure, switch: Switch | None) -> bool:
    if switch is None or switch.changed_at is None:
        return True
    return switch.is_on and failure.at > switch.changed_at


def report_foreign(order_id: str) -> None:
    """Raise the alarm about a payout that Heleket announces and nobody here asked for, once.

    In the transaction that stores the webhook.
    """
    announced = WebhookDelivery.objects.filter(order_id=order_id, outcome="foreign")
    if order_id and announced[1:2].exists():
        return
    logger.critical("Heleket has a payout that is none of ours: %r", order_id)
    log_event(DeskEvent.Type.FOREIGN, actor=Actor.system(Channel.WEBHOOK), order_id=order_id)
    look_after_commit()
