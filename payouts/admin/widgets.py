"""Choices of a filter, written at once: Django makes each option of two templates, which for the
people of a desk takes longer than the list that they filter."""

from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

SELECTED, CHECKED, NO = mark_safe(" selected"), mark_safe(" checked"), ""


class Choice(forms.Select):
    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = str(value or "")
        options = (
            (key, SELECTED if str(key) == chosen else NO, label) for key, label in self.choices
        )
        return format_html(
            '<select name="{}" id="{}">{}</select>',
            name,
            (attrs or {}).get("id", ""),
            format_html_join("", '<option value="{}"{}>{}</option>', options),
        )


class Boxes(forms.CheckboxSelectMultiple):
    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = set(value or ())
        boxes = (
            (name, key, CHECKED if key in chosen else NO, label) for key, label in self.choices
        )
        box = '<label><input type="checkbox" name="{}" value="{}"{}> {}</label>'
        return format_html_join("", box, boxes)
