"""The Desk page: the switch, the account at Heleket, its pauses, and what waits."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Min, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from payouts import backlogs, heartbeats, submission
from payouts.admin import balances, rates
from payouts.admin.forms import StopForm, SwitchForm
from payouts.admin.lists import DeskAdmin
from payouts.admin.moment import moment_of
from payouts.controls import switch
from payouts.controls.models import OF_ALL, Scope, Switch
from payouts.controls.shortcomings import shortcomings
from payouts.gateway import continuity
from payouts.gateway.continuity import Continuity
from payouts.gateway.models import Binding, Pause
from payouts.models import Attempt, Payout, PayoutStatus, WaitingFor
from payouts.staff.pages import StaffRequest, actor_of, require
from payouts.states import States

COUNTED = 10_000
STOPS_SHOWN = 50
Question = Continuity.Question


@admin.register(Switch)
class SwitchAdmin(DeskAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.show), name="payouts_controls_switch_changelist"),
            path("set/", view(self.set_sending), name="payouts_controls_switch_set"),
            path("stop/", view(self.stop), name="payouts_controls_switch_stop"),
            path("<int:pk>/set/", view(self.set_sending), name="payouts_controls_switch_set_one"),
        ]

    def show(self, request: StaffRequest) -> HttpResponse:
        require(request, "payouts_controls.view_switch")
        may, states = request.user.has_perm, moment_of(request).states
        off = states.switches_off
        context = {
            "switch": states.switch,
            "stopped": with_calls_out(off[: STOPS_SHOWN + 1]),
            "more_stopped": max(len(off) - STOPS_SHOWN - 1, 0),
            "may_set": may("payouts_controls.set_sending"),
            "continuity": states.continuity,
            "gateway": Binding.objects.first() if may("payouts_gateway.view_binding") else None,
            "sees_gateway": may("payouts_gateway.view_binding"),
            "waits": what_waits(states),
            "backlogs": backlogs.REGISTERED,
            **(balances.of_the_desk(states) if may(balances.RIGHT) else {}),
            "worker": worker_seen(),
            "shortcomings": shortcomings(),
            "unsound_rates": rates.unsound() if may(rates.RIGHT) else [],
        }
        return self.page(request, "payouts/desk.html", _("Desk"), opts=None, **context)

    def set_sending(self, request: StaffRequest, pk: int = OF_ALL) -> HttpResponse:
        """Pause or resume, whichever the confirmation said."""
        require(request, "payouts_controls.set_sending")
        switch = get_object_or_404(Switch.objects.select_related("client"), pk=pk)
        shown = {"to": "paused" if switch.is_on else "on", "seen": str(switch.changed_at)}
        question = continuity.state().question if pk == OF_ALL and not switch.is_on else ""
        asks = question in (Question.GAP, Question.SERVER)
        form = SwitchForm(request.POST or None, initial=shown, asks=asks)
        return self.ask(
            request,
            form,
            partial(turn, scope=switch.scope, actor=actor_of(request)),
            template="payouts/set_sending.html",
            title=_("Pause sending?") if switch.is_on else _("Resume sending?"),
            back=self.url("changelist"),
            opts=None,
            switch=switch,
            is_in_doubt=bool(question),
        )

    def stop(self, request: StaffRequest) -> HttpResponse:
        """Pause sending of a coin, of a network, or of a coin on a network."""
        require(request, "payouts_controls.set_sending")

        def pause(network: str, currency: str, reason: str) -> str:
            scope = Scope(network, currency)
            return turn("paused", None, reason, scope=scope, actor=actor_of(request))

        return self.ask(
            request,
            StopForm(request.POST or None),
            pause,
            template="payouts/stop_sending.html",
            title=_("Pause a coin or a network?"),
            back=self.url("changelist"),
            opts=None,
        )


def turn(
    to: str,
    seen: str | None,
    reason: str,
    *,
    is_same_database: bool = False,
    scope: Scope,
    actor: Actor,
) -> str:
    """Set a switch, and return a sentence about what that means."""
    pause = to == "paused"
    switch.set_sending(
        not pause,
        reason=reason,
        actor=actor,
        scope=scope,
        seen=None if pause else seen,
        is_same_database=is_same_database,
    )
    row = Switch.objects.select_related("client").of(scope).first()
    if not pause:
        return _("Sending goes on.") if row is None or row.is_for_all else f"{row}."
    sentence = _("%(what)s: no new call starts. Still under way: %(count)d.")
    return sentence % {"what": row, "count": submission.calls_out(scope)}


def with_calls_out(switches: Sequence[Switch]) -> list[tuple[Switch, int]]:
    """Return with each how many calls that it came too late for are still under way."""
    if not switches:
        return []
    out = list(Payout.objects.filter(attempts__in=Attempt.objects.out()))
    return [(each, sum(map(each.scope.covers, out))) for each in switches]


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
