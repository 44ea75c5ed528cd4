"""The queues of the list of payouts: for each person those that need them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display

from audit import clock
from payouts.admin.moment import COUNTED, FOR_PEOPLE, Moment, moment_of
from payouts.explain import what_it_waits_for
from payouts.models import (
    Approval,
    Effective,
    Payout,
    PayoutQuerySet,
    PayoutStatus,
    WaitingFor,
)
from payouts.staff.pages import StaffRequest

NEWS = timedelta(days=30)  # so long a payout that failed stays in its requester's queue

WITH_WHOM = ("waiting", "operator")  # queues whose list says for whom each payout waits

Status = PayoutStatus


@dataclass(frozen=True)
class Queue:
    """`right` is that of the people whom the queue needs; without one it is everybody's who may
    see it. Who sees what is said of payouts sees those of others, too."""

    title: Any
    rows: Callable[[PayoutQuerySet, User, Moment], PayoutQuerySet]
    right: str = ""
    empty: Any = ""
    seen_with: str = ""  # another right, without which nobody sees it

    def is_for(self, person: User) -> bool:
        return all(person.has_perm(right) for right in (self.right, self.seen_with) if right)

    def is_seen_by(self, person: User) -> bool:
        return self.is_for(person) or person.has_perm("payouts.view_flags")


def mine(payouts: PayoutQuerySet, person: User, _moment: Moment) -> PayoutQuerySet:
    """What one may approve: nothing that one made, nor has approved and waits for another."""
    decided = Approval.objects.standing().filter(payout=OuterRef("pk"), person=person)
    return payouts.awaiting_approval().exclude(makers__person=person).exclude(Exists(decided))


def own(payouts: PayoutQuerySet, person: User, _moment: Moment) -> PayoutQuerySet:
    """What came back to its requester: with a question, on hold, or not paid in the end."""
    lately = Q(status__in=[Status.FAILED, Status.REJECTED], finished_at__gte=clock.now() - NEWS)
    asked = Q(status=Status.PENDING, waiting_for=WaitingFor.ANSWER_OF_REQUESTER)
    came_back = payouts.filter(lately | asked | Q(status=Status.HELD), requested_by=person)
    return came_back.exclude(effective=Effective.PAID)


def stuck(payouts: PayoutQuerySet, _person: User, moment: Moment) -> PayoutQuerySet:
    return payouts.filter(moment.stuck)


def waiting(payouts: PayoutQuerySet, person: User, moment: Moment) -> PayoutQuerySet:
    undecided = Q(status__in=[Status.PENDING, Status.HELD])
    sees_stuck = person.has_perm("payouts.view_flags")
    return payouts.filter(undecided | moment.stuck if sees_stuck else undecided)


def under_way(payouts: PayoutQuerySet, _person: User, _moment: Moment) -> PayoutQuerySet:
    return payouts.filter(status__in=[Status.APPROVED, Status.SUBMITTING, Status.BROADCAST])


def not_paid(payouts: PayoutQuerySet, _person: User, moment: Moment) -> PayoutQuerySet:
    """Without an OR the count ends early: it reads no further than it counts."""
    by_status = Q(effective="", status=Status.FAILED)
    after_all = moment.not_paid_after_all
    return payouts.filter(by_status | Q(pk__in=after_all) if after_all else by_status)


def differing(payouts: PayoutQuerySet, _person: User, moment: Moment) -> PayoutQuerySet:
    return payouts.filter(pk__in=moment.differing)


# In the order in which a person who has many roles should look at them.
QUEUES = {
    "mine": Queue(
        gettext_lazy("Needs my approval"),
        mine,
        right="payouts.approve_payout",
        empty=gettext_lazy("Nothing waits for your approval."),
    ),
    "operator": Queue(
        gettext_lazy("Needs an operator"),
        stuck,
        right="payouts.send_payout",
        seen_with="payouts.view_flags",
        empty=gettext_lazy("Nothing is stuck: what is approved goes out by itself."),
    ),
    "own": Queue(
        gettext_lazy("Back to me"),
        own,
        right="payouts.add_payout",
        empty=gettext_lazy("Nothing that you requested came back to you."),
    ),
    "waiting": Queue(
        gettext_lazy("Waits for somebody"),
        waiting,
        empty=gettext_lazy("No payout waits for a person."),
    ),
    "under_way": Queue(gettext_lazy("Under way"), under_way),
    "not_paid": Queue(gettext_lazy("Not paid"), not_paid),
    "discrepancy": Queue(
        gettext_lazy("Discrepancies"),
        differing,
        empty=gettext_lazy("Heleket and the desk agree about every payout."),
        seen_with="payouts.view_flags",
    ),
}


def queues_of(person: User) -> dict[str, Queue]:
    return {name: queue for name, queue in QUEUES.items() if queue.is_for(person)}


def count_of(payouts: PayoutQuerySet, queue: Queue, person: User, moment: Moment) -> int:
    """Count as far as anybody wants to know."""
    return queue.rows(payouts, person, moment).order_by()[: COUNTED + 1].count()


def tabs(
    payouts: PayoutQuerySet, person: User, chosen: str, moment: Moment | None = None
) -> list[dict[str, Any]]:
    """Return the queues of a person with counts that stop early, and last the list of all."""
    moment, shown = moment or Moment(), []
    for name, queue in queues_of(person).items():
        count = count_of(payouts, queue, person, moment)
        label = f"{COUNTED:,}+" if count > COUNTED else str(count)
        shown.append({"name": name, "title": queue.title, "count": label, "is_empty": not count})
    shown.append({"name": "", "title": _("All")})
    return [{**tab, "is_chosen": tab["name"] == chosen} for tab in shown]


def first_queue(person: User, moment: Moment) -> str:
    """Name the queue that needs a person most: their first with anything in it, or what waits for
    others, where they have none."""
    own = [name for name, queue in queues_of(person).items() if queue.right]
    payouts = Payout.objects.all()
    filled = (name for name in own if count_of(payouts, QUEUES[name], person, moment))
    return next(filled, own[0] if own else "waiting")


class QueueFilter(RadioFilter):
    title = gettext_lazy("queue")
    parameter_name = "queue"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, queue.title) for name, queue in queues_of(request.user).items()]

    def queryset(self, request: StaffRequest, queryset: PayoutQuerySet) -> PayoutQuerySet:
        queue = QUEUES.get(self.value() or "")
        if queue is None:
            return queryset
        if not queue.is_seen_by(request.user):
            return queryset.none()
        return queue.rows(queryset, request.user, moment_of(request))


# Whom a payout waits for


def whom_column(request: HttpRequest) -> Any:
    """Return the column that says for whom payouts wait, as they do at this moment."""

    @display(description=gettext_lazy("for whom"))
    def whom(payout: Payout) -> str:
        return whom_it_waits_for(payout, moment_of(request)) or "—"

    return whom


def whom_it_waits_for(payout: Payout, moment: Moment) -> str:
    if payout.pk in moment.differing:
        return _("an operator")
    if payout.is_ended:
        return ""
    waits_for = what_it_waits_for(payout, moment.states)
    if waits_for == WaitingFor.APPROVALS and payout.status != Status.PENDING:
        return _("an operator")  # its records are not what people did
    if waits_for == WaitingFor.WALLET and payout.status == Status.PENDING:
        return _("an approver of its wallet")
    if waits_for == WaitingFor.WORKER and not moment.states.has_worker:
        return _("whoever runs the worker")
    if waits_for == WaitingFor.GATEWAY:
        pause = moment.states.pause_for(payout)
        return _("the owner of the Heleket account") if pause and pause.cause in FOR_PEOPLE else ""
    return str(WHOM.get(waits_for, ""))


WHOM: dict[str, Any] = {
    WaitingFor.ANSWER_OF_REQUESTER: gettext_lazy("its requester"),
    WaitingFor.APPROVALS: gettext_lazy("an approver"),
    WaitingFor.RELEASE: gettext_lazy("an approver"),
    WaitingFor.FUNDS: gettext_lazy("the treasury"),
    WaitingFor.SWITCH: gettext_lazy("an operator"),
    WaitingFor.SERVICE: gettext_lazy("an operator"),
    WaitingFor.WALLET: gettext_lazy("an operator"),
    WaitingFor.LIMIT: gettext_lazy("an operator"),
    WaitingFor.RATE: gettext_lazy("an operator"),
    WaitingFor.DISCREPANCY: gettext_lazy("an operator"),
}
