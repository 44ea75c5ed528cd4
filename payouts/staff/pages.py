"""What all pages of the desk in the Admin share: who acts, their frame, and ids fit for a query."""

import re
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanWidget

from audit.actor import Actor, Channel
from audit.refusals import Refused

LONGEST_ID = 18  # digits that fit into a column of either database
ID = re.compile(f"[0-9]{{1,{LONGEST_ID}}}")


box = UnfoldBooleanWidget({"class": "action-select"}, lambda _value: False)
ALL = {"aria-label": gettext_lazy("Choose all on this page")}


class StaffRequest(HttpRequest):
    user: User


def actor_of(request: Any) -> Actor:
    return Actor.staff(request.user, Channel.ADMIN)


def require(request: StaffRequest, right: str) -> None:
    if not request.user.has_perm(right):
        raise PermissionDenied


def can_be_id(field: Any, text: str) -> bool:
    """Tell whether a row can have this id: a database may choke on others."""
    if isinstance(field, models.IntegerField):
        return bool(ID.fullmatch(text))
    try:
        field.to_python(text)
    except ValidationError:
        return False
    return True


class DeskPages(ModelAdmin):
    """Pages of ours in the frame of the Admin."""

    list_title: Any = ""  # of the rows' own name, if they are called by no other
    add_words: Any = ""  # what adding one is called

    def changelist_view(self, request: Any, extra_context: Any = None) -> HttpResponse:
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        context = {"title": title, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        context |= {"title": str(shown.get("obj") or self.add_words), "subtitle": None}
        response: HttpResponse = super().render_change_form(request, context, *args, **shown)
        return response

    @display(description=mark_safe(box.render("action_toggle_all", 1, ALL)))  # noqa: S308  # ours
    def action_checkbox(self, obj: models.Model) -> str:
        """Name the row that the box chooses."""
        label = {"aria-label": _("Choose %s") % obj}
        return str(box.render(ACTION_CHECKBOX_NAME, str(obj.pk), label))

    def url(self, page: str, *args: Any) -> str:
        """Return the address of a page of this kind of row, such as its `changelist`."""
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args)

    def page(
        self, request: HttpRequest, template: str, title: Any, **context: Any
    ) -> TemplateResponse:
        frame = self.admin_site.each_context(request)
        context = {**frame, "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, template, context)

    def ask(
        self,
        request: HttpRequest,
        form: Form,
        act: Callable[..., str],
        *,
        template: str,
        title: Any,
        back: str,
        **context: Any,
    ) -> HttpResponse:
        """Ask before something is done to one thing: POST does it, and goes back.

        `act` takes what the form holds and returns a sentence about what it did; a refusal is
        shown on the page. Templates extend `staff/ask.html`.
        """
        if request.method == "POST" and form.is_valid():
            try:
                sentence = act(**form.cleaned_data)
            except Refused as exc:
                form.add_error(None, str(exc))
            else:
                messages.success(request, sentence)
                return redirect(back)
        return self.page(request, template, title, form=form, back=back, **context)
