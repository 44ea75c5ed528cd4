"""Rows that payouts depend on: added by a service, changed as they were shown, never deleted."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldBooleanWidget

from audit.actor import Actor
from audit.refusals import Refused
from payouts.admin.lists import BoundedList, ListPages, never
from payouts.staff.pages import ID, StaffRequest, actor_of
from wallets.display import changes_since


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


class LastingAdmin(ListPages):
    """Rows that payouts depend on: added by a service, never deleted."""

    change_list_template = "payouts/lasting.html"
    show_add_link = False  # the list has a button in words
    list_view = BoundedList
    has_delete_permission = never

    class Media:
        css = {"all": ["wallets/address.css"]}

    def add_row(self, *, actor: Actor, **data: Any) -> Model:
        raise NotImplementedError

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().add_view(request, *args, **kwargs)
        except Refused as exc:  # somebody was faster than the form's own check
            messages.error(request, str(exc))
            return HttpResponseRedirect(request.path)
        return response

    def sentence_added(self, row: Any) -> str:
        return str(_("%s was added.") % row)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        messages.success(request, self.sentence_added(obj))
        return HttpResponseRedirect(self.url("change", obj.pk))

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        messages.success(request, _("The change of %s was saved.") % obj)
        return HttpResponseRedirect(self.url("change", obj.pk))

    def save_model(self, request: StaffRequest, obj: Model, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            data = {name: value for name, value in form.cleaned_data.items() if name != "seen"}
            obj.pk = self.add_row(**data, actor=actor_of(request)).pk

    def fit_to_show(self, request: Any, fields: list[str]) -> list[str]:
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
