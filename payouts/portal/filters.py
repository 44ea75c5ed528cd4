"""What a list may be asked for, and its pages."""

from base64 import b64decode
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs

import django_filters
from django.db import models
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.refusals import Refusal
from payouts import idempotency
from payouts.client_sentences import ClientStatus
from payouts.models import Payout
from payouts.portal.codes import PortalCode
from payouts.portal.models import Delivery
from payouts.portal.problems import Invalid
from payouts.portal.statuses import of_status
from payouts.portal.wallet_steps import STATUSES_OF_STEP
from wallets.models import Wallet

Row = TypeVar("Row", bound=models.Model)


def refuse_unknown(given: Collection[str], known: Collection[str]) -> None:
    if odd := sorted(set(given) - set(known)):
        raise Invalid([(name[:100], Refusal(PortalCode.UNKNOWN_FILTER)) for name in odd[:20]])


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
        choices=[(step, step) for step in STATUSES_OF_STEP], method="in_step"
    )
    network = django_filters.CharFilter(max_length=16)
    address = django_filters.CharFilter(max_length=128)

    class Meta:
        model = Wallet
        fields: list[str] = []

    def in_step(self, rows: QuerySet[Wallet], _name: str, step: str) -> QuerySet[Wallet]:
        return rows.filter(status__in=STATUSES_OF_STEP[step])


class PayoutFilters(Strict):
    status = django_filters.ChoiceFilter(choices=ClientStatus.choices, method="in_status")
    currency = django_filters.CharFilter(max_length=12)
    network = django_filters.CharFilter(max_length=16)
    wallet = django_filters.UUIDFilter(field_name="wallet__public_id")
    reference = django_filters.CharFilter(max_length=100)
    idempotency_key = django_filters.CharFilter(max_length=150, method="with_key")
    requested_from = django_filters.IsoDateTimeFilter(field_name="requested_at", lookup_expr="gte")
    requested_before = django_filters.IsoDateTimeFilter(field_name="requested_at", lookup_expr="lt")

    class Meta:
        model = Payout
        fields: list[str] = []

    def in_status(self, rows: QuerySet[Payout], _name: str, status: str) -> QuerySet[Payout]:
        return rows.filter(of_status(ClientStatus(status)))

    def with_key(self, rows: QuerySet[Payout], _name: str, key: str) -> QuerySet[Payout]:
        return rows.filter(idempotency_key=idempotency.api(key))


class DeliveryFilters(Strict):
    state = django_filters.ChoiceFilter(choices=Delivery.State.choices)
    payout = django_filters.UUIDFilter(field_name="payout_id")

    class Meta:
        model = Delivery
        fields: list[str] = []


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

    def of(
        self, rows: QuerySet[Row], view: APIView, shape: Callable[[Row], dict[str, Any]]
    ) -> Response:
        self.size(view.request.query_params.get(self.page_size_query_param))
        refuse_cursor(view.request.query_params.get(self.cursor_query_param))
        try:
            page = self.paginate_queryset(rows, view.request, view)
        except NotFound as exc:
            raise Invalid([("cursor", Refusal(PortalCode.CURSOR))]) from exc
        return self.get_paginated_response([shape(row) for row in page or []])

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
