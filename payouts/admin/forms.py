"""Forms of the Admin: a payout by hand, its edit, and the reason for what is done."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from audit import clock
from audit.texts import LONGEST_REASON
from payouts import idempotency
from payouts.eligibility import refusal_of_coin
from payouts.models import Category, Payout
from payouts.requests import refusal_of_date
from payouts.seen import see
from payouts.staff.forms import reason_field, text_field
from payouts.staff.pages import ID
from wallets.amounts import UNIT, AmountFormField
from wallets.codes import WalletCode
from wallets.coins import network_name
from wallets.display import in_groups
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus

MOST_EVENTS = 2**31 - 1
BY_MINUTE = "%Y-%m-%dT%H:%M"  # as browsers write a day and an hour


class WalletField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in the stubs alone
    def label_from_instance(self, obj: Any) -> SafeString:
        memo = format_html(" · {} {}", _("memo"), obj.memo) if obj.memo else ""
        name = format_html(" · {}", obj.label) if obj.label else ""
        coin = format_html(" · {}", _("prefers %s") % obj.preferred_currency)
        head = format_html(
            "<strong>{}</strong>{}{}{}",
            network_name(obj.network),
            name,
            memo,
            coin if obj.preferred_currency else "",
        )
        waits = format_html("<br>{}", _("Not approved yet: the payout waits for that."))
        is_active = obj.status == WalletStatus.ACTIVE
        return format_html("{}<br>{}{}", head, in_groups(obj.address), "" if is_active else waits)


# Which refusals no other amount would mend.
OF_THE_COIN = (WalletCode.METHOD_UNKNOWN, WalletCode.METHOD_UNAVAILABLE)


class PayoutForm(forms.Form):
    """What is paid where, for one client. Says beside its field what the service would refuse."""

    wallet = WalletField(
        label=gettext_lazy("Where to"),
        queryset=Wallet.objects.none(),
        widget=forms.RadioSelect,
        empty_label=None,
        error_messages={
            "required": gettext_lazy("Choose a wallet."),
            "invalid_choice": gettext_lazy("Nothing can be paid to this wallet of the client."),
        },
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Coin"),
        widget=UnfoldAdminSelectWidget,
        error_messages={"required": gettext_lazy("Choose a coin.")},
    )
    amount = AmountFormField(
        label=gettext_lazy("Amount"),
        help_text=gettext_lazy("The client receives this amount in full; the fee comes on top."),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "0.00"}),
        error_messages={"required": gettext_lazy("Say how much is paid.")},
    )
    purpose = text_field(
        gettext_lazy("Purpose"),
        Payout._meta.get_field("purpose").max_length,
        help_text=gettext_lazy("What the approvers should know. It is never sent to Heleket."),
        error_messages={"required": gettext_lazy("Say what the payout is for.")},
    )
    reference = text_field(
        gettext_lazy("Reference"),
        Payout._meta.get_field("reference").max_length,
        required=False,
        help_text=gettext_lazy("Your own number for it, if there is one."),
    )

    category = forms.ChoiceField(
        label=gettext_lazy("Category"), required=False, widget=UnfoldAdminSelectWidget
    )
    pay_from = forms.DateTimeField(
        label=gettext_lazy("Pay from"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        error_messages={"invalid": gettext_lazy("Choose a day and an hour.")},
    )

    known: Payout | None = None  # stored under this form's key already: nothing is judged again

    def __init__(
        self, *args: Any, client: Client, edited: Payout | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.edited = edited
        self.offer_categories()
        zone = get_current_timezone_name()
        help_text = _("Not sooner than this day and hour (%s). Empty: as soon as it is approved.")
        self.fields["pay_from"].help_text = help_text % zone
        self.wallets = Wallet.objects.for_client(client)
        if self.known is None:
            # Those that can be paid now come first, as “active” does in the alphabet.
            self.wallets = self.wallets.in_use().order_by("status", "-created_at", "-pk")
        self.fields["wallet"].queryset = self.wallets  # type: ignore[attr-defined]
        self.fields["currency"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose")),
            *((code, code) for code in self.codes()),
        ]

    def codes(self) -> list[str]:
        if self.known is not None:
            return [str(self.data.get("currency"))]
        services = PayoutMethod.objects.available()
        there = services.filter(network__in=self.wallets.values("network")).order_by("currency")
        return list(there.values_list("currency", flat=True).distinct())

    def offer_categories(self) -> None:
        """Offer the list, and what a stored payout has though it is no longer in it."""
        names = list(Category.objects.filter(is_active=True).values_list("name", flat=True))
        stored = self.known or self.edited
        if stored and stored.category not in ("", *names):
            names.append(stored.category)
        self.fields["category"].choices = [("", "—"), *zip(names, names, strict=True)]  # type: ignore[attr-defined]
        if not names:
            del self.fields["category"]

    def clean_pay_from(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["pay_from"]
        is_stored = self.known or (self.edited and self.edited.pay_from == at)
        if at and not is_stored and at <= clock.now():
            raise forms.ValidationError(
                _("This moment has passed. Leave it empty to pay as soon as it is approved.")
            )
        if at and not is_stored and (refusal := refusal_of_date(at)):
            raise forms.ValidationError(refusal.sentence)
        return at

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.known is None and data.get("wallet") and data.get("currency"):
            self.check_coin(data["wallet"].network, data["currency"], data.get("amount"))
        return data

    def check_coin(self, network: str, currency: str, amount: Any) -> None:
        refusal = refusal_of_coin(network, currency, amount or UNIT)
        if refusal and refusal.code in OF_THE_COIN:
            self.add_error("currency", refusal.sentence)
        elif refusal and amount:
            self.add_error("amount", refusal.sentence)


class AddForm(PayoutForm):
    """A new payout. The nonce makes a double click one payout, whatever happens in between.

    Where there is no choice it is made: one wallet, and one coin on its network. A coin is never
    chosen where there are several, whatever the wallet's owner prefers.
    """

    nonce = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    reason = text_field(gettext_lazy("Why it is no duplicate"), LONGEST_REASON, required=False)

    def __init__(self, data: Any, *, client: Client, wallet: str = "", initial: Any = None) -> None:
        with suppress(ValueError):
            key = idempotency.manual(UUID((data or {}).get("nonce", "")))
            self.known = Payout.objects.for_client(client).filter(idempotency_key=key).first()
        super().__init__(data, client=client, initial=initial)
        wallets = list(self.wallets[:2])
        if len(wallets) == 1 and not initial:
            self.initial["wallet"] = wallets[0]
            if len(codes := self.codes()) == 1:
                self.initial["currency"] = codes[0]
        elif ID.fullmatch(wallet):
            self.initial["wallet"] = int(wallet)


class EditForm(PayoutForm):
    """A change of a payout, of which `seen` is the token of what the page showed."""

    reason = text_field(
        gettext_lazy("Why it is changed"),
        LONGEST_REASON,
        error_messages={"required": gettext_lazy("Say why it is changed.")},
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    @classmethod
    def showing(cls, payout: Payout) -> "EditForm":
        names = ["wallet", "currency", "amount", "purpose", "reference", "category"]
        shown = {name: getattr(payout, name) for name in names}
        if payout.pay_from:
            shown["pay_from"] = localtime(payout.pay_from).strftime(BY_MINUTE)
        [seen] = see([payout])
        return cls(client=payout.client, edited=payout, initial={**shown, "seen": seen.token})


class SwitchForm(forms.Form):
    """Which way the switch is turned: the page says so, so that two people never turn it twice.

    `seen` is the moment at which it was turned last when the page was opened: nobody resumes what
    was paused once more since then.
    """

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    to = forms.ChoiceField(choices=[("paused", "paused"), ("on", "on")], widget=forms.HiddenInput)
    is_same_database = forms.BooleanField(
        label=gettext_lazy("No backup was put back and nothing copied: it is the same database"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    reason = reason_field(gettext_lazy("Say why."))

    def __init__(self, *args: Any, asks: bool = False, **kwargs: Any) -> None:
        """`asks` whether it is the same database, as that is in doubt."""
        super().__init__(*args, **kwargs)
        if not asks:
            del self.fields["is_same_database"]


class StopForm(forms.Form):
    """Of which coin or network sending is paused, and why."""

    network = forms.ChoiceField(
        label=gettext_lazy("Network"), required=False, widget=UnfoldAdminSelectWidget
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Coin"), required=False, widget=UnfoldAdminSelectWidget
    )
    reason = reason_field(gettext_lazy("Say why."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        methods = PayoutMethod.objects.order_by()
        for name, shown in (("network", network_name), ("currency", str)):
            known = sorted(methods.values_list(name, flat=True).distinct())
            choices = [("", _("every one")), *((each, shown(each)) for each in known)]
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not (self.errors or data["network"] or data["currency"]):
            raise forms.ValidationError(_("Choose a network, a coin, or both."))
        return data


class PersonActForm(forms.Form):
    """Why somebody is kept out or let in again; `seen` is the last such event that was shown."""

    seen = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=MOST_EVENTS
    )
    reason = reason_field(gettext_lazy("Say why."))
