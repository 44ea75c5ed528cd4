"""The list from which a person came: the way back to it, and what comes next on it.

Its query goes along in the address of each page, under the name that Django gives it.
"""

from copy import copy
from operator import attrgetter
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from payouts.staff.pages import DeskPages, StaffRequest, can_be_id

CAME_FROM = "_changelist_filters"
BEHIND = "after"


class QueuePages(DeskPages):
    """Pages on which a person goes through a list, one row after another."""

    queue_parameter = ""  # what a list is narrowed by to be somebody's queue

    def came_from(self, request: StaffRequest) -> QueryDict:
        """Return the query of the list from which the person came."""
        query = QueryDict(self.get_preserved_filters(request)).get(CAME_FROM, "")
        return QueryDict("" if "%00" in query else query)

    def is_in_queue(self, request: StaffRequest) -> bool:
        return bool(self.came_from(request).get(self.queue_parameter))

    def queue_title(self, query: QueryDict) -> str:  # noqa: ARG002  # for pages with queues
        """Name the list with this query."""
        return str(self.opts.verbose_name_plural)

    def queue_context(self, request: StaffRequest, row_id: Any = None) -> dict[str, Any]:
        """Return what a page needs to go on with that list: behind a row, or at the first."""
        query = self.get_preserved_filters(request)
        return {
            "queue_query": f"?{query}" if query else "",
            "queue_title": self.queue_title(self.came_from(request)),
            "is_in_queue": self.is_in_queue(request),
            "next_url": self.next_url(request, row_id),
            "list_url": self.list_url(request),
        }

    # Addresses

    def with_queue(self, request: StaffRequest, url: str, **more: str) -> str:
        query = QueryDict(self.get_preserved_filters(request), mutable=True)
        query.update(more)
        return f"{url}?{query.urlencode()}" if query else url

    def next_url(self, request: StaffRequest, row_id: Any = None) -> str:
        place = {BEHIND: str(row_id)} if row_id else {}
        return self.with_queue(request, self.url("next"), **place)

    def list_url(self, request: StaffRequest) -> str:
        url, query = self.url("changelist"), self.came_from(request)
        return f"{url}?{query.urlencode()}" if query else url

    # Next

    def open_next(self, request: StaffRequest) -> HttpResponse:
        """Open the row that stands on the list behind the one that is named, or the first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.rows_of_queue(request)
        except IncorrectLookupParameters:
            return redirect(self.url("changelist"))
        named = request.GET.get(BEHIND, "")
        if can_be_id(self.opts.pk, named):
            row = self.get_queryset(request).filter(pk=named).first()
            rows = behind(rows, row) if row else rows
        if following := rows.values_list("pk", flat=True).first():
            return redirect(self.with_queue(request, self.url("change", following)))
        messages.info(request, _("That was the last one here."))
        return redirect(self.list_url(request))

    def rows_of_queue(self, request: StaffRequest) -> QuerySet[Any]:
        listed: Any = copy(request)
        listed.GET = self.came_from(request)
        rows: QuerySet[Any] = self.get_changelist_instance(listed).queryset
        return rows


def behind(rows: QuerySet[Any], row: Any) -> QuerySet[Any]:
    """Return those of the rows that come after a row in their order, be it among them or not."""
    later, same = Q(), Q()
    for name in [each for each in rows.query.order_by if isinstance(each, str)]:
        field = name.removeprefix("-")
        value = attrgetter(field.replace("__", "."))(row)
        lookup = "lt" if name.startswith("-") else "gt"
        later |= same & Q(**{f"{field}__{lookup}": value})
        same &= Q(**{field: value})
    return rows.filter(later).exclude(pk=row.pk)
