"""API keys in the Admin: who may call the API, from where, for what and until when."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.refusals import Refused
from audit.texts import LONGEST_REASON
from payouts.admin.lists import DeskAdmin
from payouts.portal.admin.choices import with_names
from payouts.portal.admin.clients import ClientField
from payouts.portal.keys import RIGHT, issue_key, revoke_key
from payouts.portal.models import ApiKey, Scope
from payouts.staff.forms import reason_field, text_field
from payouts.staff.pages import StaffRequest, actor_of, require


class KeyForm(forms.Form):
    nonce = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    name = text_field(
        gettext_lazy("Name"), 64, help_text=gettext_lazy("What uses it, such as “Portal, live”.")
    )
    client = ClientField(
        gettext_lazy(
            "The external id of the one client whose key it is. Leave it empty for a key of the "
            "portal itself, which names the client with each request."
        )
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=with_names(Scope.choices),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )
    networks = text_field(
        gettext_lazy("From where"),
        500,
        required=False,
        help_text=gettext_lazy(
            "Addresses or networks with blanks between them, like 192.0.2.7 or 192.0.2.0/24. "
            "Empty: from anywhere."
        ),
    )
    expires_at = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: until it is revoked."),
    )
    reason = text_field(
        gettext_lazy("Reason"),
        LONGEST_REASON,
        required=False,
        help_text=gettext_lazy(
            "Needed for a key that asks for payouts or adds wallets: it waits until another person "
            "confirms it."
        ),
    )

    def clean_networks(self) -> list[str]:
        return str(self.cleaned_data["networks"]).replace(",", " ").split()


class RevokeForm(forms.Form):
    reason = reason_field(gettext_lazy("Say why. It is kept for ever."))


@admin.register(ApiKey)
class ApiKeyAdmin(DeskAdmin):
    change_list_template = "payouts/lasting.html"
    when_empty = gettext_lazy("There are no API keys yet")
    add_words = gettext_lazy("Issue an API key")
    show_add_link = False  # the list has a button in words
    list_display = ["name", "begins", "whose", "state", "issued_by", "issued_at", "last_used_at"]
    list_select_related = ["client", "issued_by"]
    ordering = ["-issued_at", "-pk"]
    sortable_by: list[str] = []

    def has_add_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        return request.user.has_perm(RIGHT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        rows: QuerySet[ApiKey] = super().get_queryset(request)
        return rows.select_related("client", "issued_by")

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        name = "payouts_portal_apikey_revoke"
        return [path("<int:pk>/revoke/", revoke, name=name), *super().get_urls()]

    def add_view(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Issue a key and show its text, on this one page alone: a reload issues no second one."""
        require(request, RIGHT)
        form = KeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                key, text = issue_key(**form.cleaned_data, actor=actor_of(request))
            except Refused as exc:
                form.add_error(None, str(exc))
            else:
                shown = self.page(
                    request,
                    "portal/issued.html",
                    _("The API key"),
                    key=key,
                    text=text,
                    back=self.url("changelist"),
                )
                shown["Cache-Control"] = "no-store"
                return shown
        back, title = self.url("changelist"), _("Issue an API key")
        return self.page(request, "portal/issue.html", title, form=form, back=back)

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = self.get_object(request, object_id)
        if key is None:
            return HttpResponse(status=404)
        return self.page(
            request,
            "portal/key.html",
            str(key),
            key=key,
            state=state_of(key),
            scopes=[(scope, Scope(scope).label) for scope in key.scopes],
            back=self.url("changelist"),
            revoke_url=self.url("revoke", key.pk) if request.user.has_perm(RIGHT) else "",
        )

    def revoke_view(self, request: StaffRequest, pk: int) -> HttpResponse:
        require(request, RIGHT)
        key = get_object_or_404(ApiKey, pk=pk)

        def revoke(reason: str) -> str:
            revoke_key(key.pk, reason=reason, actor=actor_of(request))
            return str(_("%s is revoked: it is refused from now on.") % key)

        return self.ask(
            request,
            RevokeForm(request.POST or None),
            revoke,
            template="portal/revoke.html",
            title=_("Revoke this API key?"),
            back=self.url("change", pk),
            key=key,
            endpoints=key.webhook_endpoints.present(),
        )

    @display(description=gettext_lazy("begins with"))
    def begins(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description=gettext_lazy("whose"))
    def whose(self, key: ApiKey) -> str:
        return str(key.client or _("the portal's"))

    @display(
        description=gettext_lazy("state"),
        label={
            "active": "success",
            "waiting": "warning",
            "expired": "warning",
            "revoked": "danger",
        },
    )
    def state(self, key: ApiKey) -> tuple[str, str]:
        return state_of(key)


def state_of(key: ApiKey) -> tuple[str, str]:
    if key.revoked_at:
        return "revoked", _("revoked")
    if key.is_waiting:
        return "waiting", _("waits for a second person")
    return ("expired", _("expired")) if key.is_expired else ("active", _("active"))
