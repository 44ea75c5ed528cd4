"""Rows of a list, put together by hand: out of templates they are most of a page's time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ORDER_VAR
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from payouts.admin.templatetags.payouts import tone
from payouts.models import Effective, Payout, PayoutStatus
from wallets.amounts import format_amount

BOX = "action_checkbox"
WAYS = {"asc": "ascending", "desc": "descending"}


@dataclass(frozen=True)
class Column:
    """One column of a list; `sort_at` is the address that sorts by it, if anything can."""

    name: str
    title: str
    cell: Callable[[Any], Any]
    sort_at: str = ""
    way: str = ""  # in which the list is sorted by it, if it is

    @cached_property
    def begin(self) -> SafeString:
        return format_html('<td class="field-{}" data-label="{}">', self.name, self.title)


class Table:
    """The table of a change list of payouts. Its first column leads to their pages, which lead back
    to this list and on to the next of it."""

    def __init__(self, changes: Any) -> None:
        self.changes, self.admin = changes, changes.model_admin
        self.query = f"?{changes.preserved_filters}" if changes.preserved_filters else ""
        self.has_boxes = BOX in changes.list_display
        self.sorted_by = changes.get_ordering_field_columns()
        shown = [each for each in enumerate(changes.list_display) if each[1] != BOX]
        self.columns = [self.column(index, each) for index, each in shown]

    def column(self, index: int, shown: Any) -> Column:
        title, attr = label_for_field(shown, self.changes.model, self.admin, return_attr=True)
        name = shown if isinstance(shown, str) else shown.__name__
        cell = attr if callable(attr) else attrgetter(name)
        if name not in self.admin.sortable_by:
            return Column(name, capfirst(str(title)), cell)
        way = WAYS.get(self.sorted_by.get(index, ""), "")
        order = f"-{index}" if way == "ascending" else str(index)
        remove = self.changes.no_filters
        sort_at = self.changes.get_query_string({ORDER_VAR: order}, remove=remove)
        return Column(name, capfirst(str(title)), cell, sort_at, way)

    @property
    def rows(self) -> SafeString:
        return format_html_join("", "<tr>{}{}{}</tr>", map(self.row, self.changes.result_list))

    def row(self, payout: Payout) -> tuple[SafeString, SafeString, SafeString]:
        first, *others = self.columns
        cells = ((each.begin, each.cell(payout)) for each in others)
        return (
            box(payout) if self.has_boxes else SafeString(""),
            format_html(
                '{}<a href="{}{}">{}</a></td>',
                first.begin,
                self.admin.url("change", payout.pk),
                self.query,
                first.cell(payout),
            ),
            format_html_join("", "{}{}</td>", cells),
        )


def box(payout: Payout) -> SafeString:
    """The box to tick. What is ticked is added up on the page, so it says how much it is."""
    return format_html(
        '<td class="tick"><input type="checkbox" class="action-select" name="{}" value="{}" '
        'data-amount="{}" data-coin="{}" aria-label="{}"></td>',
        ACTION_CHECKBOX_NAME,
        payout.pk,
        format_amount(payout.amount),
        payout.currency,
        _("Select %s") % payout,
    )


def two_lines(first: str, second: str) -> SafeString:
    return format_html("<bdi>{}</bdi><small>{}</small>", first, second)


def status_label(status: str, effective: str = "", beside: str = "") -> SafeString:
    """The status, what became of the money after all where that is something else, and what else
    is said of it for ever."""
    label = _label(status, effective, get_language())
    return format_html("{}<small>{}</small>", label, beside) if beside else label


@cache
def _label(status: str, effective: str, _language: str | None) -> SafeString:
    label = format_html(
        '<span class="desk-tag {}">{}</span>', tone(status), PayoutStatus(status).label
    )
    if not effective:
        return label
    after_all = _("after all: %s") % Effective(effective).label
    return format_html("{}<small>{}</small>", label, after_all)
