"""Discrepancies in the Admin: both sides beside each other, and how each is ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSingleDateWidget

from audit import clock
from audit.refusals import Refusal, Refused
from payouts import endings, links, outcomes, owners
from payouts.admin import foreign
from payouts.admin.lists import DeskAdmin
from payouts.admin.templatetags.destinations import address_buttons, transaction_buttons
from payouts.admin.templatetags.payouts import ago, in_threes
from payouts.codes import PayoutCode
from payouts.discrepancies import MEMBERS, Kind
from payouts.gateway import accounts
from payouts.models import FINAL_FAILURES, Discrepancy, PayoutStatus
from payouts.outcomes import Outcome, Wish
from payouts.staff.codes import StaffCode
from payouts.staff.forms import reason_field
from payouts.staff.models import JointAct
from payouts.staff.pages import StaffRequest, actor_of, can_be_id, require
from payouts.times import at_day
from wallets.coins import network_name

NAMES = {
    "order_id": gettext_lazy("Order id"),
    "uuid": gettext_lazy("Heleket's id"),
    "status": gettext_lazy("Status"),
    "is_final": gettext_lazy("Final word"),
    "amount": gettext_lazy("Amount"),
    "currency": gettext_lazy("Coin"),
    "network": gettext_lazy("Network"),
    "address": gettext_lazy("Address"),
    "txid": gettext_lazy("Transaction"),
}
# What each outcome means, beside the condition under which Heleket's answers allow it.
MEANINGS = {
    Outcome.EXPLAINED: gettext_lazy(
        "Nothing differs any more: Heleket has what was sent, or never had it. The payout goes on."
    ),
    Outcome.AS_HELEKET: gettext_lazy(
        "Heleket's final word counts. A payout that has not ended becomes Paid if it is what was "
        "approved, else Not paid; beside one that has ended stands what Heleket did."
    ),
    Outcome.NOT_PAID: gettext_lazy(
        "Heleket has failed it for good, never had it, or has another payout under our order id. "
        "It ends as Not paid and is watched for a month."
    ),
    Outcome.LEFT: gettext_lazy("Nothing is sent. It is looked at again on a day that you choose."),
}

AGES = {
    "today": gettext_lazy("Today"),
    "week": gettext_lazy("This week"),
    "older": gettext_lazy("Older"),
}
STATES = {"open": "warning", "proposed": "info", "closed": "success"}


@dataclass(frozen=True)
class Line:
    """One fact, as the desk has it and as Heleket has it."""

    name: str
    ours: Any
    theirs: Any
    differs: bool
    note: str = ""  # about theirs
    buttons: str = ""  # that copy theirs and look it up


class EndForm(forms.Form):
    """How a discrepancy ends; `seen` names the facts that the page showed."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    outcome = forms.ChoiceField(
        label=gettext_lazy("How it ends"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how it ends.")},
    )
    again_on = forms.DateField(
        label=gettext_lazy("Look at it again on"),
        required=False,
        widget=UnfoldAdminSingleDateWidget(attrs={"type": "date"}),
    )
    reason = reason_field(gettext_lazy("Say what you found out. It is kept for ever."))

    def __init__(self, data: Any, *, found: Discrepancy) -> None:
        super().__init__(data, initial={"seen": found.facts})
        self.fields["outcome"].choices = [  # type: ignore[attr-defined]
            (each.value, format_html("<strong>{}</strong><br>{}", each.label, MEANINGS[each]))
            for each in outcomes.possible(found)
        ]


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("closed", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in ("open", "closed"):
            return queryset.filter(closed_at__isnull=self.value() == "open")
        return queryset


class OwnerFilter(admin.SimpleListFilter):
    title = gettext_lazy("owner")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", _("Me")), ("nobody", _("Nobody")), ("others", _("Others"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "me":
            return queryset.filter(owner=request.user.pk)
        if self.value() == "nobody":
            return queryset.filter(owner=None)
        if self.value() == "others":
            return queryset.exclude(owner=None).exclude(owner=request.user.pk)
        return queryset


class AgeFilter(admin.SimpleListFilter):
    title = gettext_lazy("first seen")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(AGES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        today, week = ages_begin(clock.now())
        if self.value() == "today":
            return queryset.filter(first_seen_at__gte=today)
        if self.value() == "week":
            return queryset.filter(first_seen_at__gte=week, first_seen_at__lt=today)
        if self.value() == "older":
            return queryset.filter(first_seen_at__lt=week)
        return queryset


def ages_begin(now: datetime) -> tuple[datetime, datetime]:
    """Return when today began, and the seven days that end with it."""
    today = localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return today, today - timedelta(days=6)


def age_of(first_seen_at: datetime) -> str:
    today, week = ages_begin(clock.now())
    if first_seen_at >= today:
        return "today"
    return "week" if first_seen_at >= week else "older"


@admin.register(Discrepancy)
class DiscrepancyAdmin(DeskAdmin):
    change_list_template = "payouts/records.html"
    when_empty = gettext_lazy("Heleket and the desk agree about everything")
    list_display = ["kind", "severity", "state", "of_payout", "who", "what", "age", "seen_to_by"]
    list_filter = [OpenFilter, OwnerFilter, "kind", AgeFilter]
    list_select_related = ["payout__client", "owner"]
    ordering = [F("closed_at").desc(nulls_first=True), "first_seen_at", "pk"]  # the oldest first
    sortable_by: list[str] = []

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"payouts_discrepancy_{name}")

        return [
            page("", self.changelist_view, "changelist"),
            page("<int:object_id>/", self.show, "change"),
            page("<int:object_id>/end/", self.end, "end"),
            page("<int:object_id>/owner/", require_POST(self.set_owner), "set_owner"),
            page("<int:object_id>/confirm/", require_POST(self.confirm), "confirm"),
            page("<int:object_id>/withdraw/", require_POST(self.withdraw), "withdraw"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Discrepancy]:
        """Say of each on which facts an end of it is proposed, if one is."""
        subject = Concat(Value("discrepancy:"), Cast(OuterRef("pk"), CharField()))
        proposed = JointAct.objects.filter(act=endings.ACT, subject=subject, ended_at=None)
        rows: QuerySet[Discrepancy] = super().get_queryset(request)
        return rows.annotate(proposed_facts=Subquery(proposed.values("facts")))

    # Pages

    def show(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, "payouts.view_discrepancy")
        found = self.find(object_id)
        waiting = endings.proposed(found)
        outcome = Outcome(waiting.data["outcome"]) if waiting else None
        is_outdated = waiting and waiting.facts != found.facts
        meanings = meanings_of(found)
        is_foreign = found.kind == Kind.FOREIGN
        context = {
            "discrepancy": found,
            "lines": lines(found),
            "outcomes": [(each.label, meanings[each]) for each in outcomes.possible(found)],
            "proposed": waiting,
            "proposed_outcome": outcome.label if outcome else "",
            "does": what_it_does(found, outcome, waiting) if outcome and waiting else "",
            "meaning": meanings[outcome] if outcome else "",
            "proposed_payout": foreign.proposed_payout(waiting),
            "candidates": foreign.candidates(found, actor_of(request))
            if is_foreign and not found.closed_at
            else [],
            "reopens_at": reopens_at(waiting),
            "is_own": waiting and waiting.proposed_by_id == request.user.pk,
            "is_outdated": is_outdated,
            "may_end": request.user.has_perm(endings.RIGHT)
            and not found.closed_at
            and (waiting is None or is_outdated),
            "is_abandoned": waiting and endings.is_abandoned(waiting, found.payout),
            "owners": self.others(request, found),
            "is_foreign": is_foreign,
        }
        return self.page(request, "payouts/discrepancy.html", str(found), **context)

    def end(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, endings.RIGHT)
        found, actor = self.find(object_id), actor_of(request)
        if found.closed_at:
            messages.error(request, Refusal(PayoutCode.CLOSED_DISCREPANCY).sentence)
            return redirect(self.url("change", object_id))

        if found.kind == Kind.FOREIGN:
            return self.end_foreign(request, found)

        def end(outcome: str, reason: str, seen: str, again_on: date | None) -> str:
            wish = Wish(found.pk, seen, Outcome(outcome), reason, at_start_of(again_on))
            with accounts.at_heleket(actor) as (client, account):
                return endings.end_or_propose(wish, client, account, actor=actor)

        return self.ask(
            request,
            EndForm(request.POST or None, found=found),
            end,
            template="payouts/end_discrepancy.html",
            title=_("How does this discrepancy end?"),
            back=self.url("change", object_id),
            discrepancy=found,
            lines=lines(found),
            takes_two=outcomes.takes_two(found, Outcome.EXPLAINED),
            left=Outcome.LEFT.label,
        )

    def end_foreign(self, request: StaffRequest, found: Discrepancy) -> HttpResponse:
        actor = actor_of(request)

        def end(what: str, reason: str, seen: str) -> str:
            wish = foreign.wish_of(found, what, reason, seen)
            with accounts.at_heleket(actor) as (client, account):
                return links.end_or_propose(wish, client, account, actor=actor)

        some = foreign.candidates(found, actor)
        return self.ask(
            request,
            foreign.LinkForm(request.POST or None, found=found, some=some),
            end,
            template="payouts/end_foreign.html",
            title=_("What is this payout at Heleket?"),
            back=self.url("change", found.pk),
            discrepancy=found,
            lines=lines(found),
            candidates=some,
        )

    def confirm(self, request: StaffRequest, object_id: int) -> HttpResponse:
        actor, facts = actor_of(request), request.POST.get("seen", "")

        def confirm(joint: JointAct) -> str:
            with accounts.at_heleket(actor) as (client, account):
                how = links.confirm if is_foreign(joint) else endings.confirm
                return how(joint, facts, client, account, actor=actor)

        return self.act_on_proposed(request, object_id, confirm)

    def withdraw(self, request: StaffRequest, object_id: int) -> HttpResponse:
        actor = actor_of(request)

        def withdraw(joint: JointAct) -> str:
            how = links.withdraw if is_foreign(joint) else endings.withdraw
            text = how(joint, actor=actor)
            is_own = joint.proposed_by_id == actor.person_id
            return text if is_own else _("The proposal is declined.")

        return self.act_on_proposed(request, object_id, withdraw)

    def act_on_proposed(
        self, request: StaffRequest, object_id: int, act: Callable[[JointAct], str]
    ) -> HttpResponse:
        """Do something with the end that was proposed, and go back to the page."""
        require(request, endings.RIGHT)
        waiting = endings.proposed(self.find(object_id))
        try:
            if waiting is None or request.POST.get("proposal") != str(waiting.pk):
                raise Refused(StaffCode.PROPOSAL_OVER)
            messages.success(request, act(waiting))
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("change", object_id))

    def others(self, request: StaffRequest, found: Discrepancy) -> list[User]:
        """Return whom this person may have see to it, besides themselves."""
        if found.closed_at or not request.user.has_perm(endings.RIGHT):
            return []
        known = {request.user.pk, found.owner_id}
        return [each for each in owners.possible_owners() if each.pk not in known]

    def set_owner(self, request: StaffRequest, object_id: int) -> HttpResponse:
        require(request, endings.RIGHT)
        found, chosen = self.find(object_id), request.POST.get("owner", "")
        seen = request.POST.get("seen", "")
        is_readable = all(not each or can_be_id(User._meta.pk, each) for each in (chosen, seen))
        owner = User.objects.filter(pk=chosen).first() if chosen and is_readable else None
        try:
            if not is_readable or (chosen and owner is None):
                raise Refused(PayoutCode.OWNER_MAY_NOT_END)
            owners.set_owner(
                found.pk, owner, seen=int(seen) if seen else None, actor=actor_of(request)
            )
            messages.success(request, owner_words(owner, request.user))
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("change", object_id))

    def find(self, object_id: int) -> Discrepancy:
        known = Discrepancy.objects.select_related(
            "payout__client", "attempt", "closed_by", "proposed_by", "owner"
        )
        return get_object_or_404(known, pk=object_id)

    # The list

    @display(description=gettext_lazy("severity"), label={"critical": "danger", "other": None})
    def severity(self, found: Discrepancy) -> tuple[str, str]:
        return ("critical", _("critical")) if found.is_critical else ("other", _("to look at"))

    @display(description=gettext_lazy("state"), label=STATES)
    def state(self, found: Discrepancy) -> tuple[str, str]:
        if found.closed_at:
            return "closed", found.get_outcome_display()
        if found.facts == getattr(found, "proposed_facts", ""):
            return "proposed", _("proposed")
        return "open", _("open")

    @display(description=gettext_lazy("payout"))
    def of_payout(self, found: Discrepancy) -> str:
        if found.payout is None:
            return format_html('<span class="mono" title="{}">{}…</span>', found.key, found.key[:8])
        return str(found.payout)

    @display(description=gettext_lazy("client"))
    def who(self, found: Discrepancy) -> str:
        return found.payout.client.name if found.payout else _("not of this desk")

    @display(description=gettext_lazy("what differs"))
    def what(self, found: Discrepancy) -> str:
        if found.kind == Kind.FOREIGN:
            return what_heleket_has(found)
        differ = [each for each in lines(found) if each.differs]
        return (
            format_html_join("; ", "{}: {} ≠ {}", ((d.name, d.ours, d.theirs) for d in differ))
            or "—"
        )

    @display(
        description=gettext_lazy("age"), label={"today": None, "week": "warning", "older": "danger"}
    )
    def age(self, found: Discrepancy) -> tuple[str, str]:
        group = "" if found.closed_at else age_of(found.first_seen_at)
        return group, ago(found.first_seen_at)

    @display(description=gettext_lazy("owner"))
    def seen_to_by(self, found: Discrepancy) -> str:
        return found.owner.get_username() if found.owner else "—"


def owner_words(owner: User | None, person: User) -> str:
    if owner is None:
        return _("Nobody sees to it now.")
    if owner == person:
        return _("You see to it now.")
    return _("%(who)s sees to it now.") % {"who": owner.get_username()}


def what_heleket_has(found: Discrepancy) -> str:
    """Say of a payout that is none of ours how much went where."""
    fact = found.theirs.get
    words = {"amount": in_threes(fact("amount") or "?"), "coin": fact("currency") or "?"}
    return format_html(
        _("{amount} {coin} to {address}"), **words, address=fact("address") or _("an unknown place")
    )


def meanings_of(found: Discrepancy) -> Mapping[Outcome, Any]:
    return foreign.MEANINGS if found.kind == Kind.FOREIGN else MEANINGS


def is_foreign(joint: JointAct) -> bool:
    pk = endings.wish_of(joint, "").discrepancy_id
    return Discrepancy.objects.filter(pk=pk, kind=Kind.FOREIGN).exists()


def what_it_does(found: Discrepancy, outcome: Outcome, waiting: JointAct) -> str:
    """Say what becomes of the payout if its discrepancy ends like this."""
    payout, until = found.payout, reopens_at(waiting)
    if payout is None:
        return foreign.what_it_does(waiting)
    words = {
        "payout": payout,
        "status": payout.get_status_display(),
        "day": until and at_day(until),
    }
    if payout.is_ended:
        return _("%(payout)s stays “%(status)s”.") % words
    if outcome == Outcome.LEFT:
        return _("%(payout)s stays stopped until %(day)s.") % words
    if outcome == Outcome.EXPLAINED:
        return _("%(payout)s goes on.") % words
    if outcome == Outcome.NOT_PAID or found.theirs.get("status") in FINAL_FAILURES:
        return _("%(payout)s becomes Not paid.") % words
    return _("%(payout)s becomes Paid if Heleket paid what was approved, else Not paid.") % words


def lines(found: Discrepancy) -> list[Line]:
    """Lay both sides beside each other. An amount has as many digits on both of them."""
    known = [name for name in MEMBERS if name in found.ours or name in found.theirs]
    return [line(found, name) for name in known]


def line(found: Discrepancy, name: str) -> Line:
    ours, theirs, note = found.ours.get(name), found.theirs.get(name), ""
    if name == "order_id" and ours and theirs is None and "uuid" in found.theirs:
        theirs, note = ours, _("asked by it")
    buttons = buttons_of(found, name)
    both = ours is not None and theirs is not None
    differs = both and str(ours).lower() != str(theirs).lower()
    if name == "status" and found.kind != Kind.FOREIGN:
        differs = found.kind not in (Kind.DIFFERENT, Kind.UUID_TAKEN)
        ours = status_name(ours)
    if name == "amount":
        ours, theirs = same_digits(ours, theirs)
    ours, theirs = in_word(name, ours), in_word(name, theirs)
    return Line(str(NAMES[name]), ours, theirs, differs, note, buttons)


def buttons_of(found: Discrepancy, name: str) -> str:
    fact = found.theirs.get(name)
    show = {"address": address_buttons, "txid": transaction_buttons}.get(name)
    network = found.theirs.get("network") or found.ours.get("network", "")
    return show(network, fact) if show and fact else ""


def in_word(name: str, fact: Any) -> Any:
    if isinstance(fact, bool):
        return _("yes") if fact else _("not yet")
    if fact in (None, ""):
        return "—"
    if name == "network":
        return network_name(fact)
    return in_threes(fact) if name == "amount" else str(fact)


def status_name(status: Any) -> Any:
    """Name our own status as pages do; Heleket's words stay as it has them."""
    return dict(PayoutStatus.choices).get(status, status)


def same_digits(*amounts: Any) -> tuple[Any, ...]:
    """Write amounts with as many decimals, so that 950 and 9,500.5 line up."""
    decimals = max(len(str(each).partition(".")[2]) for each in amounts)
    return tuple(padded(each, decimals) for each in amounts)


def padded(amount: Any, decimals: int) -> Any:
    if amount is None or not decimals:
        return amount
    whole, _point, rest = str(amount).partition(".")
    return f"{whole}.{rest.ljust(decimals, '0')}"


def reopens_at(waiting: JointAct | None) -> datetime | None:
    until = waiting.data["reopens_at"] if waiting else None
    return datetime.fromisoformat(until) if until else None


def at_start_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), get_current_timezone()) if day else None
