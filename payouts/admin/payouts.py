"""Payouts in the Admin: the list, the page, acts, edit and a payout by hand."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from audit import clock
from audit.refusals import Refused
from payouts import idempotency, operations, requests
from payouts.admin import acts, costs, dossier, rows
from payouts.admin.forms import AddForm, ConfirmForm, EditForm
from payouts.admin.frame import LONGEST_ID, DeskAdmin, require
from payouts.admin.templatetags.payouts import ago, money
from payouts.models import Origin, Payout, PayoutQuerySet, PayoutStatus
from payouts.seen import Seen
from payouts.staff.pages import StaffRequest, actor_of
from wallets.amounts import InvalidAmount, format_amount, parse_amount
from wallets.coins import network_name
from wallets.models import Client, PayoutMethod, Wallet

CLIENTS_OFFERED = 20
LIKELY_DUPLICATE = timedelta(hours=24)


@admin.register(Payout)
class PayoutAdmin(DeskAdmin):
    change_list_template = "payouts/list.html"
    paginator = rows.PayoutPaginator
    list_select_related = ["client"]
    list_filter = [
        rows.QueueFilter,
        ("status", ChoicesCheckboxFilter),
        rows.NetworkFilter,
        rows.CurrencyFilter,
        ("origin", ChoicesCheckboxFilter),
        rows.PeriodFilter,
    ]
    list_filter_submit = True
    show_add_link = False  # the list has a button in words
    list_fullwidth = True
    ordering = ["-number"]
    sortable_by = ["name"]
    search_fields = ["number"]  # shows the box; get_search_results searches
    search_help_text = gettext_lazy(
        "Number, reference, client, or a whole address or transaction id"
    )

    def has_add_permission(self, request: Any, _obj: Any = None) -> bool:
        return bool(request.user.has_perm("payouts.add_payout"))

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"payouts_payout_{name}")

        return [
            page("", self.changelist_view, "changelist"),
            page("add/", self.choose_client, "add"),
            page("add/<int:client_id>/", self.add_for, "add_for"),
            page("estimate/", self.estimate, "estimate"),
            page("act/<slug:name>/", self.act_on_many, "act"),
            page("<uuid:object_id>/", self.show, "change"),
            page("<uuid:object_id>/edit/", self.edit, "edit"),
            page("<uuid:object_id>/<slug:name>/", self.act_on_one, "act_on"),
        ]

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[rows.PayoutList]:
        return rows.PayoutList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        waits = rows.waits_column()
        return ["name", "state", waits, "age", "sum", "who", "destination", "purpose"]

    def changelist_view(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        tabs = rows.tabs(Payout.objects.all(), request.user, request.GET.get("queue", ""))
        context = {**(extra_context or {}), "title": _("Payouts"), "tabs": tabs}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: PayoutQuerySet, search_term: str
    ) -> tuple[PayoutQuerySet, bool]:
        text = search_term.strip()
        return (rows.search(queryset, text) if text else queryset), False

    @display(description=gettext_lazy("payout"), ordering="number")
    def name(self, payout: Payout) -> str:
        return str(payout)

    @display(description=gettext_lazy("status"))
    def state(self, payout: Payout) -> SafeString:
        return rows.status_label(payout.status)

    @display(description=gettext_lazy("age"))
    def age(self, payout: Payout) -> str:
        return ago(payout.requested_at)

    @display(description=gettext_lazy("amount"))
    def sum(self, payout: Payout) -> SafeString:
        return money(payout.amount, payout.currency)

    @display(description=gettext_lazy("client"))
    def who(self, payout: Payout) -> SafeString:
        return rows.two_lines(payout.client.name, payout.client.external_id)

    @display(description=gettext_lazy("to"))
    def destination(self, payout: Payout) -> SafeString:
        first, last = payout.address[:4], payout.address[-4:]
        address = f"{first} {payout.address[4:8]} … {last}"
        return rows.two_lines(address, network_name(payout.network))

    # One payout

    def show(self, request: StaffRequest, object_id: UUID) -> HttpResponse:
        payout = self.find(request, object_id)
        context = dossier.dossier(payout, actor_of(request))
        return self.page(request, "page", str(payout), original=payout, **context)

    def find(self, request: StaffRequest, object_id: UUID) -> Payout:
        require(request, "payouts.view_payout")
        payouts = Payout.objects.select_related("client", "wallet", "requested_by")
        return get_object_or_404(payouts, pk=object_id)

    # Acts: a confirmation, then POST on exactly what it showed, then what became of each row

    def get_actions(self, request: StaffRequest) -> dict[str, Any]:
        """Offer on the list what this person may do to payouts at all."""

        def begin(name: str) -> Callable[..., HttpResponse]:
            return lambda _admin, request, chosen: self.confirm(request, acts.ACTS[name], chosen)

        actions: dict[str, Any] = {
            act.name: (begin(act.name), act.name, act.title)
            for act in acts.ACTS.values()
            if act.is_allowed(actor_of(request))
        }
        if request.user.has_perm("payouts.edit_payout"):
            actions["edit"] = (PayoutAdmin.edit_chosen, "edit", _("Edit"))
        return actions

    def response_action(self, request: Any, queryset: Any) -> HttpResponse | None:
        """Go on with ids that payouts can have; the list chooses no others."""
        try:
            [UUID(each) for each in request.POST.getlist(ACTION_CHECKBOX_NAME)]
        except ValueError:
            messages.error(request, _("No payout was chosen. Nothing was changed."))
            return None
        response: HttpResponse | None = super().response_action(request, queryset)
        return response

    def act_on_one(self, request: StaffRequest, object_id: UUID, name: str) -> HttpResponse:
        act = self.find_act(request, name)
        payout = self.find(request, object_id)
        return self.confirm(request, act, Payout.objects.filter(pk=payout.pk))

    def act_on_many(self, request: StaffRequest, name: str) -> HttpResponse:
        act = self.find_act(request, name)
        if request.method != "POST":
            return redirect("admin:payouts_payout_changelist")
        seen = acts.read_tokens(request.POST.get("seen", ""))
        form = ConfirmForm(request.POST, act=act)
        if not form.is_valid():
            chosen = Payout.objects.filter(pk__in=[each.id for each in seen])
            return self.confirm(request, act, chosen, form)
        return self.act(request, act, seen, form.cleaned_data.get("reason", ""))

    def find_act(self, request: StaffRequest, name: str) -> acts.Act:
        if name not in acts.ACTS:
            raise Http404
        act = acts.ACTS[name]
        if not act.is_allowed(actor_of(request)):
            raise PermissionDenied
        return act

    def confirm(
        self, request: Any, act: acts.Act, chosen: QuerySet[Payout], form: Any = None
    ) -> HttpResponse:
        try:
            confirmation = acts.prepare(act, chosen, actor_of(request))
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect("admin:payouts_payout_changelist")
        form = form or ConfirmForm(act=act)
        context: dict[str, Any] = {"act": act, "confirmation": confirmation, "form": form}
        if payout := confirmation.only:
            context |= self.wire(act, payout)
        return self.page(request, "confirm", act.title, **context)

    def wire(self, act: acts.Act, payout: Payout) -> dict[str, Any]:
        """Return what one payout's confirmation shows besides: all that Heleket will be told."""
        coin = (payout.network, payout.currency, payout.amount)
        return {
            "payout": payout,
            "original": payout,
            "order_id": payout.order_id(settings.INSTALLATION),
            "estimate": costs.estimate(*coin),
            "calculated": costs.ask_heleket(*coin, payout.address) if act.sends else None,
        }

    def act(
        self, request: StaffRequest, act: acts.Act, seen: list[Seen], reason: str
    ) -> HttpResponse:
        try:
            outcomes = acts.do(act, seen, reason=reason, actor=actor_of(request))
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect("admin:payouts_payout_changelist")
        payouts = Payout.objects.select_related("client").in_bulk([each.id for each in outcomes])
        results = [(outcome, payouts.get(outcome.id)) for outcome in outcomes]
        results.sort(key=lambda result: (result[0].done, result[1].number if result[1] else 0))
        done = sum(outcome.done for outcome in outcomes)
        context = {"act": act, "results": results, "done": done, "refused": len(results) - done}
        return self.page(request, "result", act.title, **context)

    # Edit

    def edit_chosen(self, request: HttpRequest, chosen: QuerySet[Payout]) -> HttpResponse | None:
        ids = chosen.values_list("pk", flat=True)[:2]
        if len(ids) == 1:
            return redirect("admin:payouts_payout_edit", ids[0])
        messages.error(request, _("Edit one payout at a time."))
        return None

    def edit(self, request: StaffRequest, object_id: UUID) -> HttpResponse:
        require(request, "payouts.edit_payout")
        payout = self.find(request, object_id)
        form = EditForm.showing(payout)
        if request.method == "POST":
            form = EditForm(request.POST, client=payout.client)
            if form.is_valid() and self.save_edit(request, payout, form):
                return redirect("admin:payouts_payout_change", payout.pk)
        title = _("Edit %s") % payout
        possible = dossier.may_edit(payout, actor_of(request))
        context = {"payout": payout, "original": payout, "form": form, "possible": possible}
        return self.page(request, "edit", title, **context)

    def save_edit(self, request: StaffRequest, payout: Payout, form: EditForm) -> bool:
        data = dict(form.cleaned_data)
        seen, reason = Seen.read(data.pop("seen")), data.pop("reason")
        if seen is None or seen.id != payout.pk:
            seen = Seen(payout.pk, "")  # which no payout is
        try:
            edit = operations.Edit(**data)
            changed = operations.edit_payout(seen, edit, reason=reason, actor=actor_of(request))
        except Refused as exc:
            form.add_error(None, str(exc))
            return False
        done = _("%s was changed. It waits for approval.")
        if changed.status == PayoutStatus.HELD:
            done = _("%s was changed. It stays on hold.")
        messages.success(request, done % payout)
        return True

    # Add: the client, then the form, then a confirmation

    def choose_client(self, request: StaffRequest) -> HttpResponse:
        require(request, "payouts.add_payout")
        term = request.GET.get("q", "").strip()
        clients = Client.objects.active()
        if term:
            clients = clients.filter(pk__in=rows.clients_called(term))
        context = {"clients": clients[:CLIENTS_OFFERED], "term": term}
        return self.page(request, "choose_client", _("Who is paid?"), **context)

    def add_for(self, request: StaffRequest, client_id: int) -> HttpResponse:
        require(request, "payouts.add_payout")
        client = get_object_or_404(Client, pk=client_id)
        form = AddForm(request.POST or None, client=client)
        if request.method == "POST" and "back" not in request.POST and form.is_valid():
            if "confirmed" not in request.POST:
                return self.confirm_new(request, client, form)
            if payout := self.save_new(request, client, form):
                return redirect("admin:payouts_payout_change", payout.pk)
        title = _("Pay %s") % client.name
        return self.page(request, "add", title, client=client, form=form)

    def confirm_new(self, request: HttpRequest, client: Client, form: AddForm) -> HttpResponse:
        told = form.cleaned_data
        wallet = told["wallet"]
        coin = (wallet.network, told["currency"], told["amount"])
        context = {
            "client": client,
            "form": form,
            "new": told,
            "estimate": costs.estimate(*coin),
            "calculated": costs.ask_heleket(*coin, wallet.address),
            "duplicates": likely_duplicates(wallet, told["currency"], told["amount"]),
        }
        return self.page(request, "confirm_new", _("Request this payout?"), **context)

    def save_new(self, request: StaffRequest, client: Client, form: AddForm) -> Payout | None:
        data = dict(form.cleaned_data)
        nonce = data.pop("nonce")
        try:
            payout = requests.request_payout(
                **data,
                client=client,
                idempotency_key=idempotency.manual(nonce),
                origin=Origin.MANUAL,
                actor=actor_of(request),
                installation=settings.INSTALLATION,
            )
        except Refused as exc:
            form.add_error(None, str(exc))
            return None
        messages.success(request, _("%s was requested. It waits for approval.") % payout)
        return payout

    def estimate(self, request: StaffRequest) -> JsonResponse:
        """Tell the form, while somebody types, what the stored price list says."""
        if not (self.has_add_permission(request) or request.user.has_perm("payouts.edit_payout")):
            raise PermissionDenied
        wallet = Wallet.objects.filter(pk__in=ids_in(request.GET.get("wallet", ""))).first()
        if wallet is None:
            return JsonResponse({"currencies": [], "note": _("Choose a wallet.")})
        services_there = PayoutMethod.objects.available().filter(network=wallet.network)
        currencies = list(services_there.values_list("currency", flat=True))
        told = estimate_in_words(wallet, request.GET)
        return JsonResponse({"currencies": currencies, **told})


def ids_in(text: str) -> list[int]:
    """Return the id that a text is, or none."""
    return [int(text)] if re.fullmatch(f"[0-9]{{1,{LONGEST_ID}}}", text) else []


def likely_duplicates(wallet: Wallet, currency: str, amount: Any) -> QuerySet[Payout]:
    recent = Payout.objects.for_client(wallet.client).filter(
        requested_at__gte=clock.now() - LIKELY_DUPLICATE
    )
    return recent.filter(address=wallet.address, currency=currency, amount=amount)


def estimate_in_words(wallet: Wallet, typed: Any) -> dict[str, Any]:
    currency = typed.get("currency", "")
    if not currency:
        return {"note": _("Choose a currency.")}
    if not typed.get("amount"):
        return {"note": _("Type an amount.")}
    try:
        told = costs.estimate(wallet.network, currency, parse_amount(typed["amount"]))
    except InvalidAmount as exc:
        return {"note": str(exc)}
    if told is None:
        return {"note": _("Heleket does not pay this coin there.")}
    return {
        "note": told.refusal.sentence if told.refusal else "",
        "arrives": f"{format_amount(told.amount)} {currency}",
        "fee": f"{format_amount(told.fee)} {currency}",
        "debit": f"{format_amount(told.debit)} {currency}",
    }
