"""Exchange rates in the Admin: what coins are worth, and what two people do if one has jumped."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from audit import clock
from audit.refusals import Refusal, Refused
from payouts.admin.lists import DeskAdmin
from payouts.admin.templatetags.payouts import ago
from payouts.controls import policy, rates
from payouts.controls.codes import ControlsCode
from payouts.controls.models import ExchangeRate, PastRate
from payouts.staff import two_people
from payouts.staff.forms import reason_field
from payouts.staff.pages import ID, StaffRequest, actor_of, require

RIGHT = "payouts_controls.view_exchangerate"
SHOWN = 24  # past rates on a page: of a day, if nothing moves

STATES = {
    ControlsCode.RATE_MISSING: gettext_lazy("unknown"),
    ControlsCode.RATE_OLD: gettext_lazy("old"),
    ControlsCode.RATE_SUSPICIOUS: gettext_lazy("in doubt"),
}
TONES = {
    "sound": "success",
    ControlsCode.RATE_MISSING.value: "warning",
    ControlsCode.RATE_OLD.value: "warning",
    ControlsCode.RATE_SUSPICIOUS.value: "danger",
}


class ProposeForm(forms.Form):
    """Why a rate that has jumped is right; `seen` names what the page showed."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = reason_field(gettext_lazy("Say how you know that it is right. It is kept for ever."))


@admin.register(ExchangeRate)
class RatesAdmin(DeskAdmin):
    change_list_template = "payouts/records.html"
    list_title = gettext_lazy("Rates")
    list_before_template = "payouts/rates_hint.html"
    when_empty = gettext_lazy("Heleket was not asked about any rate yet; the worker does it")
    list_display = ["currency", "worth", "state", "of_when"]
    ordering = [F("doubted_at").desc(nulls_last=True), "currency"]
    sortable_by: list[str] = []

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"payouts_controls_exchangerate_{name}")

        return [
            page("", self.changelist_view, "changelist"),
            page("<int:object_id>/", self.show, "change"),
            page("<int:object_id>/propose/", self.propose, "propose"),
            page("<int:object_id>/confirm/", require_POST(self.confirm), "confirm"),
            page("<int:object_id>/withdraw/", require_POST(self.withdraw), "withdraw"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExchangeRate]:
        found: QuerySet[ExchangeRate] = super().get_queryset(request)
        return found.filter(reference=settings.REFERENCE_CURRENCY)

    def changelist_view(self, request: Any, extra_context: Any = None) -> HttpResponse:
        context = {
            "reference": settings.REFERENCE_CURRENCY,
            "has_payment_key": bool(settings.HELEKET_PAYMENT_API_KEY),
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    # Pages

    def show(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, RIGHT)
        row = self.find(object_id)
        waiting = rates.proposed(row)
        past = (
            PastRate.objects.filter(reference=row.reference, currency=row.currency)
            .select_related("joint__proposed_by", "joint__ended_by")
            .order_by("-said_at", "-pk")
        )
        context = {
            "row": row,
            "facts": rates.facts_of(row),
            "now": rates.doubted_value(row),
            "before": rates.value(row.rate),
            "refusal": standing(row),
            "may_propose": row.is_doubted and row.doubted_rate is not None and waiting is None,
            "is_no_price": row.is_doubted and row.doubted_rate is None,
            "proposed": waiting,
            "is_own": waiting and waiting.proposed_by_id == request.user.pk,
            "past": in_words(past[:SHOWN]),
            "accepted": in_words(past.exclude(joint=None)[:SHOWN]),
            "is_abandoned": waiting and two_people.is_abandoned(waiting, rates.RIGHT),
        }
        return self.page(request, "payouts/rate.html", str(row), **context)

    def propose(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, rates.RIGHT)
        row, actor = self.find(object_id), actor_of(request)

        def propose(seen: str, reason: str) -> str:
            return rates.propose(row.pk, seen, reason, actor=actor)

        return self.ask(
            request,
            ProposeForm(request.POST or None, initial={"seen": rates.facts_of(row)}),
            propose,
            template="payouts/propose_rate.html",
            title=_("Is this rate right?"),
            back=self.url("change", object_id),
            row=row,
            now=rates.doubted_value(row),
            before=rates.value(row.rate),
        )

    def confirm(self, request: StaffRequest, object_id: int) -> HttpResponse:
        actor, facts = actor_of(request), request.POST.get("seen", "")
        return self.act_on_proposed(
            request,
            object_id,
            lambda joint_id: rates.confirm(object_id, joint_id, facts, actor=actor),
        )

    def withdraw(self, request: StaffRequest, object_id: int) -> HttpResponse:
        actor = actor_of(request)
        return self.act_on_proposed(
            request, object_id, lambda joint_id: rates.withdraw(object_id, joint_id, actor=actor)
        )

    def act_on_proposed(
        self, request: StaffRequest, object_id: int, act: Callable[[int], str]
    ) -> HttpResponse:
        require(request, rates.RIGHT)
        self.find(object_id)
        proposal = request.POST.get("proposal", "")
        try:
            messages.success(request, act(int(proposal) if ID.fullmatch(proposal) else 0))
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("change", object_id))

    def find(self, object_id: int) -> ExchangeRate:
        found = ExchangeRate.objects.filter(reference=settings.REFERENCE_CURRENCY)
        return get_object_or_404(found, pk=object_id)

    # The list

    @admin.display(description=gettext_lazy("is worth"))
    def worth(self, row: ExchangeRate) -> str:
        return "—" if row.rate is None else f"{rates.value(row.rate)} {row.reference}"

    @display(description=gettext_lazy("state"), label=TONES)
    def state(self, row: ExchangeRate) -> tuple[str, Any]:
        if refusal := standing(row):
            return refusal.code.value, STATES[ControlsCode(refusal.code)]
        return "sound", _("sound")

    @admin.display(description=gettext_lazy("as of"))
    def of_when(self, row: ExchangeRate) -> str:
        return ago(row.fetched_at)


def in_words(past: Iterable[PastRate]) -> list[tuple[PastRate, str]]:
    """Write rates as other pages do; what is no price stays as Heleket said it."""
    return [(each, each.text if each.rate is None else rates.value(each.rate)) for each in past]


def standing(row: ExchangeRate) -> Refusal | None:
    """Return why a rate may not be used now, if it may not."""
    found = rates.judged(row.currency, row, policy.values().rate_bounds, clock.now())
    return found if isinstance(found, Refusal) else None


def unsound() -> list[tuple[str, Any]]:
    """Return the coins that can be paid but not priced, with the state of their rates: payouts of
    them wait."""
    found = rates.sound_rates(rates.wanted(), bounds=policy.values().rate_bounds)
    refusals = {each: found[each] for each in sorted(found)}
    return [
        (coin, STATES[ControlsCode(refusal.code)])
        for coin, refusal in refusals.items()
        if isinstance(refusal, Refusal)
    ]
