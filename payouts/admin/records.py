"""Discrepancies, webhooks and desk events in the Admin: read-only, but for closing."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.models import DeskEvent
from payouts import operations
from payouts.admin.dossier import pretty, without_login
from payouts.admin.forms import CloseForm
from payouts.admin.lists import DeskAdmin
from payouts.admin.templatetags.payouts import ago
from payouts.models import Discrepancy, WebhookDelivery
from payouts.staff.pages import StaffRequest, actor_of, require


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
        return self.page(request, "payouts/discrepancy.html", str(found), discrepancy=found)

    def close(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, "payouts.close_discrepancy")
        found = self.find(object_id)

        def close(reason: str) -> str:
            operations.close_discrepancy(found, reason=reason, actor=actor_of(request))
            return _("Closed. It is kept with your name and your reason.")

        return self.ask(
            request,
            CloseForm(request.POST or None),
            close,
            template="payouts/close_discrepancy.html",
            title=_("Close this discrepancy?"),
            back=self.url("change", object_id),
            discrepancy=found,
        )

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

    @display(description=gettext_lazy("what Heleket sent"))
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
        fields = without_login(event.facts)
        return ", ".join(f"{name} {value}" for name, value in fields.items() if value) or "—"
