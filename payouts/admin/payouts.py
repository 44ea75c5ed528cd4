"""Payouts in the Admin: the list, the page, actions, edit and a payout by hand."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.actor import Actor
from audit.refusals import Refused
from audit.texts import day_and_hour
from payouts import linked, operations
from payouts.admin import (
    balances,
    costs,
    dossier,
    exports,
    live,
    manual,
    queues,
    rows,
    table,
    talk,
)
from payouts.admin.clients import choice_of_client
from payouts.admin.deciding import DecidingPages
from payouts.admin.exports import ExportPages
from payouts.admin.filters import PayoutFilter, is_by_date
from payouts.admin.forms import AddForm, EditForm
from payouts.admin.lists import DeskAdmin
from payouts.admin.live import LivePages
from payouts.admin.moment import moment_of
from payouts.admin.search import search
from payouts.admin.templatetags.payouts import ago, money
from payouts.codes import PayoutCode
from payouts.models import Payout, PayoutQuerySet, PayoutStatus, Statement, WaitingFor
from payouts.seen import Seen
from payouts.staff.pages import ID, StaffRequest, actor_of, require
from payouts.states import States
from wallets.coins import network_name
from wallets.models import Client, PayoutMethod, Wallet


@admin.register(Payout)
class PayoutAdmin(LivePages, ExportPages, DecidingPages, DeskAdmin):
    change_list_template = "payouts/list.html"
    paginator = rows.PayoutPaginator
    list_select_related = ["client"]
    list_filter = [
        queues.QueueFilter,
        PayoutFilter,
    ]
    list_filter_submit = True
    show_add_link = False  # the list has a button in words
    list_fullwidth = True
    ordering = ["-number"]
    sortable_by = ["name", "age", "sum", "who"]
    search_fields = ["number"]  # shows the box; get_search_results searches
    search_help_text = gettext_lazy("Number, client, amount, purpose, reference, address or any id")

    def has_add_permission(self, request: Any, _obj: Any = None) -> bool:
        return bool(request.user.has_perm("payouts.add_payout"))

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"payouts_payout_{name}")

        return [
            page("", self.changelist_view, "changelist"),
            page("start/", self.start, "start"),
            page("add/", self.choose_client, "add"),
            page("add/<int:client_id>/", self.add_for, "add_for"),
            page("estimate/", self.estimate, "estimate"),
            page("statements/<slug:sha256>/", self.statement, "statement"),
            *self.export_urls(),
            *self.live_urls(),
            page("<uuid:object_id>/", self.show, "change"),
            page("<uuid:object_id>/edit/", self.edit, "edit"),
            page("<uuid:object_id>/answer/", self.answer, "answer"),
            *self.deciding_urls(),
        ]

    # The list

    def start(self, request: StaffRequest) -> HttpResponse:
        """Open the queue that needs this person most."""
        require(request, "payouts.view_payout")
        queue = queues.first_queue(request.user, moment_of(request))
        return redirect(f"{self.url('changelist')}?queue={queue}")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[rows.PayoutList]:
        return rows.PayoutList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        waits = [rows.waits_column(moment_of(request).states)]
        if request.GET.get("queue") in queues.WITH_WHOM:
            waits.append(queues.whom_column(request))
        if not request.user.has_perm("payouts.view_flags"):
            waits = []
        dates = ["date"] if is_by_date(request) else []
        return ["name", "state", *waits, "age", *dates, "sum", "who", "destination", "purpose"]

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["pay_from", "-number"] if is_by_date(request) else ["-number"]

    def changelist_view(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        chosen, moment = request.GET.get("queue", ""), moment_of(request)
        tabs = queues.tabs(Payout.objects.all(), request.user, chosen, moment)
        queue = queues.QUEUES.get(chosen)
        context = {
            **(extra_context or {}),
            "title": _("Payouts"),
            "tabs": tabs,
            "empty_queue": queue.empty if queue else "",
            "hides_queue": queue is not None and not queue.is_seen_by(request.user),
            **self.begin_context(request),
            "live": live.list_state(tabs),
            "live_url": self.url("live"),
            "may_export": request.user.has_perm(exports.RIGHT),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: PayoutQuerySet, search_term: str
    ) -> tuple[PayoutQuerySet, bool]:
        text = search_term.strip()
        return (search(queryset, text) if text else queryset), False

    @display(description=gettext_lazy("payout"), ordering="number")
    def name(self, payout: Payout) -> str:
        return str(payout)

    @display(description=gettext_lazy("status"))
    def state(self, payout: Payout) -> SafeString:
        beside = linked.outside(payout) if payout.is_linked else ""
        return table.status_label(payout.status, payout.effective, beside)

    @display(description=gettext_lazy("age"), ordering="-number")
    def age(self, payout: Payout) -> str:
        return ago(payout.requested_at)

    @display(description=gettext_lazy("pay from"))
    def date(self, payout: Payout) -> str:
        return day_and_hour(payout.pay_from) or "—"

    @display(description=gettext_lazy("amount"), ordering="amount")
    def sum(self, payout: Payout) -> SafeString:
        return money(payout.amount, payout.currency)

    @display(description=gettext_lazy("client"), ordering="client__folded_name")
    def who(self, payout: Payout) -> SafeString:
        return table.two_lines(payout.client.name, payout.client.external_id)

    @display(description=gettext_lazy("to"))
    def destination(self, payout: Payout) -> SafeString:
        first, last = payout.address[:4], payout.address[-4:]
        address = f"{first} {payout.address[4:8]} … {last}"
        return table.two_lines(address, network_name(payout.network))

    # One payout

    def show(self, request: StaffRequest, object_id: UUID) -> HttpResponse:
        payout = self.find(request, object_id)
        actor = actor_of(request)
        states = States.now(shows_balances=request.user.has_perm(balances.RIGHT))
        shown = dossier.dossier(payout, states)
        context = {
            **shown,
            **self.deciding_context(request, payout, shown["approvals"]),
            **talk.talk_about(payout, actor),
            "live": live.payout_state(payout, shown["explanation"]),
            "live_url": self.url("live_one", payout.pk),
            "may_edit": may_edit(payout, actor),
        }
        if request.user.has_perm("payouts.view_entry"):
            context["entries"] = payout.entries.order_by("pk").prefetch_related("postings")
        return self.page(request, "payouts/page.html", str(payout), original=payout, **context)

    def find(self, request: StaffRequest, object_id: UUID) -> Payout:
        require(request, "payouts.view_payout")
        payouts = Payout.objects.select_related("client", "wallet", "requested_by")
        return get_object_or_404(payouts, pk=object_id)

    def statement(self, request: StaffRequest, sha256: str) -> HttpResponse:
        """Hand out the bytes by which somebody approved, to who sees what happened to payouts."""
        require(request, "payouts.view_payout")
        require(request, "payouts.view_flags")
        found = get_object_or_404(Statement, sha256=sha256)
        return HttpResponse(
            bytes(found.body),
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="statement-{found}.json"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if actor_of(request).may("payouts.edit_payout"):
            actions["edit"] = (PayoutAdmin.edit_chosen, "edit", _("Edit"))
        return actions

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
            form = EditForm(request.POST, client=payout.client, edited=payout)
        actor = actor_of(request)
        return self.ask(
            request,
            form,
            partial(save_edit, payout, actor),
            template="payouts/edit.html",
            title=_("Edit %s") % payout,
            back=self.url("change", payout.pk),
            payout=payout,
            original=payout,
            possible=may_edit(payout, actor),
        )

    def answer(self, request: StaffRequest, object_id: UUID) -> HttpResponse:
        return talk.answer_page(self, request, self.find(request, object_id))

    # Add: the client, then the form, then a confirmation

    def choose_client(self, request: StaffRequest) -> HttpResponse:
        require(request, "payouts.add_payout")
        context = choice_of_client(request)
        return self.page(request, "payouts/choose_client.html", _("Who is paid?"), **context)

    def add_for(self, request: StaffRequest, client_id: int) -> HttpResponse:
        require(request, "payouts.add_payout")
        client = get_object_or_404(Client, pk=client_id)
        again = talk.requested_again(request, client)
        form = AddForm(
            request.POST or None,
            client=client,
            wallet=request.GET.get("wallet", ""),
            initial=talk.filled_in_from(again),
        )
        is_sent = request.method == "POST" and "back" not in request.POST
        if is_sent and form.known:
            return manual.answer_used_form(self, request, form, form.known)
        if is_sent and form.is_valid():
            if "confirmed" not in request.POST:
                return self.confirm_new(request, client, form)
            if payout := self.save_new(request, client, form):
                return redirect("admin:payouts_payout_change", payout.pk)
        if is_sent and form.errors.keys() == {"reason"}:  # which the confirmation asks for
            return self.confirm_new(request, client, form)
        title = _("Pay %s") % client.name
        return self.page(request, "payouts/add.html", title, client=client, form=form, again=again)

    def confirm_new(self, request: StaffRequest, client: Client, form: AddForm) -> HttpResponse:
        new = form.cleaned_data
        wallet = new["wallet"]
        coin = (wallet.network, new["currency"], new["amount"])
        context = {
            "client": client,
            "form": form,
            "new": new,
            "estimate": costs.estimate(*coin),
            "calculated": costs.ask_heleket(*coin, wallet.address),
            **self.costs_of_new(request, client, form),
        }
        return self.page(request, "payouts/confirm_new.html", _("Request this payout?"), **context)

    def save_new(self, request: StaffRequest, client: Client, form: AddForm) -> Payout | None:
        try:
            payout = manual.request(client, actor_of(request), **form.cleaned_data)
        except Refused as exc:
            is_unexplained = exc.refusal.code == PayoutCode.DUPLICATE_UNEXPLAINED
            form.add_error("reason" if is_unexplained else None, str(exc))
            return None
        messages.success(request, f"{_('%s was requested.') % payout} {what_it_awaits(payout)}")
        return payout

    def estimate(self, request: StaffRequest) -> JsonResponse:
        """Answer the form, while somebody types, with what the stored price list says."""
        if not (self.has_add_permission(request) or request.user.has_perm("payouts.edit_payout")):
            raise PermissionDenied
        chosen = request.GET.get("wallet", "")
        wallet = Wallet.objects.filter(pk=chosen).first() if ID.fullmatch(chosen) else None
        if wallet is None:
            return JsonResponse({"currencies": [], "note": _("Choose a wallet.")})
        services_there = PayoutMethod.objects.available().filter(network=wallet.network)
        currencies = list(services_there.values_list("currency", flat=True))
        fields = costs.estimate_in_words(wallet, request.GET)
        if request.GET.get("currency") in currencies and request.user.has_perm(balances.RIGHT):
            fields["balance"] = balances.in_words(request.GET["currency"])
        return JsonResponse({"currencies": currencies, **fields})


def may_edit(payout: Payout, actor: Actor) -> bool:
    edit = operations.Edit
    is_possible = payout.status in edit.statuses and not operations.refusal_of_stopped(payout)
    return is_possible and actor.may(edit.permission)


def save_edit(payout: Payout, actor: Actor, seen: str, reason: str, **data: Any) -> str:
    """Change what the page showed, and return a sentence about it. Raises Refused."""
    shown = Seen.read(seen)
    if shown is None or shown.id != payout.pk:
        shown = Seen(payout.pk, "")  # which no payout is
    changed = operations.edit_payout(shown, operations.Edit(**data), reason=reason, actor=actor)
    if changed.status == PayoutStatus.HELD:
        return _("%s was changed. It stays on hold.") % payout
    return f"{_('%s was changed.') % payout} {what_it_awaits(changed)}"


def what_it_awaits(payout: Payout) -> str:
    if payout.waiting_for == WaitingFor.WALLET:
        return _("It waits for the approval of its wallet.")
    if payout.status == PayoutStatus.HELD:
        return payout.why.sentence
    if payout.status == PayoutStatus.APPROVED:
        return _("The policy lets it go without approval.")
    return _("It waits for approval.")
