"""The list of categories in the Admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from payouts.admin.lists import CarefulList, never
from payouts.categories import save_category
from payouts.models import Category
from payouts.staff.pages import DeskPages, StaffRequest, actor_of


@admin.register(Category)
class CategoryAdmin(DeskPages):
    change_list_template = "payouts/records.html"
    when_empty = gettext_lazy("There are no categories yet: payouts have their purpose alone")
    list_display = ["name", "is_active"]
    ordering = ["name"]
    show_full_result_count = False
    has_delete_permission = never
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CarefulList]:
        return CarefulList

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        response: HttpResponse = super().render_change_form(request, context, *args, **shown)
        return response

    def save_model(self, request: StaffRequest, obj: Category, form: Any, change: bool) -> None:
        save_category(obj, actor=actor_of(request))
