"""Webhooks and desk events in the Admin: read-only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.models import DeskEvent
from payouts.admin import details
from payouts.admin.dossier import pretty
from payouts.admin.lists import DeskAdmin
from payouts.models import WebhookDelivery


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
        said = details.in_words(event.facts)
        return "; ".join(f"{name}: {value}" for name, value in said.items()) or "—"
