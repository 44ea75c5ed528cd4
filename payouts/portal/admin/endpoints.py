"""Webhook endpoints in the Admin: where the desk reports what changed, and what came of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from audit.codes import Reason
from audit.refusals import Refused
from payouts.admin.lists import DeskAdmin
from payouts.portal.admin.choices import with_names
from payouts.portal.admin.clients import ClientField
from payouts.portal.event_types import EVENT_TYPES, type_of
from payouts.portal.models import Delivery, WebhookEndpoint
from payouts.portal.webhooks import deliveries, endpoints
from payouts.portal.webhooks.endpoints import RIGHT
from payouts.portal.webhooks.receivers import checked_url
from payouts.staff.forms import NothingAsked, reason_field, text_field
from payouts.staff.pages import ID, StaffRequest, actor_of, require

SHOWN = 50  # of the log; the API leads through all of it
TONES = {"active": "success", "failing": "warning", "stopped": "danger"}


class EndpointForm(forms.Form):
    url = text_field(
        gettext_lazy("Address"),
        500,
        help_text=gettext_lazy("Where webhooks are posted, like https://portal.example/webhooks."),
    )
    name = text_field(gettext_lazy("Name"), 64, required=False)
    client = ClientField(
        gettext_lazy(
            "The external id of the one client that it hears of. Leave it empty for the portal "
            "itself, which hears of all clients."
        )
    )
    event_types = forms.MultipleChoiceField(
        label=gettext_lazy("What it hears of a payout"),
        choices=with_names(EVENT_TYPES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all of it."),
    )


class StopForm(forms.Form):
    reason = reason_field(gettext_lazy("Say why. It is kept for ever."))


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(DeskAdmin):
    change_list_template = "payouts/lasting.html"
    when_empty = gettext_lazy("No webhooks are sent yet")
    add_words = gettext_lazy("Add a webhook endpoint")
    show_add_link = False  # the list has a button in words
    list_display = ["called", "url", "whose", "shown_state", "created_at"]
    ordering = ["-created_at", "-pk"]
    sortable_by: list[str] = []

    def has_add_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        return request.user.has_perm(RIGHT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        rows: Any = super().get_queryset(request)
        present: QuerySet[WebhookEndpoint] = rows.present().select_related("client")
        return present

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "payouts_portal_webhookendpoint"
        return [
            path("<uuid:pk>/stop/", view(self.stop_view), name=f"{name}_stop"),
            path("<uuid:pk>/remove/", view(self.remove_view), name=f"{name}_remove"),
            path("<uuid:pk>/rotate/", view(self.rotate_view), name=f"{name}_rotate"),
            path("<uuid:pk>/resume/", view(require_POST(self.resume_view)), name=f"{name}_resume"),
            path("<uuid:pk>/secret/", view(require_POST(self.secret_view)), name=f"{name}_secret"),
            path("<uuid:pk>/redeliver/", view(require_POST(self.again_view)), name=f"{name}_again"),
            *super().get_urls(),
        ]

    def add_view(self, request: Any, *_args: Any, **_kwargs: Any) -> HttpResponse:
        require(request, RIGHT)
        form = EndpointForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                row = add(**form.cleaned_data, actor=actor_of(request))
            except Refused as exc:
                form.add_error(None, str(exc))
            else:
                messages.success(request, _("Webhooks are sent to %s from now on.") % row)
                return redirect(self.url("change", row.pk))
        back, title = self.url("changelist"), _("Add a webhook endpoint")
        return self.page(request, "portal/add_endpoint.html", title, form=form, back=back)

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            return HttpResponse(status=404)
        log = row.deliveries.select_related("event", "payout").order_by("-event")
        return self.page(
            request,
            "portal/endpoint.html",
            str(row),
            endpoint=row,
            state=state_of(row),
            tone=TONES[row.state],
            stopped_why=Reason(row.stop_code).sentence,
            event_types=[(name, EVENT_TYPES[name]) for name in row.event_types],
            is_old_one_good=endpoints.is_old_one_good(row),
            log=[(each, type_of(each.event.status), came_of(each)) for each in log[:SHOWN]],
            waiting=row.deliveries.filter(state=Delivery.State.WAITING).count(),
            shown=SHOWN,
            may_set=request.user.has_perm(RIGHT),
            back=self.url("changelist"),
        )

    def stop_view(self, request: StaffRequest, pk: UUID) -> HttpResponse:
        def stop(reason: str) -> str:
            endpoints.change_endpoint(pk, is_active=False, reason=reason, actor=actor_of(request))
            return str(_("Nothing is sent to it any more until it is resumed."))

        return self.act(request, pk, StopForm, stop, "stop", _("Stop this webhook endpoint?"))

    def remove_view(self, request: StaffRequest, pk: UUID) -> HttpResponse:
        def remove(reason: str) -> str:
            endpoints.remove_endpoint(pk, reason=reason, actor=actor_of(request))
            return str(_("The webhook endpoint is removed."))

        title, back = _("Remove this webhook endpoint?"), self.url("changelist")
        return self.act(request, pk, StopForm, remove, "remove", title, back)

    def rotate_view(self, request: StaffRequest, pk: UUID) -> HttpResponse:
        def rotate() -> str:
            endpoints.rotate_secret(pk, actor=actor_of(request))
            return str(_("There is a new secret. The old one signs too for a day."))

        return self.act(request, pk, NothingAsked, rotate, "rotate", _("Make a new secret?"))

    def act(
        self,
        request: StaffRequest,
        pk: UUID,
        form: type[forms.Form],
        act: Callable[..., str],
        name: str,
        title: Any,
        back: str = "",
    ) -> HttpResponse:
        require(request, RIGHT)
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        return self.ask(
            request,
            form(request.POST if request.method == "POST" else None),
            act,
            template=f"portal/{name}_endpoint.html",
            title=title,
            back=back or self.url("change", pk),
            endpoint=row,
        )

    def resume_view(self, request: StaffRequest, pk: UUID) -> HttpResponse:
        def resume() -> Any:
            endpoints.change_endpoint(pk, is_active=True, actor=actor_of(request))
            return _("It is sent what it missed, and what comes.")

        return self.at_once(request, pk, resume)

    def again_view(self, request: StaffRequest, pk: UUID) -> HttpResponse:
        def send_again() -> Any:
            event = request.POST.get("event", "")
            if not ID.fullmatch(event):
                raise PermissionDenied
            deliveries.redeliver(pk, int(event), actor=actor_of(request))
            return _("It is sent once more, under the same id.")

        return self.at_once(request, pk, send_again)

    def at_once(self, request: StaffRequest, pk: UUID, act: Callable[[], Any]) -> HttpResponse:
        require(request, RIGHT)
        get_object_or_404(self.get_queryset(request), pk=pk)
        try:
            messages.success(request, str(act()))
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("change", pk))

    def secret_view(self, request: StaffRequest, pk: UUID) -> HttpResponse:
        """Show what its webhooks are signed with; by POST, so that no address leads to it."""
        require(request, RIGHT)
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        title, text = _("The secret"), endpoints.secret_of(row)
        back = self.url("change", pk)
        shown = self.page(request, "portal/secret.html", title, endpoint=row, text=text, back=back)
        shown["Cache-Control"] = "no-store"
        return shown

    @display(description=gettext_lazy("endpoint"))
    def called(self, row: WebhookEndpoint) -> str:
        return str(row)

    @display(description=gettext_lazy("whose"))
    def whose(self, row: WebhookEndpoint) -> str:
        return str(row.client or _("the portal's"))

    @display(description=gettext_lazy("state"), label=TONES)
    def shown_state(self, row: WebhookEndpoint) -> tuple[str, str]:
        return row.state, state_of(row)


def add(*, url: str, **asked: Any) -> WebhookEndpoint:
    return endpoints.add_endpoint(url=checked_url(url), **asked)


def state_of(row: WebhookEndpoint) -> str:
    return str({"active": _("active"), "failing": _("failing"), "stopped": _("stopped")}[row.state])


def came_of(delivery: Delivery) -> str:
    """Say what came of the last try, if there was one."""
    if delivery.trouble:
        return _("No answer: %s") % delivery.trouble
    return _("Answered %d") % delivery.answer if delivery.answer else ""
