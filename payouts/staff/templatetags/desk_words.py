"""The desk's words for what Django calls otherwise, see docs/words.md."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from payouts.staff.templatetags.given import given

register = template.Library()

WORDS = {
    "user": gettext_lazy("person"),
    "users": gettext_lazy("people"),
    "group": gettext_lazy("role"),
    "groups": gettext_lazy("roles"),
    "exchange rate": gettext_lazy("rate"),
    "exchange rates": gettext_lazy("rates"),
    "policy versions": gettext_lazy("policy"),
    "journal": gettext_lazy("entries"),
}


TITLES = WORDS | {
    "services": gettext_lazy("services and fees"),
    "journal": gettext_lazy("journal"),
    "runs": gettext_lazy("reconciliation"),
}


@register.filter
def in_desk_words(name: Any) -> str:
    return str(WORDS.get(str(name), name))


@register.filter
def as_title(title: Any) -> str:
    """Begin the name of a kind with a capital, and leave that of a row, an address say, alone."""
    return (
        given(title) if isinstance(title, Model) else capfirst(str(TITLES.get(str(title), title)))
    )


@register.filter
def without_package(parts: Sequence[Any]) -> Sequence[Any]:
    """Leave out the first of several crumbs, which leads to Django's own list of a package."""
    return parts[1:] or parts
