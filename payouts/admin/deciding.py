"""Deciding about payouts: what a confirmation shows, what comes of it, and which one is next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from audit.operations import Operation, Outcome
from audit.refusals import Refusal
from payouts import operations
from payouts.admin import balances, costs, queues, quorum, sums
from payouts.admin.actions import (
    ACTIONS,
    APPROVE,
    SEES_TROUBLES,
    PayoutAction,
    neutral_sentence,
    perform_action,
)
from payouts.admin.tenses import PLANNED
from payouts.approvals import ApprovalFacts
from payouts.controls.flags import Flag
from payouts.duplicates import LINKED
from payouts.known import Known
from payouts.limits_ahead import beyond_limits
from payouts.models import WITHOUT_CALL, Origin, Payout, PayoutStatus
from payouts.notices import Notice, level_of, notices_for
from payouts.seen import Seen, see
from payouts.staff import keys
from payouts.staff.actions import Action, ActionPages, Confirmation
from payouts.staff.forms import ConfirmForm
from payouts.staff.pages import StaffRequest, actor_of, require
from wallets.models import Client, PayoutMethod

# There is still something to decide about these.
OPEN = [*WITHOUT_CALL, PayoutStatus.FAILED]


NAMES = ("wallet", "currency", "amount", "purpose", "reference", "pay_from")


@dataclass(frozen=True)
class Row:
    """A payout on a confirmation of many."""

    payout: Payout
    fee: Decimal | None
    notices: list[Notice]

    @property
    def level(self) -> Flag:
        return level_of(self.notices)

    @property
    def mark(self) -> str:
        """How a row is marked that people should look at twice."""
        return f"marked {self.level.word}" if self.level >= Flag.MEDIUM else ""


class DecidingPages(ActionPages):
    offers = ACTIONS
    confirm_template = "payouts/confirm.html"
    result_template = "payouts/result.html"
    cells_template = "payouts/_cells.html"
    titles_template = "payouts/_titles.html"
    queue_parameter = "queue"

    def deciding_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.switch_keys)
        return [
            path("keys/", view, name="payouts_payout_keys"),
            *self.action_urls("<uuid:object_id>/<slug:name>/"),
        ]

    def queue_title(self, query: QueryDict) -> str:
        queue = queues.QUEUES.get(query.get("queue", ""))
        return str(queue.title if queue else _("Payouts"))

    def queue_context(self, request: StaffRequest, row_id: Any = None) -> dict[str, Any]:
        return {
            **super().queue_context(request, row_id),
            "keys_on": keys.are_on(request.user),
        }

    # What a confirmation shows

    def operation_shown(self, action: Action, rows: Sequence[Any]) -> Operation[Any, Any, Any]:
        """Who approves says on the page why it is no duplicate, so that leaves no payout out."""
        return explained(action.name, has_reason=True).operation

    def form_for(self, action: Action, ids: Collection[UUID], data: Any = None) -> ConfirmForm:
        """An approval takes a reason where one of these is a likely duplicate, and no other. Of
        many those alone are refused without one."""
        form = super().form_for(action, ids, data)
        if action.name == APPROVE:
            payouts = list(Payout.objects.filter(pk__in=ids).order_by("number"))
            ask_why(form, payouts, Known(payouts).duplicates)
        return form

    def see(self, rows: Sequence[Payout]) -> list[Seen]:
        return see(rows)

    def read_seen(self, token: str) -> Seen | None:
        return Seen.read(token)

    def shown_rows(self, queryset: QuerySet[Payout]) -> QuerySet[Payout]:
        return queryset.select_related("client", "wallet").order_by("number")

    def confirm_context(self, request: StaffRequest, confirmation: Confirmation) -> dict[str, Any]:
        """Of one payout show all that Heleket will be given, of many their sums."""
        sends = ACTIONS[confirmation.action.name].sends
        context = {
            "sends": sends,
            **costs_of(request, confirmation.rows, with_balances=sends and sees_balances(request)),
        }
        payout = confirmation.only
        if payout is None:
            return context | {"odd": odd_ones(context["rows"])}
        coin = (payout.network, payout.currency, payout.amount)
        return context | {
            "payout": payout,
            "beyond": beyond_shown(request, Known([payout])) if sends else [],
            "notices": context["rows"][0].notices,
            "is_looked_at": sees_flags(request),
            "order_id": payout.order_id(settings.INSTALLATION),
            "estimate": costs.estimate(*coin),
            "calculated": costs.ask_heleket(*coin, payout.address) if sends else None,
        }

    def perform(
        self, request: StaffRequest, action: Action, seen: Sequence[Seen], reason: str
    ) -> list[Outcome]:
        actor = actor_of(request)
        chosen = explained(action.name, has_reason=bool(reason))
        return perform_action(chosen, seen, reason=reason, actor=actor)

    def sentence_of(self, refusal: Refusal, actor: Actor) -> str:
        return refusal.sentence if actor.may(SEES_TROUBLES) else neutral_sentence(refusal)

    # What the page of one payout, and that of a new one, show besides

    def deciding_context(
        self, request: StaffRequest, payout: Payout, decisions: quorum.Decisions
    ) -> dict[str, Any]:
        """Return the notices, the approvals that it takes, why it cannot be approved, and the way
        on in the queue."""
        actor, is_open, known = actor_of(request), payout.status in OPEN, Known([payout])
        found = notices_shown(request, known) if is_open else {payout.pk: []}
        notices, asked, beyond = found[payout.pk], None, list[str]()
        if sees_flags(request) and payout.status in quorum.ASKED:
            asked, beyond = quorum.facts_of(known, actor, found), beyond_limits(known)
        loaded = {APPROVE: asked} if isinstance(asked, ApprovalFacts) else {}
        actions = self.offered_on(payout, actor, loaded)
        is_offered = any(action.name == APPROVE for action, _url in actions)
        why_not = "" if is_offered else self.why_not(APPROVE, payout, actor, loaded)
        return {
            "quorum": quorum.quorum(payout, asked, decisions) if asked else None,
            **self.queue_context(request, payout.pk),
            "actions": actions,
            "notices": notices,
            "beyond": beyond,
            "is_looked_at": is_open and sees_flags(request),
            "why_not": "" if why_not in [each.sentence for each in notices] else why_not,
        }

    def costs_of_new(self, request: StaffRequest, client: Client, form: Any) -> dict[str, Any]:
        """Return what is to be known of a payout before it is requested."""
        new, known = form.cleaned_data, form.known
        payout = Payout(
            pk=known.pk if known else new["nonce"],
            client=client,
            **{name: getattr(new["wallet"], name) for name in ("network", "address", "memo")},
            **{name: new[name] for name in NAMES},
            origin=Origin.MANUAL,
            requested_at=known.requested_at if known else clock.now(),
        )
        found = costs_of(request, [payout], with_balances=sees_balances(request))
        return {
            **found,
            "beyond": beyond_shown(request, Known([payout])),
            "notices": found["rows"][0].notices,
            "is_looked_at": sees_flags(request),
            "asks_why": bool(Known([payout]).duplicates),
        }

    # Keys

    def begin_context(self, request: StaffRequest) -> dict[str, Any]:
        """Return for a queue's list the way to its first payout."""
        if not request.GET.get(self.queue_parameter):
            return {}
        return {"begins": self.next_url(request), "keys_on": keys.are_on(request.user)}

    def switch_keys(self, request: StaffRequest) -> HttpResponse:
        """Say which keys there are, and switch them on or off for this person alone."""
        require(request, "payouts.view_payout")
        if request.method == "POST":
            on = request.POST.get("on") == "yes"
            keys.switch(request.user, on=on)
            messages.success(request, _("Keys are on.") if on else _("Keys are off."))
            return redirect(self.url("keys"))
        return self.page(request, "payouts/keys.html", _("Keys"), **self.queue_context(request))


def sees_balances(request: Any) -> bool:
    return bool(request.user.has_perm(balances.RIGHT))


def sees_flags(request: Any) -> bool:
    return bool(request.user.has_perm(SEES_TROUBLES))


def explained(name: str, *, has_reason: bool) -> PayoutAction:
    """Return the action of somebody who says why, or does not."""
    if name != APPROVE:
        return ACTIONS[name]
    return replace(ACTIONS[name], operation=operations.Approve(has_reason=has_reason))


def ask_why(form: ConfirmForm, payouts: Sequence[Payout], duplicates: Collection[UUID]) -> None:
    """Ask for the reason of an approval where one is due, and say of which payouts."""
    names = [str(payout) for payout in payouts if payout.pk in duplicates]
    if not names:
        del form.fields["reason"]
        return
    form.fields["reason"].required = len(payouts) == 1
    if len(payouts) > 1:
        more = ", …" if len(names) > LINKED else ""
        left = _("Without one these likely duplicates are left as they are: %s.")
        form.fields["reason"].help_text = left % (", ".join(names[:LINKED]) + more)


def odd_ones(rows: Sequence[Row]) -> list[Row]:
    """Return those that people should look at twice, the worst first."""
    odd = [row for row in rows if row.level >= Flag.MEDIUM]
    return sorted(odd, key=lambda row: -row.level)


def notices_shown(request: StaffRequest, known: Known) -> dict[UUID, list[Notice]]:
    """Return what is to be known of payouts, to those who see warnings."""
    if sees_flags(request):
        return notices_for(known)
    return {payout.pk: [] for payout in known.payouts}


def beyond_shown(request: StaffRequest, known: Known) -> list[str]:
    """Say why the limits would not let one payout go, to those who see warnings."""
    return beyond_limits(known) if sees_flags(request) else []


def costs_of(
    request: StaffRequest, payouts: Sequence[Payout], *, with_balances: bool
) -> dict[str, Any]:
    """Return of each payout its fee and notices, and the sums of all."""
    methods = PayoutMethod.objects.by_coin(payout.currency for payout in payouts)
    notices = notices_shown(request, Known(payouts))
    of_coins = sums.sums_of(payouts, methods)
    if with_balances:
        sums.add_balances(of_coins)
    return {
        "tense": PLANNED,
        "sums": of_coins,
        "sees_balances": with_balances,
        "rows": [
            Row(payout, sums.fee_of(payout, methods), notices[payout.pk]) for payout in payouts
        ],
    }
