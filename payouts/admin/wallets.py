from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from audit.actor import Actor
from audit.operations import perform
from audit.refusals import Refused
from audit.texts import one_line
from payouts.admin.frame import ID, CarefulList, StaffRequest, actor_of, never
from wallets import operations, services
from wallets.addresses import canonical_spellings, check_address, check_memo
from wallets.amounts import format_amount
from wallets.coins import is_known, network_name
from wallets.display import changes_since, in_groups, recent_changes
from wallets.errors import InvalidAddress, WalletError
from wallets.models import WAITING, Client, PayoutMethod, Wallet, WalletStatus
from wallets.operations import WalletOperation
from wallets.unspendable import doubt_about

MOST_AT_ONCE = 500
WALLETS_SHOWN = 20
WALLETS = "admin:wallets_wallet_changelist"
ACTIVE = Q(status=WalletStatus.ACTIVE)

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
    operation: WalletOperation
    permits: bool = False  # so that doubts about an address have to be settled first


ACTS = {
    "approve": Act(
        gettext_lazy("Approve"),
        gettext_lazy("Payouts can go to a wallet as soon as it is approved."),
        operations.APPROVE,
        permits=True,
    ),
    "freeze": Act(
        gettext_lazy("Freeze"),
        gettext_lazy("No payout goes to a frozen wallet until it is released and approved again."),
        operations.FREEZE,
    ),
    "release": Act(
        gettext_lazy("Release"),
        gettext_lazy("A released wallet has to be approved again before payouts can go to it."),
        operations.RELEASE,
    ),
    "archive": Act(
        gettext_lazy("Archive"),
        gettext_lazy("An archived wallet is never used again. It cannot be brought back."),
        operations.ARCHIVE,
    ),
}


def read_ids(data: Any, name: str = "ids") -> list[int]:
    return [int(text) for text in data.getlist(name) if ID.fullmatch(text)]


class SeenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """Changes a row only as long as it is what the page showed.

    Whoever closes a client or freezes a wallet would be undone by a page that was open before.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            last = self.instance.history.first()
            self.fields["seen"].initial = last.pk if last else 0

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk:
            self.refuse_what_was_not_seen(data.pop("seen", ""))
        return data

    def refuse_what_was_not_seen(self, seen: str) -> None:
        again = _("Open the page again to save your change.")
        if not ID.fullmatch(seen):
            self.add_error(None, again)
        elif since := list(changes_since(self.instance, int(seen))):
            sentence = _("It was changed after you opened this page, so nothing was saved: %s.")
            self.add_error(None, f"{sentence % '; '.join(since)} {again}")

    def ask(self, name: str, sentence: str, *, beside: str) -> None:
        """Show the box `name`, and refuse until it is ticked."""
        self.fields[name].widget = UnfoldBooleanWidget()
        if not self.cleaned_data.get(name):
            self.add_error(beside, sentence)


class LastingModelAdmin(ModelAdmin):
    """Rows that payouts depend on: added by a service, never deleted."""

    list_per_page = 50
    show_full_result_count = False
    has_delete_permission = never

    class Media:
        css = {"all": ["wallets/address.css"]}

    def add_row(self, *, actor: Actor, **data: Any) -> Model:
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
            data = {name: value for name, value in form.cleaned_data.items() if name != "seen"}
            obj.pk = self.add_row(**data, actor=actor_of(request)).pk

    def fit_to_show(self, request: HttpRequest, fields: list[str]) -> list[str]:
        """Leave out what only a form that can be saved has."""
        if self.has_change_permission(request):
            return fields
        return [name for name in fields if name not in {"seen", "is_another"}]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Lock what is about to be saved: the form compares it with what its page showed."""
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST" or not connection.in_atomic_block:
            return row
        rows: QuerySet[Model] = super().get_queryset(request)
        rows.select_for_update().get(pk=row.pk)
        return super().get_object(request, object_id, from_field)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CarefulList]:
        return CarefulList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(ID.fullmatch(text) for text in chosen):
            messages.error(request, _("There is no such row; nothing was done."))
            return HttpResponseRedirect(request.get_full_path())
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        template = f"admin/wallets/{self.opts.model_name}/{name}.html"
        return TemplateResponse(request, template, context)


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
        refusal = services.refusal_of_name(named) if "name" in self.changed_data else ""
        if refusal:
            self.ask("is_another", refusal, beside="name")
        return data


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=services.LONGEST_REASON,
        validators=[one_line],
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Say why. It is kept with the client.")},
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """What stops or permits all payouts to one client."""

    name: str
    title: Any
    explanation: Any
    service: Callable[..., Client]


CLOSE = Closing(
    "close",
    gettext_lazy("Close this client"),
    gettext_lazy(
        "Nothing is paid to a closed client, whatever was approved: what waits is not sent. "
        "What Heleket has already may still arrive."
    ),
    services.close_client,
)
REOPEN = Closing(
    "reopen",
    gettext_lazy("Open this client again"),
    gettext_lazy("Approved payouts to this client's active wallets can be sent from now on."),
    services.reopen_client,
)


def closing_for(client: Client) -> Closing:
    return CLOSE if client.is_active else REOPEN


@admin.register(Client)
class ClientAdmin(LastingModelAdmin):
    form = ClientForm
    change_form_outer_before_template = "admin/wallets/client/acts.html"
    change_form_outer_after_template = "admin/wallets/client/wallets.html"
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
        told = ["external_id", "name", "is_another", "email", "group"]
        facts = ["open_or_closed", "created_at", "created_by", "changes", "seen"]
        return told if obj is None else self.fit_to_show(request, [*told, *facts])

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
            "closing_url": reverse(f"admin:wallets_client_{closing.name}", args=[client.pk]),
            "wallets": client.wallets.select_related("added_by")[:WALLETS_SHOWN],
            "wallets_count": client.wallets.count(),
            "wallets_url": f"{reverse(WALLETS)}?client__id__exact={client.pk}",
        }

    def closing_view(self, request: StaffRequest, pk: int, closing: Closing) -> HttpResponse:
        """Ask for the reason, and close the client or open it again."""
        if not request.user.has_perm("wallets.change_client"):
            raise PermissionDenied
        client = get_object_or_404(Client, pk=pk)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            self.close_or_reopen(request, client, closing, form.cleaned_data["reason"])
            return HttpResponseRedirect(reverse("admin:wallets_client_change", args=[client.pk]))
        counts = client.wallets.aggregate(all=Count("pk"), active=Count("pk", filter=ACTIVE))
        context = {"client": client, "form": form, "closing": closing, "title": closing.title}
        return self.page(request, "closing", {**context, "counts": counts})

    def close_or_reopen(
        self, request: StaffRequest, client: Client, closing: Closing, reason: str
    ) -> None:
        try:
            closing.service(client.pk, reason=reason, actor=actor_of(request))
        except Refused as exc:
            messages.error(request, str(exc))
        else:
            sentence = _("%s was closed.") if closing is CLOSE else _("%s is open again.")
            messages.success(request, sentence % client)

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
        told = ["client", "network", "destination", "memo", "label", "preferred_currency"]
        return self.fit_to_show(request, [*told, *facts])

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
        acts = self.possible_acts(request, wallet) if wallet else []
        context = {**(extra_context or {}), "acts": acts}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def possible_acts(self, request: StaffRequest, wallet: Wallet) -> list[tuple[str, Any]]:
        """Return addresses and titles of what this person may do with the wallet now."""
        return [
            (f"{self.act_url(name)}?ids={wallet.pk}", act.title)
            for name, act in ACTS.items()
            if actor_of(request).may(*act.operation.permissions)
            and wallet.status in act.operation.statuses
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
        if not actor_of(request).may(*act.operation.permissions):
            raise PermissionDenied
        if request.method != "POST":
            return self.confirm(request, name, Wallet.objects.filter(pk__in=read_ids(request.GET)))
        operation = act.operation
        if act.permits:
            operation = operations.Approve(certain_of=read_ids(request.POST, "certain"))
        seen = operations.see(read_ids(request.POST)[:MOST_AT_ONCE])
        outcomes = perform(operation, seen, actor=actor_of(request))
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

    @display(description=gettext_lazy("address"), ordering="address")
    def destination(self, wallet: Wallet) -> SafeString:
        return in_groups(wallet.address)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def state(self, wallet: Wallet) -> tuple[str, str]:
        return wallet.status, wallet.get_status_display()

    @admin.display(description=gettext_lazy("history"))
    def changes(self, wallet: Wallet) -> SafeString:
        return recent_changes(wallet)


@admin.register(PayoutMethod)
class PayoutMethodAdmin(LastingModelAdmin):
    """Heleket's price list; the job `sync_services` fills it."""

    list_display = ["coin", "state", "minimum", "maximum", "fee", "synced_at"]
    list_filter = ["is_available", "network"]
    search_fields = ["currency", "network"]
    list_before_template = "admin/wallets/payoutmethod/hint.html"
    has_add_permission = has_change_permission = never

    @display(description=gettext_lazy("coin"), ordering="currency", header=True)
    def coin(self, service: PayoutMethod) -> tuple[str, str]:
        return service.currency, network_name(service.network)

    @display(description=gettext_lazy("state"), label={"yes": "success", "no": "danger"})
    def state(self, service: PayoutMethod) -> tuple[str, str]:
        if not is_known(service.network, service.currency):
            return "no", _("not known to this desk")
        return ("yes", _("available")) if service.is_available else ("no", _("not available"))

    @admin.display(description=gettext_lazy("minimum"), ordering="min_amount")
    def minimum(self, service: PayoutMethod) -> str:
        return f"{format_amount(service.min_amount)} {service.currency}"

    @admin.display(description=gettext_lazy("maximum"), ordering="max_amount")
    def maximum(self, service: PayoutMethod) -> str:
        return f"{format_amount(service.max_amount)} {service.currency}"

    @admin.display(description=gettext_lazy("fee"), ordering="fee_amount")
    def fee(self, service: PayoutMethod) -> str:
        fixed = f"{format_amount(service.fee_amount)} {service.currency}"
        return f"{fixed} + {format_amount(service.percent)} %" if service.percent else fixed
