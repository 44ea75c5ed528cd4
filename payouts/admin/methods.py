"""What Heleket pays, in the Admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from payouts.admin.lasting import LastingAdmin
from payouts.admin.lists import never
from wallets.amounts import format_amount
from wallets.coins import is_known, network_name
from wallets.models import PayoutMethod


@admin.register(PayoutMethod)
class PayoutMethodAdmin(LastingAdmin):
    """Heleket's price list; the job `sync_services` fills it."""

    change_form_template = "wallets/service.html"
    list_title = gettext_lazy("Services and fees")
    when_empty = gettext_lazy("No service was read from Heleket yet")
    list_display = ["coin", "state", "minimum", "maximum", "fee", "synced_at"]
    list_filter = ["is_available", "network"]
    search_fields = ["currency", "network"]
    list_before_template = "wallets/methods_hint.html"
    has_add_permission = has_change_permission = never

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        method = self.get_object(request, object_id)
        shown = ("minimum", "maximum", "fee")
        facts = {name: getattr(self, name)(method) for name in shown if method}
        context = {**(extra_context or {}), **facts}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @display(description=gettext_lazy("coin"), ordering="currency", header=True)
    def coin(self, method: PayoutMethod) -> tuple[str, str]:
        return method.currency, network_name(method.network)

    @display(description=gettext_lazy("state"), label={"yes": "success", "no": "danger"})
    def state(self, method: PayoutMethod) -> tuple[str, str]:
        if not is_known(method.network, method.currency):
            return "no", _("not known to this desk")
        return ("yes", _("available")) if method.is_available else ("no", _("not available"))

    @admin.display(description=gettext_lazy("minimum"), ordering="min_amount")
    def minimum(self, method: PayoutMethod) -> str:
        return f"{format_amount(method.min_amount)} {method.currency}"

    @admin.display(description=gettext_lazy("maximum"), ordering="max_amount")
    def maximum(self, method: PayoutMethod) -> str:
        return f"{format_amount(method.max_amount)} {method.currency}"

    @admin.display(description=gettext_lazy("fee"), ordering="fee_amount")
    def fee(self, method: PayoutMethod) -> str:
        fixed = f"{format_amount(method.fee_amount)} {method.currency}"
        return f"{fixed} + {format_amount(method.percent)} %" if method.percent else fixed
