from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_fsm import can_proceed
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from wallets import services
from wallets.addresses import canonical_spellings, check_address, check_memo
from wallets.amounts import format_amount
from wallets.coins import is_known, network_name
from wallets.display import in_groups, recent_changes
from wallets.errors import InvalidAddress, WalletError
from wallets.models import WAITING, Client, PayoutService, Wallet, WalletStatus
from wallets.services import Outcome

MOST_AT_ONCE = 500

STATUS_COLOURS = {
    WalletStatus.NEW: "warning",
    WalletStatus.CONFIRMED: "warning",
    WalletStatus.APPROVED: "info",
    WalletStatus.ACTIVE: "success",
    WalletStatus.FROZEN: "danger",
}


@dataclass(frozen=True, slots=True)
class Act:
    """What people do with wallets, one or many, behind a confirmation."""

    title: Any
    explanation: Any
    right: str
    service: Callable[..., list[Outcome]]


ACTS = {
    "approve": Act(
        gettext_lazy("Approve"),
        gettext_lazy("Payouts can go to a wallet as soon as it is approved."),
        "wallets.approve_wallet",
        services.approve_wallets,
    ),
    "freeze": Act(
        gettext_lazy("Freeze"),
        gettext_lazy("No payout goes to a frozen wallet until it is released and approved again."),
        "wallets.freeze_wallet",
        services.freeze_wallets,
    ),
    "release": Act(
        gettext_lazy("Release"),
        gettext_lazy("A released wallet has to be approved again before payouts can go to it."),
        "wallets.freeze_wallet",
        services.release_wallets,
    ),
    "archive": Act(
        gettext_lazy("Archive"),
        gettext_lazy("An archived wallet is never used again. It cannot be brought back."),
        "wallets.change_wallet",
        services.archive_wallets,
    ),
}


class StaffRequest(HttpRequest):
    user: User


def never(_admin: Any, _request: HttpRequest, _obj: Model | None = None) -> bool:
    return False


class LastingModelAdmin(ModelAdmin):
    """Rows that payouts depend on: added by a service, never deleted."""

    list_per_page = 50
    show_full_result_count = False
    has_delete_permission = never

    class Media:
        css = {"all": ["wallets/address.css"]}

    def add_row(self, *, by: User, **data: Any) -> Model:
        raise NotImplementedError

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().add_view(request, *args, **kwargs)
        except WalletError as exc:  # somebody was faster than the form's own check
            messages.error(request, str(exc))
            return HttpResponseRedirect(request.path)
        return response

    def save_model(self, request: StaffRequest, obj: Model, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.pk = self.add_row(**form.cleaned_data, by=request.user).pk


class WalletInline(TabularInline):
    """The client's wallets at a glance; each opens on its own page."""

    model = Wallet
    fields = readonly_fields = ["destination", "network", "memo", "label", "status", "added_by"]
    extra = 0
    can_delete = False
    hide_title = True
    has_add_permission = has_change_permission = never

    @admin.display(description=gettext_lazy("address"))
    def destination(self, wallet: Wallet) -> SafeString:
        url = reverse("admin:wallets_wallet_change", args=[wallet.pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
            url,
            in_groups(wallet.address),
        )


@admin.register(Client)
class ClientAdmin(LastingModelAdmin):
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

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        if obj is None:
            return ["external_id", "name", "email", "group"]
        facts = ["created_at", "created_by", "changes"]
        return ["external_id", "name", "email", "group", "is_active", *facts]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        return ["external_id", "created_at", "created_by", "changes"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Client | None) -> list[type[TabularInline]]:
        return [WalletInline] if obj else []

    def add_row(self, *, by: User, **data: Any) -> Client:
        return services.add_client(**data, by=by)

    @admin.display(description=gettext_lazy("wallets"))
    def wallets_now(self, client: Any) -> str:
        active = ngettext("%d active", "%d active", client.active) % client.active
        waiting = _("%d to approve") % client.waiting
        return f"{active} · {waiting}" if client.waiting else active

    @display(description=gettext_lazy("state"), label={"active": "success", "inactive": "danger"})
    def state(self, client: Client) -> tuple[str, str]:
        return ("active", _("active")) if client.is_active else ("inactive", _("not active"))

    @admin.display(description=gettext_lazy("history"))
    def changes(self, client: Client) -> SafeString:
        return recent_changes(client)


class WalletForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """Says beside its field what `services.add_wallet` would refuse."""

    class Meta:
        model = Wallet
        fields = ["client", "network", "address", "memo", "label", "preferred_currency"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("address", "memo"):
            self.fields[name].strip = False  # type: ignore[attr-defined]  # check what was typed

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if {"network", "address", "memo"} <= data.keys():
            try:
                data["address"] = check_address(data["network"], data["address"])
            except InvalidAddress as exc:
                self.add_error("address", str(exc))
            try:
                check_memo(data["network"], data["memo"])
            except InvalidAddress as exc:
                self.add_error("memo", str(exc))
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
class WalletAdmin(LastingModelAdmin):
    form = WalletForm
    list_display = ["destination", "network", "client", "state", "label", "added_by", "created_at"]
    list_filter = [WaitingFilter, "status", "network"]
    list_select_related = ["client", "added_by"]
    search_fields = ["client__name", "client__external_id", "label"]
    search_help_text = gettext_lazy("A whole address, client or label")
    autocomplete_fields = ["client"]
    actions = ["approve_selected", "freeze_selected", "release_selected", "archive_selected"]
    change_form_outer_before_template = "admin/wallets/wallet/acts.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("act/<str:name>/", view, name="wallets_wallet_act"), *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Wallet | None = None) -> list[str]:
        if obj is None:
            return list(WalletForm.Meta.fields)
        facts = ["status", "added_by", "created_at", "approved_by", "approved_at", "changes"]
        return ["client", "network", "destination", "memo", "label", "preferred_currency", *facts]

    def get_readonly_fields(self, request: HttpRequest, obj: Wallet | None = None) -> list[str]:
        editable = {"label", "preferred_currency"}
        return (
            [name for name in self.get_fields(request, obj) if name not in editable] if obj else []
        )

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = forms.ModelForm  # its destination is not on the page to be checked
        return super().get_form(request, obj, **kwargs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Wallet], search_term: str
    ) -> tuple[QuerySet[Wallet], bool]:
        """Find an address in any spelling besides the texts."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        spelled = canonical_spellings(search_term.strip())
        return found | queryset.filter(address__in=spelled), may_repeat

    def add_row(self, *, by: User, **data: Any) -> Wallet:
        return services.add_wallet(**data, by=by)

    def change_view(
        self, request: StaffRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        wallet = self.get_object(request, object_id)
        acts = self.possible_acts(request, wallet) if wallet else []
        context = {**(extra_context or {}), "acts": acts}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def possible_acts(self, request: StaffRequest, wallet: Wallet) -> list[tuple[str, Any]]:
        """Return addresses and titles of what this person may do with the wallet now."""
        return [
            (f"{self.act_url(name)}?ids={wallet.pk}", act.title)
            for name, act in ACTS.items()
            if request.user.has_perm(act.right) and can_proceed(getattr(wallet, name))
        ]

    def act_url(self, name: str) -> str:
        return reverse(f"{self.admin_site.name}:wallets_wallet_act", args=[name])

    # Acts: a confirmation, then POST on exactly the confirmed wallets

    def has_approve_permission(self, request: StaffRequest) -> bool:
        return request.user.has_perm("wallets.approve_wallet")

    def has_freeze_permission(self, request: StaffRequest) -> bool:
        return request.user.has_perm("wallets.freeze_wallet")

    @admin.action(description=gettext_lazy("Approve selected wallets"), permissions=["approve"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Wallet]) -> HttpResponse:
        return self.confirm(request, "approve", queryset)

    @admin.action(description=gettext_lazy("Freeze selected wallets"), permissions=["freeze"])
    def freeze_selected(self, request: HttpRequest, queryset: QuerySet[Wallet]) -> HttpResponse:
        return self.confirm(request, "freeze", queryset)

    @admin.action(description=gettext_lazy("Release selected wallets"), permissions=["freeze"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[Wallet]) -> HttpResponse:
        return self.confirm(request, "release", queryset)

    @admin.action(description=gettext_lazy("Archive selected wallets"), permissions=["change"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Wallet]) -> HttpResponse:
        return self.confirm(request, "archive", queryset)

    def act_view(self, request: StaffRequest, name: str) -> HttpResponse:
        act = ACTS.get(name)
        if act is None:
            raise Http404
        if not request.user.has_perm(act.right):
            raise PermissionDenied
        if request.method != "POST":
            return self.confirm(request, name, Wallet.objects.filter(pk__in=read_ids(request.GET)))
        outcomes = act.service(read_ids(request.POST)[:MOST_AT_ONCE], by=request.user)
        context = {
            "outcomes": outcomes,
            "done": sum(outcome.done for outcome in outcomes),
            "title": act.title,
        }
        return self.page(request, "result", context)

    def confirm(self, request: HttpRequest, name: str, wallets: QuerySet[Wallet]) -> HttpResponse:
        count = wallets.count()
        if not 0 < count <= MOST_AT_ONCE:
            messages.error(request, _("Select 1 to %d wallets; nothing was done.") % MOST_AT_ONCE)
            return HttpResponseRedirect(
                reverse(f"{self.admin_site.name}:wallets_wallet_changelist")
            )
        context = {
            "act": ACTS[name],
            "title": ACTS[name].title,
            "url": self.act_url(name),
            "count": count,
            "wallets": wallets.select_related("client", "added_by"),
        }
        return self.page(request, "confirm", context)

    def page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/wallets/wallet/{name}.html", context)

    @display(description=gettext_lazy("address"), ordering="address")
    def destination(self, wallet: Wallet) -> SafeString:
        return in_groups(wallet.address)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def state(self, wallet: Wallet) -> tuple[str, str]:
        return wallet.status, wallet.get_status_display()

    @admin.display(description=gettext_lazy("history"))
    def changes(self, wallet: Wallet) -> SafeString:
        return recent_changes(wallet)


def read_ids(data: Any) -> list[int]:
    return [int(text) for text in data.getlist("ids") if text.isascii() and text.isdecimal()]


@admin.register(PayoutService)
class PayoutServiceAdmin(LastingModelAdmin):
    """Heleket's price list; `manage.py sync_services` fills it."""

    list_display = ["coin", "state", "minimum", "maximum", "fee", "synced_at"]
    list_filter = ["is_available", "network"]
    search_fields = ["currency", "network"]
    list_before_template = "admin/wallets/payoutservice/hint.html"
    has_add_permission = has_change_permission = never

    @display(description=gettext_lazy("coin"), ordering="currency", header=True)
    def coin(self, service: PayoutService) -> tuple[str, str]:
        return service.currency, network_name(service.network)

    @display(description=gettext_lazy("state"), label={"yes": "success", "no": "danger"})
    def state(self, service: PayoutService) -> tuple[str, str]:
        if not is_known(service.network, service.currency):
            return "no", _("not known to this desk")
        return ("yes", _("available")) if service.is_available else ("no", _("not available"))

    @admin.display(description=gettext_lazy("minimum"), ordering="min_amount")
    def minimum(self, service: PayoutService) -> str:
        return f"{format_amount(service.min_amount)} {service.currency}"

    @admin.display(description=gettext_lazy("maximum"), ordering="max_amount")
    def maximum(self, service: PayoutService) -> str:
        return f"{format_amount(service.max_amount)} {service.currency}"

    @admin.display(description=gettext_lazy("fee"), ordering="fee_amount")
    def fee(self, service: PayoutService) -> str:
        fixed = f"{format_amount(service.fee_amount)} {service.currency}"
        return f"{fixed} + {format_amount(service.percent)} %" if service.percent else fixed
