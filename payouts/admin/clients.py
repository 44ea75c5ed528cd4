"""Clients in the Admin: who they are, their wallets, and closing them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from audit.actor import Actor
from audit.refusals import Refused
from payouts.admin import overview
from payouts.admin.lasting import LastingAdmin, SeenForm
from payouts.admin.notes import notes_beside
from payouts.admin.policy_words import REFERENCE
from payouts.client_limits import limits_of
from payouts.controls.documents import WINDOWS
from payouts.controls.limits import OwnLimit
from payouts.controls.models import Scope, Switch
from payouts.models import Payout
from payouts.staff.forms import reason_field
from payouts.staff.pages import LONGEST_ID, StaffRequest, actor_of
from wallets import services
from wallets.models import WAITING, Client, WalletStatus

WALLETS = "admin:wallets_wallet_changelist"
WALLETS_SHOWN = 20
CLIENTS_OFFERED = 20
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
    seen = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=10**LONGEST_ID - 1
    )
    reason = reason_field(gettext_lazy("Say why. It is kept with the client."))


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


def stop_of(client: Client) -> Switch | None:
    """Return what keeps this client's payouts from being sent, as nobody else's are."""
    off = Switch.objects.of(Scope(client_id=client.pk)).filter(is_on=False)
    return off.select_related("client", "changed_by").first()


def choice_of_client(request: HttpRequest) -> dict[str, Any]:
    """Return the clients to choose from, of whom somebody may look for one."""
    term = request.GET.get("q", "").strip()
    clients = Client.objects.active()
    if term:
        clients = clients.called(term)
    return {"clients": clients[:CLIENTS_OFFERED], "term": term}


def used_limits(client: Client) -> list[tuple[str, OwnLimit]] | None:
    """Return the limits of a client by their windows; nothing at all under a forged policy."""
    try:
        return [(str(WINDOWS[each.hours]), each) for each in limits_of(client)]
    except Refused:
        return None


@admin.register(Client)
class ClientAdmin(LastingAdmin):
    form = ClientForm
    add_form_template = "wallets/add_client.html"
    change_form_template = "wallets/client.html"
    when_empty = gettext_lazy("There are no clients yet")
    add_words = gettext_lazy("Add a client")
    list_display = ["name", "external_id", "group", "email", "wallets_now", "state", "added"]
    list_filter = ["is_active"]
    search_fields = ["name", "external_id", "email"]
    search_help_text = gettext_lazy("Name, external id or e-mail")
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
        """The external id never changes."""
        fields = ["name", "is_another", "email", "group", "language", "country", "tax_id"]
        if obj is None:
            return ["external_id", *fields]
        return self.fit_to_show(request, [*fields, "seen"])

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        client = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(self.facts(request, client) if client else {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def facts(self, request: StaffRequest, client: Client) -> dict[str, Any]:
        """Return what stands on the page: what may be done, the newest wallets, and payouts."""
        closing, may = closing_for(client), request.user.has_perm
        payouts = Payout.objects.for_client(client)
        return {
            **notes_beside(client, actor_of(request)),
            "stop": stop_of(client) if may("payouts.view_flags") else None,
            "used_limits": used_limits(client)
            if may("payouts_controls.view_policyversion")
            else None,
            "reference": REFERENCE,
            "closing": closing if may("wallets.change_client") else None,
            "closing_url": self.url(closing.name, client.pk),
            "may_pay": client.is_active and may("payouts.add_payout"),
            "wallets": client.wallets.select_related("added_by", "approved_by")[:WALLETS_SHOWN],
            "wallets_count": client.wallets.count(),
            "wallets_url": f"{reverse(WALLETS)}?client__id__exact={client.pk}",
            **overview.history_shown(client, request.GET),
            **(
                overview.payouts_of(payouts, client.external_id)
                if may("payouts.view_payout")
                else {}
            ),
        }

    def closing_view(self, request: StaffRequest, pk: int, closing: Closing) -> HttpResponse:
        """Ask for the reason, and close the client or open it again."""
        if not request.user.has_perm("wallets.change_client"):
            raise PermissionDenied
        client = get_object_or_404(Client, pk=pk)
        counts = client.wallets.aggregate(all=Count("pk"), active=Count("pk", filter=ACTIVE))

        def close_or_reopen(reason: str, seen: int | None) -> str:
            # Nothing keeps a stop from what was seen; what was closed meanwhile is not opened.
            shown = {} if closing is CLOSE else {"seen": seen or 0}
            closing.service(client.pk, reason=reason, actor=actor_of(request), **shown)
            return str(closing.done) % client

        return self.ask(
            request,
            ReasonForm(request.POST or None, initial={"seen": services.last_change(client)}),
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

    @display(description=gettext_lazy("added"), ordering="created_at")
    def added(self, client: Client) -> datetime:
        return client.created_at

    @display(description=gettext_lazy("state"), label={"active": "success", "inactive": "danger"})
    def state(self, client: Client) -> tuple[str, str]:
        return ("active", _("open")) if client.is_active else ("inactive", _("closed"))
