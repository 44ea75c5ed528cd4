"""What all pages of the desk in the Admin share."""

from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

FAR = 10_000  # nobody pages further; they filter or search


class StaffRequest(HttpRequest):
    user: User


def never(_admin: Any, _request: HttpRequest, _obj: Any = None) -> bool:
    return False


def require(request: StaffRequest, right: str) -> None:
    if not request.user.has_perm(right):
        raise PermissionDenied


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Counts no further than anybody pages: a count of all rows costs more than the page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        count: int = rows.order_by()[:FAR].count()
        return count


class DeskAdmin(ModelAdmin):
    """Pages of ours in the frame of the Admin. Nothing is deleted or changed by Django's forms."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count all rows, once for each choice
    paginator = BoundedPaginator
    has_add_permission = has_change_permission = has_delete_permission = never
    actions = None

    def page(
        self, request: HttpRequest, template: str, title: Any, **context: Any
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            **context,
        }
        return TemplateResponse(request, f"payouts/{template}.html", context)
