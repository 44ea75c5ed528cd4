"""Wallets in the Admin: where clients are paid, and what people do about it."""

from collections.abc import Collection, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.actor import Actor
from audit.operations import Operation, Outcome, perform
from payouts import destinations
from payouts.admin import overview
from payouts.admin.clients import choice_of_client
from payouts.admin.lasting import LastingAdmin
from payouts.admin.lists import BoundedList
from payouts.admin.notes import notes_beside
from payouts.admin.templatetags.destinations import TONES
from payouts.admin.wallet_forms import (
    WalletForm,
    WalletNamesForm,
    where_it_can_be,
)
from payouts.models import Payout
from payouts.notices import notices_for_wallets
from payouts.staff.actions import Action, ActionPages, Confirmation
from payouts.staff.forms import ConfirmForm
from payouts.staff.pages import ID, StaffRequest, actor_of
from wallets import operations, services
from wallets.addresses import canonical_spellings
from wallets.display import in_groups
from wallets.models import IN_USE, Client, Wallet
from wallets.operations import Seen
from wallets.sharing import SameAddress, wallets_at

ACTIONS = {
    action.name: action
    for action in [
        Action(
            "approve",
            gettext_lazy("Approve"),
            gettext_lazy("Payouts can go to a wallet as soon as it is approved."),
            destinations.APPROVE,
            "check_circle",
            tone="primary",
            goes_on=True,
        ),
        Action(
            "release",
            gettext_lazy("Release"),
            gettext_lazy("What is released has to be approved again before payouts can go to it."),
            operations.RELEASE,
            "play_circle",
            tone="primary",
        ),
        Action(
            "freeze",
            gettext_lazy("Freeze"),
            gettext_lazy(
                "No payout goes to a frozen wallet until it is released and approved again."
            ),
            operations.FREEZE,
            "ac_unit",
        ),
        Action(
            "archive",
            gettext_lazy("Archive"),
            gettext_lazy("An archived wallet is never used again. It cannot be brought back."),
            destinations.ARCHIVE,
            "archive",
            tone="danger",
        ),
    ]
}


def certain(
    action: Action, ids: Collection[int], *, has_reason: bool = True
) -> Operation[Wallet, Seen, Any]:
    """Return the action's operation for somebody who is certain of these wallets."""
    if action.name == "approve":
        return destinations.Approve(certain_of=ids, has_reason=has_reason)
    return action.operation


class WaitingFilter(admin.SimpleListFilter):
    title = gettext_lazy("needs")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("approval", _("approval")), ("mine", _("my approval"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "approval":
            return queryset.waiting()
        if self.value() == "mine":
            return queryset.waiting().exclude(added_by=request.user)
        return queryset


class WalletList(BoundedList):
    lookups = ("client__id__exact",)


@admin.register(Wallet)
class WalletAdmin(ActionPages, LastingAdmin):
    form = WalletForm
    add_form_template = "wallets/add_wallet.html"
    change_form_template = "wallets/wallet.html"
    when_empty = gettext_lazy("There are no wallets yet")
    add_words = gettext_lazy("Add a wallet")
    list_display = ["destination", "network", "client", "state", "label", "added_by", "created_at"]
    list_filter = [WaitingFilter, "status", "network"]
    list_view = WalletList
    list_select_related = ["client", "added_by"]
    search_fields = ["client__name", "client__external_id", "label"]
    search_help_text = gettext_lazy("A whole address, client or label")
    offers = ACTIONS
    most_at_once = 500  # each may have a box to tick, and Django takes no more than 1,000 fields
    confirm_template = "wallets/confirm.html"
    queue_parameter = WaitingFilter.parameter_name
    cells_template = "wallets/_cells.html"
    titles_template = "wallets/_titles.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.networks)
        return [
            path("networks/", view, name="wallets_wallet_networks"),
            *self.action_urls("<int:object_id>/act/<slug:name>/"),
            *super().get_urls(),
        ]

    def get_fields(self, request: HttpRequest, obj: Wallet | None = None) -> list[str]:
        if obj is None:
            return [*WalletForm.Meta.fields, "is_certain"]
        return self.fit_to_show(request, ["label", "preferred_currency", "seen"])

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = WalletNamesForm  # its destination is not on the page to be checked
        return super().get_form(request, obj, **kwargs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Wallet], search_term: str
    ) -> tuple[QuerySet[Wallet], bool]:
        """Find an address in any spelling besides the texts."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        spelled = canonical_spellings(search_term.strip())
        return found | queryset.filter(address__in=spelled), may_repeat

    # Add: the client, then the form

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        text = request.POST.get("client") or request.GET.get("client", "")
        client = Client.objects.filter(pk=text).first() if ID.fullmatch(text) else None
        if client is None and request.method == "GET":
            context = choice_of_client(request)
            return self.page(request, "wallets/choose_client.html", _("Whose wallet?"), **context)
        context = {**(extra_context or {}), "client": client}
        return super().add_view(request, form_url, context)

    def add_row(self, *, actor: Actor, **data: Any) -> Wallet:
        return services.add_wallet(**data, actor=actor)

    def sentence_added(self, row: Wallet) -> str:
        return (
            _("%s was added. Another person has to approve it before anything is paid there.") % row
        )

    def networks(self, request: HttpRequest) -> JsonResponse:
        """Answer the form, while somebody types, with the networks of the address."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return JsonResponse(where_it_can_be(request.GET.get("address", "")))

    # One wallet

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        wallet = self.get_object(request, object_id)
        context = {**(extra_context or {}), **(self.facts(request, wallet) if wallet else {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def facts(self, request: StaffRequest, wallet: Wallet) -> dict[str, Any]:
        actor = actor_of(request)
        can_be_paid = wallet.status in IN_USE and wallet.client.is_active
        sees_payouts = request.user.has_perm("payouts.view_payout")
        payouts = Payout.objects.filter(wallet=wallet)
        why_not = self.why_not("approve", wallet, actor)
        notices = notices_for_wallets([wallet])[wallet.pk]
        return {
            "actions": self.offered_on(wallet, actor),
            "why_not": why_not,
            "notices": [each for each in notices if each.sentence != why_not],
            **self.queue_context(request, wallet.pk),
            **notes_beside(wallet, actor),
            "may_pay": can_be_paid and request.user.has_perm("payouts.add_payout"),
            **overview.history_shown(wallet, request.GET),
            **(overview.payouts_of(payouts, wallet.address) if sees_payouts else {}),
        }

    # Actions

    def see(self, rows: Sequence[Wallet]) -> list[Seen]:
        return [Seen(wallet.pk, wallet.last_event) for wallet in rows]

    def read_seen(self, token: str) -> Seen | None:
        return Seen.read(token)

    def shown_rows(self, queryset: QuerySet[Wallet]) -> QuerySet[Wallet]:
        return queryset.select_related("client", "added_by").order_by("pk")

    def operation_shown(
        self, action: Action, rows: Sequence[Wallet]
    ) -> Operation[Wallet, Seen, Any]:
        """Who approves says on the page that they are certain, so no doubt leaves a wallet out."""
        return certain(action, {wallet.pk for wallet in rows})

    def form_for(self, action: Action, ids: Collection[int], data: Any = None) -> ConfirmForm:
        """An approval takes a reason where another client has the address, and no other."""
        form = super().form_for(action, ids, data)
        if action.name == "approve":
            wallets = Wallet.objects.filter(pk__in=ids)
            same_address = SameAddress(wallets_at(wallets))
            if any(same_address.other_clients(wallet) for wallet in wallets):
                form.fields["reason"].required = True
            else:
                del form.fields["reason"]
        return form

    def confirm_context(self, request: StaffRequest, confirmation: Confirmation) -> dict[str, Any]:
        notices = notices_for_wallets(confirmation.rows)
        return {
            "asks_for_certainty": confirmation.action is ACTIONS["approve"],
            "wallets": [(wallet, notices[wallet.pk]) for wallet in confirmation.rows],
        }

    def perform(
        self, request: StaffRequest, action: Action, seen: Sequence[Seen], reason: str
    ) -> list[Outcome]:
        ticked = request.POST.getlist("certain")
        ids = {int(text) for text in ticked if ID.fullmatch(text)}
        operation = certain(action, ids, has_reason=bool(reason))
        return perform(operation, seen, actor=actor_of(request), reason=reason)

    @display(description=gettext_lazy("address"), ordering="address")
    def destination(self, wallet: Wallet) -> SafeString:
        return in_groups(wallet.address)

    @display(description=gettext_lazy("status"), ordering="status", label=TONES)
    def state(self, wallet: Wallet) -> tuple[str, str]:
        return wallet.status, wallet.get_status_display()
