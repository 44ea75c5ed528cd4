"""Deciding about payouts: what a confirmation shows, what comes of it, and which one is next."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from audit.operations import Outcome
from audit.refusals import Refusal
from payouts.admin import balances, costs, queues, sums
from payouts.admin.actions import ACTIONS, SEES_TROUBLES, neutral_sentence, perform_action
from payouts.admin.tenses import PLANNED
from payouts.models import WITHOUT_CALL, Payout, PayoutStatus
from payouts.notices import Level, Notice, notices_for
from payouts.seen import Seen, see
from payouts.staff import keys
from payouts.staff.actions import Action, ActionPages, Confirmation
from payouts.staff.pages import StaffRequest, actor_of, require
from wallets.models import Client, PayoutMethod

# There is still something to decide about these.
OPEN = [*WITHOUT_CALL, PayoutStatus.FAILED]


@dataclass(frozen=True)
class Row:
    """A payout on a confirmation of many."""

    payout: Payout
    fee: Decimal | None
    notices: list[Notice]

    @property
    def mark(self) -> str:
        """How bad the worst is that is to be known of it; a mere note marks no row."""
        level = self.notices[0].level if self.notices else Level.NOTE
        return "" if level == Level.NOTE else f"marked {level.value}"


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
            return context
        coin = (payout.network, payout.currency, payout.amount)
        return context | {
            "payout": payout,
            "notices": context["rows"][0].notices,
            "order_id": payout.order_id(settings.INSTALLATION),
            "estimate": costs.estimate(*coin),
            "calculated": costs.ask_heleket(*coin, payout.address) if sends else None,
        }

    def perform(
        self, request: StaffRequest, action: Action, seen: Sequence[Seen], reason: str
    ) -> list[Outcome]:
        actor = actor_of(request)
        return perform_action(ACTIONS[action.name], seen, reason=reason, actor=actor)

    def sentence_of(self, refusal: Refusal, actor: Actor) -> str:
        return refusal.sentence if actor.may(SEES_TROUBLES) else neutral_sentence(refusal)

    # What the page of one payout, and that of a new one, show besides

    def deciding_context(self, request: StaffRequest, payout: Payout) -> dict[str, Any]:
        """Return the notices, why it cannot be approved, and the way on in the queue."""
        actor = actor_of(request)
        notices = notices_shown(request, [payout])[payout.pk] if payout.status in OPEN else []
        why_not = self.why_not("approve", payout, actor)
        return {
            **self.queue_context(request, payout.pk),
            "actions": self.offered_on(payout, actor),
            "notices": notices,
            "why_not": "" if why_not in [each.sentence for each in notices] else why_not,
        }

    def costs_of_new(self, request: StaffRequest, client: Client, form: Any) -> dict[str, Any]:
        """Return what is to be known of a payout before it is requested."""
        new, known = form.cleaned_data, form.known
        payout = Payout(
            pk=known.pk if known else new["nonce"],
            client=client,
            **{name: getattr(new["wallet"], name) for name in ("network", "address", "memo")},
            **{name: new[name] for name in ("wallet", "currency", "amount", "reference")},
            requested_at=known.requested_at if known else clock.now(),
        )
        found = costs_of(request, [payout], with_balances=sees_balances(request))
        return {**found, "notices": found["rows"][0].notices}

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


def notices_shown(request: StaffRequest, payouts: Sequence[Payout]) -> dict[UUID, list[Notice]]:
    """Return what is to be known of payouts, to those who see warnings."""
    sees_them = request.user.has_perm(SEES_TROUBLES)
    return notices_for(payouts) if sees_them else {payout.pk: [] for payout in payouts}


def costs_of(
    request: StaffRequest, payouts: Sequence[Payout], *, with_balances: bool
) -> dict[str, Any]:
    """Return of each payout its fee and notices, and the sums of all."""
    methods = PayoutMethod.objects.by_coin(payout.currency for payout in payouts)
    notices = notices_shown(request, payouts)
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
