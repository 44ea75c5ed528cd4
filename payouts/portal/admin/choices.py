"""Choices that a person reads in words and a program by name, such as the scopes of a key."""

from collections.abc import Callable, Iterable
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

Choices = list[tuple[str, SafeString]]


def with_names(choices: Iterable[tuple[str, Any]]) -> Callable[[], Choices]:
    """Have each name stand beside its words, which are put in the language of who looks."""
    shown = '{} <span class="quiet" translate="no">{}</span>'
    return lambda: [(name, format_html(shown, words, name)) for name, words in choices]
