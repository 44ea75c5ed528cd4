"""What a list may be asked for, and its pages."""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, Generic, TypedDict, TypeVar
from urllib.parse import parse_qs

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.refusals import Refusal
from payouts import idempotency
from payouts.client_sentences import ClientStatus
from payouts.models import Payout
from payouts.portal.bodies import Text, moment_in
from payouts.portal.codes import PortalCode
from payouts.portal.models import Delivery
from payouts.portal.problems import Invalid
from payouts.portal.statuses import of_status
from payouts.portal.values import Says
from payouts.portal.wallet_steps import STATUSES_OF_STEP
from wallets.models import Wallet

Row = TypeVar("Row", bound=models.Model)
Shape = TypeVar("Shape")


def refuse_odd(given: QueryDict, known: Collection[str]) -> None:
    """Raise Invalid for what an address asks for and would not get: unknown, empty or twice."""
    if odd := sorted(set(given) - set(known)):
        raise Invalid([(name[:100], Refusal(PortalCode.UNKNOWN_FILTER)) for name in odd[:20]])
    if unclear := [name for name, values in given.lists() if len(values) > 1 or not values[0]]:
        refusal = Refusal(PortalCode.MEMBER, why=_("Give it one value, or leave it out."))
        raise Invalid([(name, refusal) for name in sorted(unclear)])


def in_one_line(text: str) -> None:
    if not (re.fullmatch(Text.ANY, text) and text.strip()):
        raise forms.ValidationError(_("Write it in one line, without tabs and the like."))


class TextFilter(django_filters.CharFilter):  # type: ignore[misc]  # it has no types
    """Text as it is written: nothing is cut off at its ends."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, validators=[in_one_line], **kwargs)


class MomentField(forms.CharField):
    def clean(self, value: Any) -> Any:
        if (text := super().clean(value)) and (moment := moment_in(text)) is None:
            raise forms.ValidationError(_("Write a moment like 2026-01-31T09:00:00Z."))
        return moment if text else None


class MomentFilter(django_filters.Filter):  # type: ignore[misc]  # it has no types
    field_class = MomentField


class Strict(django_filters.FilterSet):  # type: ignore[misc]  # it has no types
    """Filters that refuse what they cannot read, where others would leave it out."""

    @classmethod
    def names(cls) -> frozenset[str]:
        return frozenset(cls.base_filters)

    @classmethod
    def applied(cls, given: Any, rows: QuerySet[Row]) -> QuerySet[Row]:
        asked = cls(given, queryset=rows)
        if asked.is_valid():
            filtered: QuerySet[Row] = asked.qs
            return filtered
        raise Invalid(
            [
                (name, Refusal(PortalCode.MEMBER, why=str(message)))
                for name, messages in asked.errors.items()
                for message in messages
            ]
        )


class WalletFilters(Strict):
    status = django_filters.ChoiceFilter(
        choices=[(step, step) for step in STATUSES_OF_STEP],
        method="in_step",
        help_text="At this step.",
    )
    network = TextFilter(max_length=16, help_text="On this network.")
    address = TextFilter(max_length=128, help_text="With exactly this address.")

    class Meta:
        model = Wallet
        fields: list[str] = []

    def in_step(self, rows: QuerySet[Wallet], _name: str, step: str) -> QuerySet[Wallet]:
        return rows.filter(status__in=STATUSES_OF_STEP[step])


class PayoutFilters(Strict):
    status = django_filters.ChoiceFilter(
        choices=ClientStatus.choices, method="in_status", help_text="That stand so."
    )
    currency = TextFilter(max_length=12, help_text="In this coin, in capitals.")
    network = TextFilter(max_length=16, help_text="On this network.")
    wallet = django_filters.UUIDFilter(field_name="wallet__public_id", help_text="To this wallet.")
    reference = TextFilter(max_length=100, help_text="With exactly this reference.")
    idempotency_key = TextFilter(
        max_length=150, method="with_key", help_text="The one that was asked for with this key."
    )
    requested_from = MomentFilter(
        field_name="requested_at", lookup_expr="gte", help_text="Asked for at or after this moment."
    )
    requested_before = MomentFilter(
        field_name="requested_at", lookup_expr="lt", help_text="Asked for before this moment."
    )

    class Meta:
        model = Payout
        fields: list[str] = []

    def in_status(self, rows: QuerySet[Payout], _name: str, status: str) -> QuerySet[Payout]:
        return rows.filter(of_status(ClientStatus(status)))

    def with_key(self, rows: QuerySet[Payout], _name: str, key: str) -> QuerySet[Payout]:
        return rows.filter(idempotency_key=idempotency.api(key))


class DeliveryFilters(Strict):
    state = django_filters.ChoiceFilter(
        choices=Delivery.State.choices, help_text="That are in this state."
    )
    payout = django_filters.UUIDFilter(field_name="payout_id", help_text="About this payout.")

    class Meta:
        model = Delivery
        fields: list[str] = []


class Page(TypedDict, Generic[Shape]):
    """Some of a list, and where the rest of it is."""

    next: Annotated[str | None, Says("Where the following page is.", format="uri")]
    previous: Annotated[str | None, Says(format="uri")]
    results: list[Shape]


class Pages(CursorPagination):
    """Pages by a cursor, so that the thousandth costs what the first one does."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    NAMES = frozenset({"cursor", "page_size"})

    def __init__(self, ordering: Sequence[str]) -> None:
        self.ordering = tuple(ordering)
        super().__init__()

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return tuple(self.ordering)

    def of(self, rows: QuerySet[Row], view: APIView, shape: Callable[[Row], Shape]) -> Response:
        self.size(view.request.query_params.get(self.page_size_query_param))
        refuse_cursor(view.request.query_params.get(self.cursor_query_param))
        try:
            page = self.paginate_queryset(rows, view.request, view)
        except (NotFound, ValueError, ValidationError) as exc:  # the place is of another kind
            raise Invalid([("cursor", Refusal(PortalCode.CURSOR))]) from exc
        answer: Page[Shape] = {
            "next": self.get_next_link(),
            "previous": self.get_previous_link(),
            "results": [shape(row) for row in page or []],
        }
        return Response(answer)

    @classmethod
    def size(cls, text: str | None) -> int:
        """Return how many rows are asked for. Raises Invalid for what is no such number."""
        if text is None:
            return cls.page_size
        is_number = text.isascii() and text.isdecimal() and len(text) <= 3
        if is_number and 1 <= int(text) <= cls.max_page_size:
            return int(text)
        refusal = Refusal(PortalCode.PAGE_SIZE, most=cls.max_page_size)
        raise Invalid([(cls.page_size_query_param, refusal)])


def refuse_cursor(text: str | None) -> None:
    """Raise Invalid for what no page has given: it would read as the first page."""
    if text is None:
        return
    try:
        position = parse_qs(b64decode(text, validate=True).decode(), strict_parsing=True)
    except ValueError:
        position = {}
    if not position or not position.keys() <= {"o", "r", "p"}:
        raise Invalid([("cursor", Refusal(PortalCode.CURSOR))])
