"""Confirm, act, result: how people do something to one row or many in the Admin.

A confirmation shows rows and hands out a token for each, which says what was shown. Posted back,
the tokens are all that the operation is performed on. The result has an address of its own, so that
a reload repeats nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.operations import Operation, Outcome, perform
from audit.refusals import Refusal, Refused
from payouts.staff import results
from payouts.staff.codes import StaffCode
from payouts.staff.forms import ConfirmForm
from payouts.staff.pages import StaffRequest, actor_of, can_be_id
from payouts.staff.queues import QueuePages

Rows = QuerySet[Any]
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Action:
    """An operation as pages offer it. `key` begins it, and `goes_on` opens the next of a queue."""

    name: str
    title: Any
    explanation: Any
    operation: Operation[Any, Any, Any]
    icon: str
    tone: str = "default"
    phrase: Any = "{title} {rows}"
    key: str = ""
    goes_on: bool = False

    def is_allowed(self, actor: Actor) -> bool:
        return actor.may(*self.operation.permissions)


@dataclass(frozen=True)
class Confirmation:
    """What a person is about to do: to which rows, and to which of the chosen ones not."""

    action: Action
    rows: list[Any]
    left_out: list[tuple[Any, str]]
    tokens: str
    facts: Any  # what the act goes by, as its operation loaded it

    @property
    def phrase(self) -> str:
        """Name the action with its object, like “Approve 5 payouts”."""
        count, names = len(self.rows), self.rows[0]._meta
        rows = f"{count} {names.verbose_name_plural}"
        if count == 1:
            rows = _("this %s") % names.verbose_name
        return str(self.action.phrase).format(title=self.action.title, rows=rows)

    @property
    def only(self) -> Any:
        """The row, where one was chosen and nothing keeps it from being acted on."""
        return self.rows[0] if len(self.rows) == 1 and not self.left_out else None


class ActionPages(QueuePages):
    """The pages for one kind of row, which says how its rows are seen and what shows them."""

    offers: Mapping[str, Action]
    most_at_once = 1000
    confirm_template = "staff/confirm.html"
    result_template = "staff/result.html"
    cells_template: str  # three cells of a table that name a row
    titles_template: str  # and their headings

    def see(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return what a page shows of each row, with a `token` that says it."""
        raise NotImplementedError

    def read_seen(self, token: str) -> Any | None:
        """Return what a token says was seen, or None if it can be of no row."""
        raise NotImplementedError

    def shown_rows(self, queryset: Rows) -> Rows:
        """Return the rows in the order of the page, with what it shows of them."""
        raise NotImplementedError

    def operation_shown(self, action: Action, rows: Sequence[Any]) -> Operation[Any, Any, Any]:
        """Return the operation as a confirmation has it judge the rows."""
        return action.operation

    def form_for(self, action: Action, ids: Collection[Any], data: Any = None) -> ConfirmForm:
        """Return the form of a confirmation of these rows."""
        return ConfirmForm(data, operation=action.operation)

    def confirm_context(self, request: StaffRequest, confirmation: Confirmation) -> dict[str, Any]:
        """Return what the confirmation of these rows shows besides."""
        return {}

    def perform(
        self, request: StaffRequest, action: Action, seen: Sequence[Any], reason: str
    ) -> list[Outcome]:
        return perform(action.operation, seen, actor=actor_of(request), reason=reason)

    # Addresses

    def action_urls(self, one: str) -> list[URLPattern]:
        """Return the pages of all actions; `one` is the path of those on a single row."""
        name, view = f"{self.opts.app_label}_{self.opts.model_name}", self.admin_site.admin_view
        return [
            path("next/", view(self.open_next), name=f"{name}_next"),
            path("act/<slug:name>/", view(self.act), name=f"{name}_act"),
            path("act/<slug:name>/<slug:key>/", view(self.result), name=f"{name}_result"),
            path(one, view(self.act_on_one), name=f"{name}_act_on"),
        ]

    # What is offered

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer on the list what this person may do to rows at all."""

        def begin(action: Action) -> Callable[..., HttpResponse]:
            return lambda _admin, request, queryset: self.confirm(request, queryset, action)

        if IS_POPUP_VAR in request.GET:
            return {}
        allowed = [each for each in self.offers.values() if each.is_allowed(actor_of(request))]
        return {each.name: (begin(each), each.name, each.title) for each in allowed}

    def offered_on(
        self, row: Any, actor: Actor, loaded: Mapping[str, Any] = NOTHING
    ) -> list[tuple[Action, str]]:
        """Return what the actor can do to the row as it stands, each with its address. `loaded` are
        the facts of actions, by name, that the page has read itself."""
        return [
            (action, self.url("act_on", row.pk, action.name))
            for action in self.offers.values()
            if action.is_allowed(actor) and not self.refusal_of(action, row, actor, loaded)
        ]

    def refusal_of(
        self, action: Action, row: Any, actor: Actor, loaded: Mapping[str, Any] = NOTHING
    ) -> str:
        operation = self.operation_shown(action, [row])
        try:
            facts = loaded[action.name] if action.name in loaded else operation.load([row], actor)
            refusal = operation.refusal(row, facts, actor)
        except Refused as exc:  # nothing at all can be judged, as with a policy that is forged
            refusal = exc.refusal
        return self.sentence_of(refusal, actor) if refusal else ""

    def sentence_of(self, refusal: Refusal, actor: Actor) -> str:
        """Return what a page says of a refusal to those who may not see every reason."""
        return refusal.sentence

    def why_not(
        self, name: str, row: Any, actor: Actor, loaded: Mapping[str, Any] = NOTHING
    ) -> str:
        """Say why the actor, who may do this, cannot do it to a row that waits for it."""
        action = self.offers[name]
        if row.status not in action.operation.statuses or not action.is_allowed(actor):
            return ""
        return self.refusal_of(action, row, actor, loaded)

    # Confirm

    def response_action(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """Go on with ids that rows can have; the list chooses no others."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(can_be_id(self.opts.pk, text) for text in chosen):
            messages.error(request, self.refusal_of_count(0))
            return None
        response: HttpResponse | None = super().response_action(request, queryset)
        return response

    def act_on_one(self, request: StaffRequest, object_id: Any, name: str) -> HttpResponse:
        action = self.find_action(request, name)
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = self.get_queryset(request).filter(pk=object_id)
        if not chosen.exists():
            raise Http404
        return self.confirm(request, chosen, action)

    def confirm(
        self, request: Any, queryset: Rows, action: Action, form: ConfirmForm | None = None
    ) -> HttpResponse:
        """Show what will happen to which of the rows, and why to the others not."""
        rows = list(self.shown_rows(queryset)[: self.most_at_once + 1])
        if refusal := self.refusal_of_count(len(rows)):
            return self.go_back(request, refusal)
        confirmation = self.prepare(action, rows, actor_of(request))
        only = confirmation.only
        back = self.with_queue(request, self.url("change", only.pk)) if only else ""
        form = form or self.form_for(action, [row.pk for row in confirmation.rows])
        if only and "reason" in form.fields:
            form.fields["reason"].widget.attrs["data-focus"] = True
        queue = self.queue_context(request, rows[0].pk if len(rows) == 1 else None)
        context = {
            **queue,
            "action": action,
            "confirmation": confirmation,
            "form": form,
            "act_url": self.with_queue(request, self.url("act", action.name)),
            "back": back or queue["list_url"],
            "cells": self.cells_template,
            "titles": self.titles_template,
            "original": only,
            **self.confirm_context(request, confirmation),
        }
        return self.page(request, self.confirm_template, action.title, **context)

    def prepare(self, action: Action, rows: Sequence[Any], actor: Actor) -> Confirmation:
        operation = self.operation_shown(action, rows)
        try:
            facts = operation.load(rows, actor)
        except Refused as exc:
            sentence = self.sentence_of(exc.refusal, actor)
            return Confirmation(action, [], [(row, sentence) for row in rows], "", None)
        possible, left_out = [], []
        for row in rows:
            if refusal := operation.refusal(row, facts, actor):
                left_out.append((row, self.sentence_of(refusal, actor)))
            else:
                possible.append(row)
        # One field for all: Django takes no more than 1,000 fields.
        tokens = " ".join(seen.token for seen in self.see(possible))
        return Confirmation(action, possible, left_out, tokens, facts)

    def refusal_of_count(self, count: int) -> str:
        if not count:
            return Refusal(StaffCode.NONE_CHOSEN, row=self.opts.verbose_name).sentence
        if count <= self.most_at_once:
            return ""
        names = self.opts.verbose_name_plural
        return Refusal(StaffCode.TOO_MANY, most=f"{self.most_at_once:,}", rows=names).sentence

    def go_back(self, request: StaffRequest, refusal: str) -> HttpResponse:
        messages.error(request, refusal)
        return redirect(self.list_url(request))

    # Act

    def act(self, request: StaffRequest, name: str) -> HttpResponse:
        """Do it to exactly what the confirmation showed, and lead to what came of it."""
        action = self.find_action(request, name)
        if request.method != "POST":
            return redirect(self.list_url(request))
        seen = self.read_tokens(request.POST.get("seen", ""))
        if refusal := self.refusal_of_count(len(seen)):
            return self.go_back(request, refusal)
        form = self.form_for(action, [each.id for each in seen], request.POST)
        if not form.is_valid():
            chosen = self.get_queryset(request).filter(pk__in=[each.id for each in seen])
            return self.confirm(request, chosen, action, form)
        try:
            outcomes = self.perform(request, action, seen, form.cleaned_data.get("reason", ""))
        except Refused as exc:
            return self.go_back(request, str(exc))
        return redirect(self.after(request, action, outcomes))

    def after(self, request: StaffRequest, action: Action, outcomes: Sequence[Outcome]) -> str:
        """Return where a person goes on: at the next of the queue, if there is no more to say."""
        if action.goes_on and self.is_in_queue(request) and len(outcomes) == 1 and outcomes[0].done:
            [outcome] = outcomes
            link = '<a class="link" href="{}">{}</a>: {}'
            page = self.with_queue(request, self.url("change", outcome.id))
            messages.success(request, format_html(link, page, outcome.name, outcome.text))
            return self.next_url(request, outcome.id)
        key = results.keep(request, self.kind_of_result(action.name), outcomes)
        return self.with_queue(request, self.url("result", action.name, key))

    def kind_of_result(self, name: str) -> str:
        return f"{self.opts.label_lower} {name}"

    def find_action(self, request: StaffRequest, name: str) -> Action:
        if name not in self.offers:
            raise Http404
        action = self.offers[name]
        if not action.is_allowed(actor_of(request)):
            raise PermissionDenied
        return action

    def read_tokens(self, text: str) -> list[Any]:
        """Return what the confirmation showed. A token that can be of no row is dropped."""
        seen = (self.read_seen(token) for token in text.split())
        return list({each.id: each for each in seen if each}.values())

    # Result

    def result(self, request: StaffRequest, name: str, key: str) -> HttpResponse:
        """Show what became of each row, the refused ones first."""
        if name not in self.offers:
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        outcomes = results.read(request, self.kind_of_result(name), key, self.opts.pk.to_python)
        if outcomes is None:
            sentence = _("This result is not kept any more. Each page says what happened there.")
            return self.go_back(request, sentence)
        ids = [outcome.id for outcome in outcomes]
        rows = self.shown_rows(self.get_queryset(request)).in_bulk(ids)
        done = sum(outcome.done for outcome in outcomes)
        context = {
            **self.queue_context(request, ids[0] if len(ids) == 1 else None),
            "action": self.offers[name],
            "results": [(each, rows.get(each.id)) for each in sorted(outcomes, key=is_done)],
            "done": done,
            "refused": len(outcomes) - done,
            "cells": self.cells_template,
            "titles": self.titles_template,
        }
        return self.page(request, self.result_template, self.offers[name].title, **context)


def is_done(outcome: Outcome) -> bool:
    return outcome.done
