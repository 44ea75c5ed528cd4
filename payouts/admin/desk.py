"""The Desk page: the switch, the account at Heleket, its pauses, and what waits."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Min, Q
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from payouts import backlogs, heartbeats, submission
from payouts.admin import balances
from payouts.admin.forms import SwitchForm
from payouts.admin.lists import DeskAdmin
from payouts.admin.moment import moment_of
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.controls.shortcomings import shortcomings
from payouts.gateway.models import Binding, Pause
from payouts.models import Payout, PayoutStatus, WaitingFor
from payouts.staff.pages import StaffRequest, actor_of, require
from payouts.states import States

COUNTED = 10_000


@admin.register(Switch)
class SwitchAdmin(DeskAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.show), name="payouts_controls_switch_changelist"),
            path("set/", view(self.set_sending), name="payouts_controls_switch_set"),
        ]

    def show(self, request: StaffRequest) -> HttpResponse:
        require(request, "payouts_controls.view_switch")
        may, states = request.user.has_perm, moment_of(request).states
        context = {
            "switch": Switch.objects.select_related("changed_by").get(pk=1),
            "may_set": may("payouts_controls.set_sending"),
            "gateway": Binding.objects.first() if may("payouts_gateway.view_binding") else None,
            "sees_gateway": may("payouts_gateway.view_binding"),
            "waits": what_waits(states),
            "backlogs": backlogs.REGISTERED,
            **(balances.of_the_desk(states) if may(balances.RIGHT) else {}),
            "worker": worker_seen(),
            "shortcomings": shortcomings(),
        }
        return self.page(request, "payouts/desk.html", _("Desk"), opts=None, **context)

    def set_sending(self, request: StaffRequest) -> HttpResponse:
        """Pause or resume, whichever the confirmation said."""
        require(request, "payouts_controls.set_sending")
        switch = Switch.objects.get(pk=1)
        shown = {"to": "paused" if switch.is_on else "on", "seen": str(switch.changed_at)}
        form = SwitchForm(request.POST or None, initial=shown)
        return self.ask(
            request,
            form,
            partial(turn, actor=actor_of(request)),
            template="payouts/set_sending.html",
            title=_("Pause sending?") if switch.is_on else _("Resume sending?"),
            back=self.url("changelist"),
            opts=None,
            switch=switch,
        )


def turn(to: str, seen: str, reason: str, *, actor: Actor) -> str:
    """Set the switch, and return a sentence about what that means."""
    pause = to == "paused"
    switch.set_sending(not pause, reason=reason, actor=actor, seen=None if pause else seen)
    if not pause:
        return _("Sending goes on.")
    sentence = _("Sending is paused: no new call starts. Still under way: %d.")
    return sentence % submission.calls_out()


def worker_seen() -> str:
    """Say when a worker was last at work. Of one that is missing every page tells."""
    seen_at = heartbeats.last_seen()
    if seen_at is None or not heartbeats.is_recent(seen_at):
        return ""
    seconds = max((clock.now() - seen_at).total_seconds(), 0)
    return _("Worker seen %d s ago.") % seconds


def what_waits(states: States) -> list[dict[str, Any]]:
    """Count what the worker has before it, and how long the oldest of each has waited."""
    due = Payout.objects.sendable().due(clock.now())
    short = [each.currency for each in states.pauses if each.cause == Pause.Cause.FUNDS]
    is_stopped = Q(waiting_for=WaitingFor.DISCREPANCY)
    going = Payout.objects.exclude(is_stopped)
    differing = Payout.objects.filter(pk__in=[each for each in states.discrepancies if each])
    lots = [
        (_("Due to be sent"), due.exclude(currency__in=short)),
        (_("Wait for funds"), due.filter(currency__in=short)),
        (_("Due to be asked about"), going.askable().due(clock.now())),
        (_("Sent, answer not known"), going.filter(status=PayoutStatus.SUBMITTING)),
        (_("At Heleket, no final word"), going.filter(status=PayoutStatus.BROADCAST)),
        (_("Stopped by a discrepancy"), differing.filter(is_stopped)),
        (_("Wait for approval"), Payout.objects.filter(status=PayoutStatus.PENDING)),
    ]
    return [
        {
            "title": title,
            "count": lot.order_by()[:COUNTED].count(),
            "oldest": lot.order_by()[:COUNTED].aggregate(at=Min("waiting_since"))["at"],
        }
        for title, lot in lots
    ]
