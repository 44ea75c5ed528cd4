"""What people state on the pages for auditors: a day, and a sample."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payouts.admin.filters import PeriodForm, beginning_of, boxes, day, end_of
from payouts.auditing import samples
from payouts.models import Payout, PayoutQuerySet, PayoutStatus
from payouts.staff.forms import text_field
from wallets.models import Client


class DayForm(forms.Form):
    on = day(gettext_lazy("On the day"))


class SampleForm(PeriodForm):
    """A population and what is drawn of it."""

    seed = text_field(
        gettext_lazy("Seed"),
        100,
        help_text=gettext_lazy("Any words. The same ones draw the same sample again."),
    )
    size = forms.IntegerField(
        label=gettext_lazy("How many"), min_value=1, max_value=samples.MOST, initial=25
    )
    client = text_field(
        gettext_lazy("Client"),
        64,
        required=False,
        help_text=gettext_lazy("Their number in your own system."),
    )
    status = boxes(gettext_lazy("Status"), PayoutStatus.choices)
    field_order = ["from_day", "to_day", "client", "status", "seed", "size"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("from_day", "to_day"):
            self.fields[name].required = True

    def clean_client(self) -> Client | None:
        text = self.cleaned_data["client"]
        if not text:
            return None
        found = Client.objects.filter(external_id=text).first()
        if found is None:
            raise forms.ValidationError(_("There is no such client."))
        return found

    def population(self) -> PayoutQuerySet:
        stated = self.cleaned_data
        payouts = Payout.objects.filter(
            requested_at__gte=beginning_of(stated["from_day"]),
            requested_at__lt=end_of(stated["to_day"]),
        )
        if stated["client"]:
            payouts = payouts.for_client(stated["client"])
        if stated["status"]:
            payouts = payouts.filter(status__in=stated["status"])
        return payouts

    def filter(self) -> dict[str, Any]:
        """The population as it was stated, in words that a file keeps."""
        stated = self.cleaned_data
        return {
            "requested_from": stated["from_day"].isoformat(),
            "requested_until": stated["to_day"].isoformat(),
            "client": stated["client"].external_id if stated["client"] else "",
            "status": sorted(stated["status"]),
        }
