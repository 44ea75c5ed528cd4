"""Forms of pages on which somebody does something: why, and what the page had shown."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from audit.operations import Operation
from audit.texts import LONGEST_REASON, one_line


def text_field(label: Any, max_length: int | None, **more: Any) -> forms.CharField:
    """Return a field for one line of text that can be seen."""
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(
        label=label, max_length=max_length, validators=[one_line], widget=widget, **more
    )


def reason_field(needed: Any) -> forms.CharField:
    """Return a field for a reason; `needed` says that it is missing."""
    return text_field(gettext_lazy("Reason"), LONGEST_REASON, error_messages={"required": needed})


class NothingAsked(forms.Form):
    """For what is only confirmed."""


class ConfirmForm(forms.Form):
    """What a confirmation sends back: tokens of what it showed, and a reason if one is due."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = reason_field(gettext_lazy("Say why. It is kept for ever."))

    def __init__(self, *args: Any, operation: Operation[Any, Any, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if operation.takes_reason:
            field = self.fields["reason"]
            field.required, field.label = operation.needs_reason, operation.reason_label
            field.error_messages["required"] = operation.reason_missing
        else:
            del self.fields["reason"]
