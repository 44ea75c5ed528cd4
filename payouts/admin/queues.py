"""The queues of the list of payouts, for each person those that need them."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RadioFilter

from payouts.models import Discrepancy, PayoutQuerySet, PayoutStatus
from payouts.staff.pages import StaffRequest

COUNTED = 1000  # a tab counts no further

Status = PayoutStatus
Queue = Callable[[PayoutQuerySet, User], PayoutQuerySet]

QUEUES: dict[str, tuple[Any, Queue]] = {
    "mine": (
        gettext_lazy("Needs my approval"),
        lambda payouts, person: payouts.pending().exclude(makers__person=person),
    ),
    "waiting": (
        gettext_lazy("Waits for somebody"),
        lambda payouts, _person: payouts.filter(status__in=[Status.PENDING, Status.HELD]),
    ),
    "under_way": (
        gettext_lazy("Under way"),
        lambda payouts, _person: payouts.filter(
            status__in=[Status.APPROVED, Status.SUBMITTING, Status.BROADCAST]
        ),
    ),
    "not_paid": (
        gettext_lazy("Not paid"),
        lambda payouts, _person: payouts.filter(status=Status.FAILED),
    ),
    "discrepancy": (
        gettext_lazy("Discrepancies"),
        lambda payouts, _person: payouts.filter(
            pk__in=Discrepancy.objects.filter(closed_at=None).values("payout")
        ),
    ),
}


def tabs(payouts: PayoutQuerySet, person: User, chosen: str) -> list[dict[str, Any]]:
    """Return the queues of a person with counts that stop early, and last the list of all."""
    shown = []
    for name, (title, queue) in QUEUES.items():
        if name == "mine" and not person.has_perm("payouts.approve_payout"):
            continue
        count = queue(payouts, person).order_by()[: COUNTED + 1].count()
        label = f"{COUNTED:,}+" if count > COUNTED else str(count)
        shown.append({"name": name, "title": title, "count": label, "is_empty": not count})
    shown.append({"name": "", "title": _("All")})
    return [{**tab, "is_chosen": tab["name"] == chosen} for tab in shown]


class QueueFilter(RadioFilter):
    title = gettext_lazy("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, title) for name, (title, _queue) in QUEUES.items()]

    def queryset(self, request: StaffRequest, queryset: PayoutQuerySet) -> PayoutQuerySet:
        if self.value() not in QUEUES:
            return queryset
        _title, queue = QUEUES[self.value()]
        return queue(queryset, request.user)
