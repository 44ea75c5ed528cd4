"""How the books write days, months and sums."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from heleket.answers import HELEKET_TIME
from payouts.admin.templatetags.payouts import money
from payouts.books.models import Movement
from payouts.books.overview import with_sign
from wallets.amounts import format_amount

register = template.Library()


@register.filter
def iso(day: date) -> str:
    return day.isoformat()


@register.filter
def iso_month(month: date) -> str:
    return f"{month:%Y-%m}"


@register.filter
def plain(amount: Decimal) -> str:
    return format_amount(abs(amount))


@register.simple_tag
def signed(amount: Decimal, currency: str) -> SafeString:
    """Write an amount with its sign, and nothing as zero."""
    if not amount:
        return money(abs(amount), currency)
    sign = with_sign(amount)[0]
    return format_html("<span>{}{}</span>", sign, money(abs(amount), currency))


@register.filter
def as_amount(text: str) -> Decimal:
    return Decimal(text)


@register.filter
def negated(amount: Decimal) -> Decimal:
    return -amount


@register.filter
def rest(sums: Mapping[str, Any]) -> Decimal:
    """Return what of a month's sums nobody has entered."""
    known = sum(map(Decimal, sums["movements"].values()), Decimal(sums["refunds"]))
    debits, opening = Decimal(sums["debits"]), Decimal(sums["opening"])
    return Decimal(sums["closing"]) - (opening + known - debits)


@register.filter
def moved(sums: Mapping[str, Any]) -> bool:
    """Whether anything moved the balance of these sums of a month."""
    is_still = sums["refunds"] == sums["debits"] == "0" and sums["opening"] == sums["closing"]
    return bool(sums["movements"]) or not is_still


@register.filter
def unmoved(facts: Mapping[str, Any]) -> list[tuple[str, Decimal]]:
    """Return the balances that stayed as they were in a month, but empty ones."""
    return [
        (coin, Decimal(sums["closing"]))
        for coin, sums in facts["coins"].items()
        if not (moved(sums) or coin in facts["payouts"] or sums["closing"] == "0")
    ]


@register.filter
def there(at: datetime) -> str:
    """Write a moment by Heleket's clock."""
    return date_format(at.astimezone(HELEKET_TIME), "j M Y, H:i:s")


@register.filter
def among(found: dict[Any, Any], key: Any) -> Any:
    return found.get(key)


@register.filter
def category_name(category: str) -> str:
    return str(dict(Movement.Category.choices).get(category, category))
