"""Pages that stay fresh: each asks, while somebody looks at it, whether what it shows still is so.

An answer says what the page would show in one text (`state`), when that was, and in how many
seconds to ask again; 0 is never, as nothing moves any more.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from audit import clock
from payouts.admin import balances, queues
from payouts.explain import Explanation, explain
from payouts.models import Payout, PayoutStatus
from payouts.staff.pages import DeskPages, StaffRequest, require
from payouts.states import States

SOON, LATER = 5, 20  # seconds
MOVING = (PayoutStatus.APPROVED, PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)


class LivePages(DeskPages):
    def live_urls(self) -> list[URLPattern]:
        name, view = f"{self.opts.app_label}_{self.opts.model_name}", self.admin_site.admin_view
        return [
            path("live/", view(self.list_now), name=f"{name}_live"),
            path("<uuid:object_id>/live/", view(self.payout_now), name=f"{name}_live_one"),
        ]

    def list_now(self, request: StaffRequest) -> JsonResponse:
        require(request, "payouts.view_payout")
        tabs = queues.tabs(Payout.objects.all(), request.user, "")
        return JsonResponse(list_state(tabs))

    def payout_now(self, request: StaffRequest, object_id: UUID) -> JsonResponse:
        require(request, "payouts.view_payout")
        payout = get_object_or_404(Payout, pk=object_id)
        states = States.now(shows_balances=request.user.has_perm(balances.RIGHT))
        return JsonResponse(payout_state(payout, explain(payout, states)))


def list_state(tabs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The counts of the queues. They move by themselves while anything is under way."""
    counts = [f"{tab['name']} {tab.get('count', '')}" for tab in tabs]
    is_moving = Payout.objects.filter(status__in=MOVING).exists()
    return answer(counts, SOON if is_moving else 0)


def payout_state(payout: Payout, explained: Explanation) -> dict[str, Any]:
    shown = [payout.status, payout.last_event, explained.label, explained.sentence, explained.next]
    if payout.is_ended:
        return answer(shown, 0)
    return answer(shown, SOON if payout.status in MOVING else LATER)


def answer(shown: Iterable[object], again: int) -> dict[str, Any]:
    text = "\n".join(map(str, shown))
    at = date_format(localtime(clock.now()), "H:i:s")
    return {
        "state": hashlib.sha256(text.encode()).hexdigest()[:16],
        "again": again,
        "fresh": _("As of %s") % at,
    }
