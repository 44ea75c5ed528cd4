"""The list of payouts: its columns, filters and search."""

from datetime import timedelta
from functools import cache
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display
from unfold.utils import display_for_label

from audit import clock
from payouts.admin.lists import BoundedList, BoundedPaginator
from payouts.admin.templatetags.payouts import TONES
from payouts.explain import States, label_of
from payouts.models import Attempt, Payout, PayoutQuerySet, PayoutStatus
from payouts.staff.pages import ID
from wallets.addresses import canonical_spellings
from wallets.coins import NETWORKS
from wallets.models import Client, PayoutMethod

PAST = "past"
MOST_FOUND = 50  # clients or attempts that one search looks through


class PayoutPaginator(BoundedPaginator):
    far = 1000  # from there a link leads to the next thousand, so that no page is a deep one


class PayoutList(BoundedList):
    """With `past`, the number of a payout, the list begins behind that one."""

    past: int | None
    goes_down: bool
    no_filters = (PAST,)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        payouts = super().get_queryset(request, exclude_parameters)
        past = self.params.get(PAST, "")
        self.past = int(past) if ID.fullmatch(past) else None
        self.goes_down = "number" not in self.get_ordering(request, self.root_queryset)
        if self.past is None:
            return payouts
        behind = "number__lt" if self.goes_down else "number__gt"
        return payouts.filter(**{behind: self.past})

    @property
    def goes_on_at(self) -> str:
        """The address of what is behind the last page."""
        is_last = self.page_num == self.paginator.num_pages
        if not (self.paginator.has_more and is_last):
            return ""
        last = list(self.result_list)[-1]
        return str(self.get_query_string({PAST: last.number}))

    @property
    def begins_at(self) -> str:
        """The address of the list's beginning, unless this is it."""
        return "" if self.past is None else str(self.get_query_string(remove=[PAST]))


# Cells. A template for each of them would be a quarter of the page's time.


def waits_column() -> Any:
    """Return the column of what payouts wait for. It reads once what holds up those of a page."""
    states = cache(States.now)

    @display(description=gettext_lazy("waiting for"))
    def waits(payout: Payout) -> str:
        return label_of(payout, states()) or "—"

    return waits


@cache
def status_label(status: str) -> SafeString:
    label: SafeString = display_for_label((status, PayoutStatus(status).label), "", TONES)
    return label


def two_lines(first: str, second: str) -> SafeString:
    return format_html(
        '<span class="flex flex-col text-right lg:text-left">'
        '<span>{}</span><span class="text-base-500">{}</span></span>',
        first,
        second,
    )


def search(payouts: PayoutQuerySet, text: str) -> PayoutQuerySet:
    """Find by number, reference, client, or a whole address, transaction or id at Heleket.

    Clients and attempts are looked up first, so that each part of the search can use its index.
    """
    attempts = Attempt.objects.filter(Q(txid=text) | Q(uuid=text) | Q(order_id=text))
    found = Q(reference=text) | Q(client__in=clients_called(text))
    found |= Q(address__in=canonical_spellings(text))
    found |= Q(pk__in=list(attempts.values_list("payout_id", flat=True)[:MOST_FOUND]))
    number = text.upper().removeprefix("P-").removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        found |= Q(number=int(number))
    return payouts.filter(found)


def clients_called(text: str) -> list[int]:
    """Return ids of clients by the whole external id or a part of the name."""
    clients = Client.objects.filter(Q(external_id=text) | Q(name__icontains=text))
    return list(clients.values_list("pk", flat=True)[:MOST_FOUND])


class NetworkFilter(RadioFilter):
    title = gettext_lazy("network")
    parameter_name = "network"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(NETWORKS.items())

    def queryset(self, request: HttpRequest, queryset: PayoutQuerySet) -> PayoutQuerySet:
        return queryset.filter(network=self.value()) if self.value() else queryset


class CurrencyFilter(RadioFilter):
    title = gettext_lazy("currency")
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = PayoutMethod.objects.order_by("currency").values_list("currency", flat=True)
        return [(code, code) for code in codes.distinct()]

    def queryset(self, request: HttpRequest, queryset: PayoutQuerySet) -> PayoutQuerySet:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class PeriodFilter(RadioFilter):
    title = gettext_lazy("period")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("1", _("Last 24 hours")),
            ("7", _("Last 7 days")),
            ("30", _("Last 30 days")),
            ("90", _("Last 90 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: PayoutQuerySet) -> PayoutQuerySet:
        days = self.value()
        if days not in ("1", "7", "30", "90"):
            return queryset
        return queryset.filter(requested_at__gte=clock.now() - timedelta(days=int(days)))
