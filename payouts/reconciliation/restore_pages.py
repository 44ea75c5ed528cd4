"""The page “Restore”: what is to be done after a backup was put back, by whom it was done, and what
is next."""

import time
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from audit.refusals import Refused
from payouts.admin.lists import DeskAdmin
from payouts.controls.models import OF_ALL, Switch
from payouts.controls.switch import SET_SENDING
from payouts.gateway import accounts, continuity
from payouts.models import Discrepancy
from payouts.reconciliation import restores
from payouts.reconciliation.confirmations import CONFIRMATIONS
from payouts.reconciliation.models import Restore
from payouts.staff.codes import StaffCode
from payouts.staff.forms import reason_field
from payouts.staff.pages import StaffRequest, actor_of, require

READ = "payouts_controls.view_switch"
AT_A_TIME = 20.0  # seconds in which a request goes on with the list


class BeginForm(forms.Form):
    reason = reason_field(gettext_lazy("Say what was put back, and of when the backup is."))


class SeenForm(forms.Form):
    """What was shown comes back: nobody confirms what they have not seen."""

    seen = forms.CharField(widget=forms.HiddenInput)


@admin.register(Restore)
class RestoreAdmin(DeskAdmin):
    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "payouts_reconciliation_restore"
        return [
            path("", view(self.show), name=f"{name}_changelist"),
            path("begin/", view(self.begin), name=f"{name}_begin"),
            path("confirm/", view(require_POST(self.confirm)), name=f"{name}_confirm"),
            path("withdraw/", view(require_POST(self.withdraw)), name=f"{name}_withdraw"),
            path("go-on/", view(require_POST(self.go_on)), name=f"{name}_act"),
            path("look/<slug:name>/", view(self.look), name=f"{name}_look"),
        ]

    def show(self, request: StaffRequest) -> HttpResponse:
        require(request, READ)
        restore, joint = restores.under_way(), restores.proposed()
        found = restores.items(restore) if restore else []
        foreign = Discrepancy.objects.open().filter(kind=Discrepancy.Kind.FOREIGN)
        context = {
            "switch": Switch.objects.get(pk=OF_ALL),
            "state": continuity.state(),
            "restore": restore,
            "joint": joint,
            "seen": restores.facts(),
            "is_own": joint is not None and joint.proposed_by_id == request.user.pk,
            "items": found,
            "left": sum(not each.done for each in found),
            "desk_left": [each for each in found if not (each.done or each.by_person)],
            "foreign": foreign.count(),
            "may_act": request.user.has_perm(SET_SENDING),
            "history": restores.history(),
        }
        return self.page(request, "restore/restore.html", _("Restore"), opts=None, **context)

    def begin(self, request: StaffRequest) -> HttpResponse:
        require(request, SET_SENDING)

        def begin(reason: str) -> str:
            restores.propose(reason=reason, actor=actor_of(request))
            return _("Sending is paused. Another person has to confirm it on this page.")

        return self.ask(
            request,
            BeginForm(request.POST or None),
            begin,
            template="restore/begin.html",
            title=_("Put a restore right?"),
            back=self.url("changelist"),
            opts=None,
        )

    def confirm(self, request: StaffRequest) -> HttpResponse:
        require(request, SET_SENDING)
        seen = request.POST.get("seen", "")
        return self.act(
            request, lambda: restores.confirm(self.joint_id(), seen=seen, actor=actor_of(request))
        )

    def joint_id(self) -> int:
        if (joint := restores.proposed()) is None:
            raise Refused(StaffCode.PROPOSAL_OVER)
        return joint.pk

    def withdraw(self, request: StaffRequest) -> HttpResponse:
        require(request, SET_SENDING)
        try:
            restores.withdraw(self.joint_id(), actor=actor_of(request))
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("changelist"))

    def go_on(self, request: StaffRequest) -> HttpResponse:
        require(request, SET_SENDING)
        return self.act(request, lambda: None)

    def act(self, request: StaffRequest, first: Any) -> HttpResponse:
        """Do something, then as much of the list as the time of one request allows."""
        actor, ends = actor_of(request), time.monotonic() + AT_A_TIME
        try:
            first()
            with accounts.at_heleket(actor) as (client, account):
                restores.go_on(
                    client, account, actor=actor, has_time=lambda: time.monotonic() < ends
                )
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("changelist"))

    def look(self, request: StaffRequest, name: str) -> HttpResponse:
        """Show how something stands, and let the person confirm that."""
        require(request, SET_SENDING)
        if name not in CONFIRMATIONS:
            raise Http404
        stands, item = restores.standing(name), CONFIRMATIONS[name]

        def confirm(seen: str) -> str:
            restores.confirm_step(name, seen=seen, actor=actor_of(request))
            return _("Confirmed. It is kept with your name and what you saw.")

        return self.ask(
            request,
            SeenForm(request.POST or None, initial={"seen": stands.digest}),
            confirm,
            template="restore/look.html",
            title=item.title,
            back=self.url("changelist"),
            opts=None,
            stands=stands,
            item=item,
            more=max(stands.count - len(stands.lines), 0) if name == "wallets" else 0,
            change_url=reverse(item.page),
        )
