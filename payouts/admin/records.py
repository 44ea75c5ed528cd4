"""Webhooks and desk events in the Admin: read-only."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field
from django.db.models import Model, OuterRef, QuerySet, Subquery, UUIDField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.models import DeskEvent
from payouts.admin import details
from payouts.admin.dossier import pretty
from payouts.admin.lists import DeskAdmin
from payouts.admin.search import of_number
from payouts.models import Attempt, Payout, WebhookDelivery


class RecordAdmin(DeskAdmin):
    """Rows that are only read: each on a page with a name and a value for each of its `fields`."""

    change_list_template = "payouts/records.html"
    change_form_template = "payouts/record.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        facts = {"facts": self.facts(row) if row else [], "back": self.url("changelist")}
        context = {**(extra_context or {}), **facts}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def facts(self, row: Model) -> list[tuple[str, Any]]:
        facts: list[tuple[str, Any]] = []
        for name in self.readonly_fields:
            field, _attribute, value = lookup_field(name, row, self)
            shown = display_for_field(value, field, "—") if field else value
            label = label_for_field(name, type(row), self, return_attr=False)
            facts.append((capfirst(label), shown))
        return facts


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(RecordAdmin):
    when_empty = gettext_lazy("No webhook of Heleket's has come yet")
    list_display = ["received_at", "payout", "says", "order_id", "outcome", "count", "repeated_at"]
    search_fields = ["order_id__exact"]
    search_help_text = gettext_lazy("A payout's number, or a whole order id")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    fields = readonly_fields = [
        "received_at",
        "payout",
        "says",
        "order_id",
        "outcome",
        "count",
        "repeated_at",
        "body_as_sent",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        """With the payout that each is about, found by the order id of one of its tries."""
        tries = Attempt.objects.filter(order_id=OuterRef("order_id"))
        rows: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return rows.annotate(
            about=Subquery(tries.values("payout")[:1], output_field=UUIDField()),
            number=Subquery(tries.values("payout__number")[:1]),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery], search_term: str
    ) -> tuple[QuerySet[WebhookDelivery], bool]:
        """Find those of all tries of a payout by its number."""
        if (named := of_number(search_term.strip())) is not None:
            tries = Attempt.objects.filter(payout__in=Payout.objects.filter(named))
            return queryset.filter(order_id__in=tries.values("order_id")), False
        found: tuple[QuerySet[WebhookDelivery], bool] = super().get_search_results(
            request, queryset, search_term
        )
        return found

    @display(description=gettext_lazy("payout"))
    def payout(self, delivery: Any) -> str:
        if delivery.number is None:
            return "—"
        url = reverse("admin:payouts_payout_change", args=[delivery.about])
        return format_html('<a class="link" href="{}">P-{}</a>', url, delivery.number)

    @display(description=gettext_lazy("Heleket's status"))
    def says(self, delivery: WebhookDelivery) -> str:
        said = json.loads(delivery.body)
        return str(said.get("status") or "—") if isinstance(said, dict) else "—"

    @display(description=gettext_lazy("what Heleket sent"))
    def body_as_sent(self, delivery: WebhookDelivery) -> str:
        return pretty(delivery.body)


@admin.register(DeskEvent)
class DeskEventAdmin(RecordAdmin):
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

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        details.name_subjects(changes.result_list)
        return changes

    def facts(self, row: Any) -> list[tuple[str, Any]]:
        details.name_subjects([row])
        return super().facts(row)

    @display(description=gettext_lazy("event"))
    def kind(self, event: DeskEvent) -> str:
        return event.title

    @display(description=gettext_lazy("who"))
    def who(self, event: DeskEvent) -> str:
        return event.who

    @display(description=gettext_lazy("reason"))
    def why(self, event: DeskEvent) -> str:
        return event.why.sentence

    @display(description=gettext_lazy("details"))
    def details(self, event: DeskEvent) -> str:
        said = details.in_words(event.facts)
        return "; ".join(f"{name}: {value}" for name, value in said.items()) or "—"
