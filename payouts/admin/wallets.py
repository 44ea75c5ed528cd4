"""Wallets in the Admin: where clients are paid, and what people do about it."""

from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.actor import Actor
from audit.operations import Operation, Outcome, perform
from payouts.admin.lasting import LastingAdmin, SeenForm
from payouts.staff.actions import Action, ActionPages, Confirmation
from payouts.staff.pages import ID, StaffRequest, actor_of
from wallets import operations, services
from wallets.addresses import canonical_spellings, check_address, check_memo
from wallets.display import in_groups, recent_changes
from wallets.errors import InvalidAddress
from wallets.models import Wallet, WalletStatus
from wallets.operations import Seen
from wallets.unspendable import doubt_about

STATUS_COLOURS = {
    WalletStatus.NEW: "warning",
    WalletStatus.CONFIRMED: "warning",
    WalletStatus.APPROVED: "info",
    WalletStatus.ACTIVE: "success",
    WalletStatus.FROZEN: "danger",
}

ACTIONS = {
    action.name: action
    for action in [
        Action(
            "approve",
            gettext_lazy("Approve"),
            gettext_lazy("Payouts can go to a wallet as soon as it is approved."),
            operations.APPROVE,
            "check_circle",
            tone="primary",
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
            operations.ARCHIVE,
            "archive",
            tone="danger",
        ),
    ]
}


def certain(action: Action, ids: Collection[int]) -> Operation[Wallet, Seen, None]:
    """Return the action's operation for somebody who is certain of these wallets."""
    if action.name == "approve":
        return operations.Approve(certain_of=ids)
    return action.operation


class CarefulChoice(AutocompleteSelect):
    """Looks no row up by what is no id."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        return super().optgroups(name, [text for text in value if ID.fullmatch(str(text))], attrs)


class WalletForm(SeenForm):
    """Says beside its field what `services.add_wallet` would refuse."""

    is_certain = forms.BooleanField(
        label=gettext_lazy("I am sure that this address can be paid"),
        required=False,
        widget=forms.HiddenInput,
        help_text=gettext_lazy("Whoever approves the wallet has to be sure of it, too."),
    )

    class Meta:
        model = Wallet
        fields = ["client", "network", "address", "memo", "label", "preferred_currency"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("address", "memo"):
            self.fields[name].strip = False  # type: ignore[attr-defined]  # check what was typed

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if {"network", "address", "memo"} <= data.keys():
            try:
                data["address"] = check_address(data["network"], data["address"])
            except InvalidAddress as exc:
                self.add_error("address", str(exc))
            try:
                check_memo(data["network"], data["memo"])
            except InvalidAddress as exc:
                self.add_error("memo", str(exc))
        known = {"network", "address"} <= data.keys()
        if known and (doubt := doubt_about(data["network"], data["address"])):
            self.ask("is_certain", doubt, beside="address")
        return data


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


@admin.register(Wallet)
class WalletAdmin(ActionPages, LastingAdmin):
    form = WalletForm
    list_display = ["destination", "network", "client", "state", "label", "added_by", "created_at"]
    list_filter = [WaitingFilter, "status", "network"]
    list_select_related = ["client", "added_by"]
    search_fields = ["client__name", "client__external_id", "label"]
    search_help_text = gettext_lazy("A whole address, client or label")
    autocomplete_fields = ["client"]
    change_form_outer_before_template = "wallets/wallet_top.html"
    offers = ACTIONS
    most_at_once = 500  # each may have a box to tick, and Django takes no more than 1,000 fields
    confirm_template = "wallets/confirm.html"
    cells_template = "wallets/_cells.html"

    def get_urls(self) -> list[URLPattern]:
        return [*self.action_urls("<int:object_id>/act/<slug:name>/"), *super().get_urls()]

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in self.autocomplete_fields:
            kwargs["widget"] = CarefulChoice(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Wallet | None = None) -> list[str]:
        if obj is None:
            client, network, address, *others = WalletForm.Meta.fields
            return [client, network, address, "is_certain", *others]
        facts = ["status", "added_by", "created_at", "approved_by", "approved_at", "changes"]
        facts.append("seen")
        fields = ["client", "network", "destination", "memo", "label", "preferred_currency"]
        return self.fit_to_show(request, [*fields, *facts])

    def get_readonly_fields(self, request: HttpRequest, obj: Wallet | None = None) -> list[str]:
        editable = {"label", "preferred_currency", "seen"}
        return (
            [name for name in self.get_fields(request, obj) if name not in editable] if obj else []
        )

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = SeenForm  # its destination is not on the page to be checked
        return super().get_form(request, obj, **kwargs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Wallet], search_term: str
    ) -> tuple[QuerySet[Wallet], bool]:
        """Find an address in any spelling besides the texts."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        spelled = canonical_spellings(search_term.strip())
        return found | queryset.filter(address__in=spelled), may_repeat

    def add_row(self, *, actor: Actor, **data: Any) -> Wallet:
        return services.add_wallet(**data, actor=actor)

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        wallet = self.get_object(request, object_id)
        context = {**(extra_context or {})}
        if wallet:
            actor = actor_of(request)
            context["actions"] = self.offered_on(wallet, actor)
            context["why_not"] = self.why_not("approve", wallet, actor)
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    # Actions

    def see(self, rows: Sequence[Wallet]) -> list[Seen]:
        return operations.see(wallet.pk for wallet in rows)

    def read_seen(self, token: str) -> Seen | None:
        return Seen(int(token)) if ID.fullmatch(token) else None

    def shown_rows(self, queryset: QuerySet[Wallet]) -> QuerySet[Wallet]:
        return queryset.select_related("client", "added_by").order_by("pk")

    def operation_shown(
        self, action: Action, rows: Sequence[Wallet]
    ) -> Operation[Wallet, Seen, None]:
        """Who approves says on the page that they are certain, so no doubt leaves a wallet out."""
        return certain(action, {wallet.pk for wallet in rows})

    def confirm_context(self, request: StaffRequest, confirmation: Confirmation) -> dict[str, Any]:
        return {"asks_for_certainty": confirmation.action is ACTIONS["approve"]}

    def perform(
        self, request: StaffRequest, action: Action, seen: Sequence[Seen], reason: str
    ) -> list[Outcome]:
        ticked = request.POST.getlist("certain")
        operation = certain(action, {int(text) for text in ticked if ID.fullmatch(text)})
        return perform(operation, seen, actor=actor_of(request), reason=reason)

    @display(description=gettext_lazy("address"), ordering="address")
    def destination(self, wallet: Wallet) -> SafeString:
        return in_groups(wallet.address)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def state(self, wallet: Wallet) -> tuple[str, str]:
        return wallet.status, wallet.get_status_display()

    @admin.display(description=gettext_lazy("history"))
    def changes(self, wallet: Wallet) -> SafeString:
        return recent_changes(wallet)
