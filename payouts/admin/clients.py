"""Clients in the Admin: who they are, their wallets, and closing them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from audit.actor import Actor
from payouts.admin.lasting import LastingAdmin, SeenForm
from payouts.staff.forms import reason_field
from payouts.staff.pages import StaffRequest, actor_of
from wallets import services
from wallets.display import recent_changes
from wallets.models import WAITING, Client, WalletStatus

WALLETS = "admin:wallets_wallet_changelist"
WALLETS_SHOWN = 20
ACTIVE = Q(status=WalletStatus.ACTIVE)


class ClientForm(SeenForm):
    is_another = forms.BooleanField(
        label=gettext_lazy("It is another client"),
        required=False,
        widget=forms.HiddenInput,
        help_text=gettext_lazy("Tick it when you have compared it with the one that looks alike."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        named = Client(pk=self.instance.pk, name=data.get("name", ""))
        refusal = services.refusal_of_name(named) if "name" in self.changed_data else None
        if refusal:
            self.ask("is_another", refusal.sentence, beside="name")
        return data


class ReasonForm(forms.Form):
    reason = reason_field(
        gettext_lazy("Say why. It is kept with the client."), services.LONGEST_REASON
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """What stops or permits all payouts to one client."""

    name: str
    title: Any
    explanation: Any
    done: Any
    service: Callable[..., Client]
    tone: str = "primary"


CLOSE = Closing(
    "close",
    gettext_lazy("Close this client"),
    gettext_lazy(
        "Nothing is paid to a closed client, whatever was approved: what waits is not sent. "
        "What Heleket has already may still arrive."
    ),
    gettext_lazy("%s was closed."),
    services.close_client,
    tone="danger solid",
)
REOPEN = Closing(
    "reopen",
    gettext_lazy("Open this client again"),
    gettext_lazy("Approved payouts to this client's active wallets can be sent from now on."),
    gettext_lazy("%s is open again."),
    services.reopen_client,
)


def closing_for(client: Client) -> Closing:
    return CLOSE if client.is_active else REOPEN


@admin.register(Client)
class ClientAdmin(LastingAdmin):
    form = ClientForm
    change_form_outer_before_template = "wallets/client_top.html"
    change_form_outer_after_template = "wallets/client_wallets.html"
    list_display = ["name", "external_id", "group", "email", "wallets_now", "state", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name", "external_id", "email"]
    ordering = ["name", "pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        rows: QuerySet[Client] = super().get_queryset(request)
        return rows.annotate(
            active=Count("wallets", filter=Q(wallets__status=WalletStatus.ACTIVE)),
            waiting=Count("wallets", filter=Q(wallets__status__in=WAITING)),
        )

    def get_urls(self) -> list[URLPattern]:
        pages = []
        for closing in (CLOSE, REOPEN):
            view = self.admin_site.admin_view(partial(self.closing_view, closing=closing))
            pages.append(
                path(f"<int:pk>/{closing.name}/", view, name=f"wallets_client_{closing.name}")
            )
        return [*pages, *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        fields = ["external_id", "name", "is_another", "email", "group"]
        facts = ["open_or_closed", "created_at", "created_by", "changes", "seen"]
        return fields if obj is None else self.fit_to_show(request, [*fields, *facts])

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        return (
            ["external_id", "open_or_closed", "created_at", "created_by", "changes"] if obj else []
        )

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        client = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(self.facts(request, client) if client else {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def facts(self, request: StaffRequest, client: Client) -> dict[str, Any]:
        """Return what stands around the form: what may be done, and the newest wallets."""
        closing = closing_for(client)
        may = request.user.has_perm("wallets.change_client")
        return {
            "closing": closing if may else None,
            "closing_url": self.url(closing.name, client.pk),
            "wallets": client.wallets.select_related("added_by")[:WALLETS_SHOWN],
            "wallets_count": client.wallets.count(),
            "wallets_url": f"{reverse(WALLETS)}?client__id__exact={client.pk}",
        }

    def closing_view(self, request: StaffRequest, pk: int, closing: Closing) -> HttpResponse:
        """Ask for the reason, and close the client or open it again."""
        if not request.user.has_perm("wallets.change_client"):
            raise PermissionDenied
        client = get_object_or_404(Client, pk=pk)
        counts = client.wallets.aggregate(all=Count("pk"), active=Count("pk", filter=ACTIVE))

        def close_or_reopen(reason: str) -> str:
            closing.service(client.pk, reason=reason, actor=actor_of(request))
            return str(closing.done) % client

        return self.ask(
            request,
            ReasonForm(request.POST or None),
            close_or_reopen,
            template="wallets/close_client.html",
            title=f"{closing.title}?",
            back=self.url("change", client.pk),
            client=client,
            closing=closing,
            counts=counts,
        )

    def add_row(self, *, actor: Actor, **data: Any) -> Client:
        return services.add_client(**data, actor=actor)

    @admin.display(description=gettext_lazy("wallets"))
    def wallets_now(self, client: Any) -> str:
        active = ngettext("%d active", "%d active", client.active) % client.active
        waiting = _("%d to approve") % client.waiting
        return f"{active} · {waiting}" if client.waiting else active

    @display(description=gettext_lazy("state"), label={"active": "success", "inactive": "danger"})
    def state(self, client: Client) -> tuple[str, str]:
        return ("active", _("open")) if client.is_active else ("inactive", _("closed"))

    @admin.display(description=gettext_lazy("state"))
    def open_or_closed(self, client: Client) -> str:
        return _("open") if client.is_active else _("closed: nothing is paid to this client")

    @admin.display(description=gettext_lazy("history"))
    def changes(self, client: Client) -> SafeString:
        return recent_changes(client)
