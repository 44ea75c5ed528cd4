"""What the lists of the desk share: bounded counts, and filters that no database chokes on."""

from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

from payouts.staff.pages import LONGEST_ID, DeskPages

FAR = 10_000  # nobody pages further; they filter or search


def never(_admin: Any, _request: HttpRequest, _obj: Any = None) -> bool:
    return False


class CarefulList(ChangeList):
    """Its address names its filters, and nothing else: a lookup of any column would tell, letter by
    letter, what no page shows. Refuses numbers that no row can have: a database may choke on them.
    """

    no_filters: tuple[str, ...] = ()  # what else its address may say
    lookups: tuple[str, ...] = ()  # by which other pages lead to it

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        _filters, _has_filters, left_over, *_facts = found
        if left_over.keys() - set(self.lookups):
            raise IncorrectLookupParameters
        return found

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        asked: dict[str, Any] = super().get_filters_params(params)
        lookups = {name: each for name, each in asked.items() if name not in self.no_filters}
        if any(is_too_long(text) for each in lookups.values() for text in each):
            raise IncorrectLookupParameters
        return lookups


def is_too_long(text: str) -> bool:
    """Whether a text is a number beyond those that number rows."""
    return len(text) > LONGEST_ID and text.strip().lstrip("+-").replace("_", "").isdecimal()


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Counts no further than anybody pages: a count of all rows costs more than the page."""

    template_name = "payouts/pages.html"
    far = FAR

    @cached_property
    def reached(self) -> int:
        rows: Any = self.object_list
        reached: int = rows.order_by()[: self.far + 1].count()
        return reached

    @property
    def count(self) -> int:
        return min(self.reached, self.far)

    @property
    def has_more(self) -> bool:
        return self.reached > self.far


class BoundedList(CarefulList):
    """Leaves it to the foot of the list to say how long it is, as far as it was counted."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count


class ListPages(DeskPages):
    """Rows in a list that costs no more than its page."""

    list_per_page = 50
    show_full_result_count = False
    list_view: type[CarefulList] = CarefulList

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CarefulList]:
        return self.list_view


class DeskAdmin(ListPages):
    """Rows that people look at. Nothing is deleted or changed by Django's forms."""

    list_view = BoundedList
    show_facets = ShowFacets.NEVER  # they count all rows, once for each choice
    paginator = BoundedPaginator
    has_add_permission = has_change_permission = has_delete_permission = never
    actions = None
