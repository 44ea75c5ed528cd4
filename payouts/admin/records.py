"""Discrepancies, webhooks and desk events in the Admin: read-only, but for closing."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.models import DeskEvent
from audit.refusals import Refused
from payouts import operations
from payouts.admin.dossier import pretty, without_login
from payouts.admin.forms import CloseForm
from payouts.admin.frame import DeskAdmin, require
from payouts.admin.templatetags.payouts import ago
from payouts.models import Discrepancy, WebhookDelivery
from payouts.staff.pages import StaffRequest, actor_of


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("closed", _("Closed"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in ("open", "closed"):
            return queryset.filter(closed_at__isnull=self.value() == "open")
        return queryset


@admin.register(Discrepancy)
class DiscrepancyAdmin(DeskAdmin):
    change_list_template = "payouts/records.html"
    when_empty = gettext_lazy("Heleket and the desk agree about everything")
    list_display = ["kind", "severity", "state", "of_payout", "age", "ours", "theirs"]
    list_filter = [OpenFilter, "kind"]
    list_select_related = ["payout", "closed_by"]
    ordering = [F("closed_at").desc(nulls_first=True), "-is_critical", "opened_at"]
    sortable_by: list[str] = []

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"payouts_discrepancy_{name}")

        return [
            page("", self.changelist_view, "changelist"),
            page("<int:object_id>/", self.show, "change"),
            page("<int:object_id>/close/", self.close, "close"),
        ]

    def show(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, "payouts.view_discrepancy")
        found = self.find(object_id)
        return self.page(request, "discrepancy", str(found), discrepancy=found)

    def close(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, "payouts.close_discrepancy")
        found, form = self.find(object_id), CloseForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                operations.close_discrepancy(found, **form.cleaned_data, actor=actor_of(request))
            except Refused as exc:
                form.add_error(None, str(exc))
            else:
                messages.success(request, _("Closed. It is kept with your name and your reason."))
                return redirect("admin:payouts_discrepancy_change", object_id)
        title = _("Close this discrepancy?")
        return self.page(request, "close_discrepancy", title, discrepancy=found, form=form)

    def find(self, object_id: int) -> Discrepancy:
        known = Discrepancy.objects.select_related("payout__client", "attempt", "closed_by")
        return get_object_or_404(known, pk=object_id)

    @display(description=gettext_lazy("severity"), label={"critical": "danger", "other": None})
    def severity(self, found: Discrepancy) -> tuple[str, str]:
        return ("critical", _("critical")) if found.is_critical else ("other", _("to look at"))

    @display(description=gettext_lazy("state"), label={"open": "warning", "closed": "success"})
    def state(self, found: Discrepancy) -> tuple[str, str]:
        return ("closed", _("closed")) if found.closed_at else ("open", _("open"))

    @display(description=gettext_lazy("payout"))
    def of_payout(self, found: Discrepancy) -> str:
        return str(found.payout or "—")

    @display(description=gettext_lazy("age"))
    def age(self, found: Discrepancy) -> str:
        return ago(found.opened_at)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(DeskAdmin):
    change_list_template = "payouts/records.html"
    when_empty = gettext_lazy("No webhook of Heleket's has come yet")
    list_display = ["received_at", "order_id", "outcome", "count", "repeated_at"]
    search_fields = ["order_id__exact"]
    search_help_text = gettext_lazy("A whole order id")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    fields = readonly_fields = [
        "received_at",
        "order_id",
        "outcome",
        "count",
        "repeated_at",
        "body_as_sent",
    ]

    @display(description=gettext_lazy("what Heleket told"))
    def body_as_sent(self, delivery: WebhookDelivery) -> str:
        return pretty(delivery.body)


@admin.register(DeskEvent)
class DeskEventAdmin(DeskAdmin):
    change_list_template = "payouts/records.html"
    when_empty = gettext_lazy("Nothing has happened yet")
    list_display = ["number", "at", "kind", "who", "channel", "why", "details"]
    list_filter = ["channel"]
    list_select_related = ["person"]
    ordering = ["-number"]
    sortable_by: list[str] = []
    fields = readonly_fields = [
        "number",
        "at",
        "kind",
        "who",
        "channel",
        "why",
        "details",
        "hash",
    ]

    @display(description=gettext_lazy("event"))
    def kind(self, event: DeskEvent) -> str:
        return str(dict(DeskEvent.Type.choices).get(event.event_type, event.event_type))

    @display(description=gettext_lazy("who"))
    def who(self, event: DeskEvent) -> str:
        return event.who

    @display(description=gettext_lazy("reason"))
    def why(self, event: DeskEvent) -> str:
        return event.why.sentence

    @display(description=gettext_lazy("details"))
    def details(self, event: DeskEvent) -> str:
        told = without_login(event.facts)
        return ", ".join(f"{name} {value}" for name, value in told.items() if value) or "—"
