"""The list of accounts in the Admin: which code a posting gets, kept by accountants."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from payouts.accounts import USUAL, save_account
from payouts.admin.filters import ANY, categories, currencies
from payouts.admin.lists import CarefulList, never
from payouts.models import AccountRule
from payouts.staff.pages import DeskPages, StaffRequest, actor_of


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """A rule, with the coins and categories that there are, and those that it has already."""

    class Meta:
        model = AccountRule
        fields = ("kind", "currency", "group", "category", "account", "cost_centre", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, offered in {"currency": currencies(), "category": categories()}.items():
            if name not in self.fields:  # of who only looks
                continue
            field, kept = self.fields[name], getattr(self.instance, name)
            known = {str(value) for value, _label in offered}
            more = [] if kept in known else [(kept, kept)]
            self.fields[name] = forms.ChoiceField(
                label=field.label,
                choices=[*offered, *more],
                required=False,
                widget=UnfoldAdminSelectWidget,
            )


@admin.register(AccountRule)
class AccountAdmin(DeskPages):
    change_list_template = "payouts/records.html"
    list_before_template = "books/accounts_hint.html"
    when_empty = gettext_lazy("There is no account yet: postings get the usual ones")
    add_words = gettext_lazy("Add an account")
    form = AccountForm
    list_display = [
        "account",
        "cost_centre",
        "kind",
        "coin",
        "of_group",
        "of_category",
        "is_active",
    ]
    ordering = ["kind", "currency", "group", "category"]
    sortable_by: list[str] = []
    show_full_result_count = False
    has_delete_permission = never
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CarefulList]:
        return CarefulList

    def changelist_view(self, request: Any, extra_context: Any = None) -> HttpResponse:
        usual = [(kind.label, account) for kind, account in USUAL.items()]
        return super().changelist_view(request, {**(extra_context or {}), "usual": usual})

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **shown)

    def save_model(self, request: StaffRequest, obj: AccountRule, form: Any, change: bool) -> None:
        save_account(obj, actor=actor_of(request))

    @display(description=gettext_lazy("coin"))
    def coin(self, rule: AccountRule) -> str:
        return rule.currency or str(ANY[1])

    @display(description=gettext_lazy("group"))
    def of_group(self, rule: AccountRule) -> str:
        return rule.group or _("Any")

    @display(description=gettext_lazy("category"))
    def of_category(self, rule: AccountRule) -> str:
        return rule.category or _("Any")
