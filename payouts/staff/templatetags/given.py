"""What people gave or chains made, marked: its direction stays its own, and a browser's translator
leaves it as it is. All templates have these filters."""

import re
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# A number of a payout, an amount with its coin, an id or address, and what somebody is quoted with.
VALUES = r"P-\d+|\d[\d,.]* [A-Z][A-Z0-9]+\b|\b(?=\w*\d)[\w:-]{12,}\b|(?<=“)[^”]+(?=”)"


@register.filter
def given(text: Any) -> SafeString:
    """Mark a name, an id, an address or a memo."""
    return format_html('<bdi translate="no">{}</bdi>', text)


@register.filter
def said(text: Any) -> SafeString:
    """Mark words that may be translated: a purpose, a reason."""
    return format_html("<bdi>{}</bdi>", text)


@register.filter
def kept(sentence: Any, name: Any = "") -> SafeString:
    """Mark what a sentence of ours quotes: amounts, ids, words, and this name, if there is one."""
    values = f"{re.escape(str(name))}|{VALUES}" if name else VALUES
    text, parts, end = str(sentence), [], 0
    for found in re.finditer(values, text):
        parts += [conditional_escape(text[end : found.start()]), given(found[0])]
        end = found.end()
    return mark_safe("".join([*parts, conditional_escape(text[end:])]))  # noqa: S308  # escaped above
