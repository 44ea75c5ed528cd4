from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from audit import clock
from payouts.models import PayoutStatus
from wallets.amounts import format_amount
from wallets.coins import network_name

register = template.Library()
register.filter(network_name)

TONES = {
    PayoutStatus.PENDING: "warning",
    PayoutStatus.HELD: "warning",
    PayoutStatus.APPROVED: "info",
    PayoutStatus.SUBMITTING: "info",
    PayoutStatus.BROADCAST: "info",
    PayoutStatus.CONFIRMED: "success",
    PayoutStatus.FAILED: "danger",
}


@register.filter
def digits(amount: Decimal) -> SafeString:
    """Show an amount in groups of three. Copied, it has no spaces."""
    return in_threes(format_amount(amount))


def in_threes(amount: str) -> SafeString:
    whole, point, decimals = amount.partition(".")
    first = len(whole) % 3 or 3
    groups = [whole[:first], *(whole[i : i + 3] for i in range(first, len(whole), 3))]
    spans = format_html_join("", "<span>{}</span>", ((group,) for group in groups))
    return format_html('<span class="digits">{}</span>{}{}', spans, point, decimals)


@register.simple_tag
def money(amount: Decimal | None, currency: str) -> SafeString:
    if amount is None:
        return format_html("{}", "—")
    return format_html(
        '<span class="money" translate="no">{} <span class="coin">{}</span></span>',
        digits(amount),
        currency,
    )


@register.filter
def ago(at: datetime | None) -> str:
    """How long ago, in its largest unit."""
    if at is None:
        return "—"
    age: str = timesince(at, clock.now(), depth=1)
    return _("just now") if age.startswith("0") else age


@register.filter
def tone(status: str) -> Any:
    return TONES.get(PayoutStatus(status), "default")
