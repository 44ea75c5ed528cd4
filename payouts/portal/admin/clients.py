"""The client that a key or an endpoint belongs to, by the id that the portal knows it by."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from wallets.models import Client


class ClientField(forms.CharField):
    """A client by its external id; empty for the portal itself."""

    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})

    def __init__(self, help_text: Any) -> None:
        super().__init__(
            label=gettext_lazy("Client"), max_length=64, required=False, help_text=help_text
        )

    def clean(self, value: Any) -> Client | None:
        external_id = super().clean(value)
        if not external_id:
            return None
        client = Client.objects.filter(external_id=external_id).first()
        if client is None:
            raise forms.ValidationError(_("There is no client with this external id."))
        return client
