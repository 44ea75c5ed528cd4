"""The forms of the books."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from payouts import documents
from payouts.books.models import Movement
from payouts.notes import File
from payouts.staff.forms import reason_field, text_field
from wallets.amounts import AmountFormField

WHERE = gettext_lazy("Where this can be looked up, such as the number of a statement.")


def sent_file(sent: Any) -> File | None:
    # One byte too many is enough to refuse it: no more is read.
    return File(sent.name, sent.read(documents.MOST_BYTES + 1)) if sent else None


class MovementForm(forms.Form):
    currency = forms.ChoiceField(label=gettext_lazy("Coin"), widget=UnfoldAdminSelectWidget)
    direction = forms.ChoiceField(
        label=gettext_lazy("Direction"),
        choices=Movement.Direction.choices,
        widget=UnfoldAdminSelectWidget,
    )
    amount = AmountFormField(
        label=gettext_lazy("Amount"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "0.00"}),
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Category"),
        choices=Movement.Category.choices,
        widget=UnfoldAdminSelectWidget,
    )
    day = forms.DateField(
        label=gettext_lazy("Day"),
        widget=UnfoldAdminDateWidget,
        help_text=gettext_lazy("By Heleket's clock, which is UTC+3."),
    )
    happened_on = forms.DateField(
        label=gettext_lazy("Happened on"),
        required=False,
        widget=UnfoldAdminDateWidget,
        help_text=gettext_lazy("Only if that was in a month that is closed."),
    )
    evidence = text_field(gettext_lazy("Evidence"), 500, help_text=WHERE)
    file = forms.FileField(
        label=gettext_lazy("Document"),
        required=False,
        allow_empty_file=True,  # refused by the service, like one that is too large
        help_text=gettext_lazy("%d MB at most.") % documents.MOST_MEGABYTES,
    )

    def __init__(self, *args: Any, coins: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(coin, coin) for coin in coins]
        self.fields["currency"].choices = choices  # type: ignore[attr-defined]

    def clean_file(self) -> File | None:
        return sent_file(self.cleaned_data["file"])


class FileForm(forms.Form):
    """A file of movements, to be looked at before anything is entered."""

    file = forms.FileField(label=gettext_lazy("CSV file"), allow_empty_file=True)

    def clean_file(self) -> File | None:
        return sent_file(self.cleaned_data["file"])


class TakeBackForm(forms.Form):
    reason = reason_field(gettext_lazy("Say why. It is kept for ever."))


class ProposeForm(forms.Form):
    """Why a month may be closed; `seen` names what the page showed."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = reason_field(gettext_lazy("Say what you have looked at. It is kept for ever."))
