"""The list of payouts: which it shows, in which order, and what they come to."""

from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Model, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from payouts.admin.filters import PayoutFilter
from payouts.admin.lists import BoundedList, BoundedPaginator
from payouts.admin.queues import QUEUES
from payouts.admin.table import Table
from payouts.explain import label_of
from payouts.models import Payout
from payouts.staff.pages import ID
from payouts.states import States
from wallets.amounts import Total

PAST, TOTALS = "past", "totals"


def comes_after(row: Model, order: Sequence[str]) -> Q:
    """What stands behind a row in an order of one or two columns, the last of which is unique."""
    way = "lt" if order[0].startswith("-") else "gt"
    first, last = (order[place].lstrip("-") for place in (0, -1))
    behind = Q(**{f"{last}__{way}": getattr(row, last)})
    if first == last:
        return behind
    value = attrgetter(first.replace("__", "."))(row)
    if value is None:  # a row that this list has not: somebody typed its number
        return behind
    # The first condition says nothing new, and is the one that finds its place in an index.
    at_most = Q(**{f"{first}__{way}e": value})
    return at_most & (Q(**{f"{first}__{way}": value}) | behind)


class PayoutPaginator(BoundedPaginator):
    far = 1000  # from there a link leads to the next thousand, so that no page is a deep one


class PayoutList(BoundedList):
    """With `past`, the number of a payout, the list begins behind that one. With `totals` it says
    what all that it lists comes to.

    A search that finds nothing in the queue and the filters that are chosen finds what there is
    elsewhere.
    """

    past: int | None
    goes_down: bool
    order: list[str]
    is_elsewhere = False
    no_filters = (PAST, TOTALS)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        payouts = super().get_queryset(request, exclude_parameters)
        if self.query and self.is_narrowed and not payouts.exists():
            self.is_elsewhere = True
            everything = self.apply_select_related(self.root_queryset.order_by(*self.order))
            payouts, _ = self.model_admin.get_search_results(request, everything, self.query)
        self.whole = payouts
        past = self.params.get(PAST, "")
        known = Payout.objects.select_related("client")
        behind = known.filter(number=past).first() if ID.fullmatch(past) else None
        self.past = behind.number if behind else None
        return payouts.filter(comes_after(behind, self.order)) if behind else payouts

    # Each order is one that an index has, and ends with the number: no page is a deep one.

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        [first, *_others] = super().get_ordering(request, queryset)
        column, sign = first.lstrip("-"), "-" if first.startswith("-") else ""
        if column == "number" and self.filter_of(PayoutFilter).is_of_days:
            column = "requested_at"
        self.goes_down = bool(sign)
        self.order = [sign + each for each in dict.fromkeys([column, "number"])]
        return self.order

    @property
    def is_by_age(self) -> bool:
        return self.order[0].lstrip("-") in ("number", "requested_at")

    @property
    def lasting_order(self) -> list[str]:
        """The order of the list, or by age if a row may move in it."""
        return self.order if self.is_by_age else ["-number"]

    @property
    def goes_on_at(self) -> str:
        """The address of what is behind the last page."""
        is_last = self.page_num == self.paginator.num_pages
        if not (self.paginator.has_more and is_last):
            return ""
        last = list(self.result_list)[-1]
        return str(self.get_query_string({PAST: last.number}, remove=[TOTALS]))

    @property
    def begins_at(self) -> str:
        """The address of the list's beginning, unless this is it."""
        return "" if self.past is None else str(self.get_query_string(remove=[PAST, TOTALS]))

    # What was chosen

    def filter_of(self, kind: type) -> Any:
        return next(spec for spec in self.filter_specs if isinstance(spec, kind))

    @property
    def queue(self) -> str:
        """The chosen queue, as people call it."""
        chosen = QUEUES.get(self.params.get("queue", ""))
        return str(chosen.title) if chosen else ""

    @property
    def has_filters_on(self) -> bool:
        """Whether anything but the queue and the search narrows the list."""
        chosen = (
            self.filter_params.get(str(name), [])
            for spec in self.filter_specs
            for name in spec.expected_parameters()
            if name != "queue"
        )
        return any(any(texts) for texts in chosen)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.queue) or self.has_filters_on

    @property
    def filter_errors(self) -> list[str]:
        errors: dict[str, list[str]] = self.filter_of(PayoutFilter).form.errors
        return [error for some in errors.values() for error in some]

    @property
    def without_filters(self) -> str:
        return f"?{urlencode(self.kept_by_filters)}"

    @property
    def kept_by_search(self) -> list[tuple[str, str]]:
        return self.kept_without("q")

    @property
    def kept_by_filters(self) -> list[tuple[str, str]]:
        """The queue, the search and the order stay when other filters are chosen."""
        names = (name for spec in self.filter_specs for name in spec.expected_parameters())
        return self.kept_without(*(name for name in names if name != "queue"))

    def kept_without(self, *left_out: str | None) -> list[tuple[str, str]]:
        kept = self.filter_params.keys() - {*left_out, *self.no_filters}
        return [(name, text) for name in sorted(kept) for text in self.filter_params[name] if text]

    # How it is shown

    @cached_property
    def table(self) -> Table:
        return Table(self)

    @property
    def totals_at(self) -> str:
        return str(self.get_query_string({TOTALS: "yes"}))

    @cached_property
    def totals(self) -> Any:
        """Count and sum of each coin, over all pages; None if nobody asked: it takes its time."""
        if TOTALS not in self.params:
            return None
        coins = self.whole.order_by().values("currency")
        return list(coins.annotate(count=Count("pk"), total=Total("amount")).order_by("currency"))


def waits_column(states: States) -> Any:
    """Return the column of what payouts wait for, with what holds up those of a page."""

    @display(description=gettext_lazy("waiting for"))
    def waits(payout: Payout) -> str:
        return label_of(payout, states) or "—"

    return waits
