"""A wallet that is added: for whom, and where."""

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from payouts.admin.lasting import SeenForm
from wallets.addresses import check_address, check_memo, networks_of
from wallets.coins import DECIMALS_ON_CHAIN, NETWORKS, is_known, network_name
from wallets.errors import InvalidAddress
from wallets.models import Wallet
from wallets.sharing import SameAddress, wallets_at
from wallets.unspendable import doubt_about

DESTINATION = ("client", "network", "address", "memo")

AS_TYPED = {  # a phone neither capitalises nor corrects it, and a browser offers no old one
    "autocapitalize": "off",
    "autocomplete": "off",
    "autocorrect": "off",
    "spellcheck": "false",
    "translate": "no",
}


class CoinForm(SeenForm):
    """The coin that a wallet's owner prefers is one that its network has."""

    preferred_currency = forms.ChoiceField(
        label=gettext_lazy("preferred coin"), required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "preferred_currency" in self.fields:  # not on a page that changes nothing
            choices = [("", _("No preference")), *((code, code) for code in self.coins())]
            self.fields["preferred_currency"].choices = choices  # type: ignore[attr-defined]

    def coins(self) -> list[str]:
        return sorted({coin for coins in DECIMALS_ON_CHAIN.values() for coin in coins})


class WalletNamesForm(CoinForm):
    """What people call a wallet, and how it is best paid: all that may ever change."""

    def coins(self) -> list[str]:
        chosen = {self.instance.preferred_currency} - {""}
        return sorted(chosen | DECIMALS_ON_CHAIN[self.instance.network].keys())


class WalletForm(CoinForm):
    """Says beside its field what `services.add_wallet` would refuse. No network is chosen: which
    ones the address can belong to is said."""

    is_certain = forms.BooleanField(
        label=gettext_lazy("I am sure that this address can be paid"),
        required=False,
        widget=forms.HiddenInput,
        help_text=gettext_lazy("Whoever approves the wallet has to be sure of it, too."),
    )

    class Meta:
        model = Wallet
        fields = ["client", "address", "network", "memo", "label", "preferred_currency"]
        widgets = {"client": forms.HiddenInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("address", "memo"):
            self.fields[name].strip = False  # type: ignore[attr-defined]  # check what was typed
            self.fields[name].widget.attrs |= AS_TYPED
        network = self.fields["network"]
        network.choices = [("", _("Choose")), *NETWORKS.items()]  # type: ignore[attr-defined]
        network.error_messages["required"] = gettext_lazy("Choose the network.")

    def clean(self) -> dict[str, Any]:
        """An error takes its field out of the data, so what needs a field looks whether it is
        there still."""
        data = super().clean()
        if not self.data.get("network") and data.get("address"):
            self.add_error("network", where_it_can_be(data["address"])["note"])
        if {"network", "address", "memo"} <= data.keys():
            self.check_destination(data)
        if {"address", "memo"} <= data.keys():
            self.refuse_missing_memo(Wallet(address=data["address"], memo=data["memo"]))
        if {"network", "preferred_currency"} <= data.keys():
            self.check_coin(data["network"], data["preferred_currency"])
        if set(DESTINATION) <= data.keys():
            self.refuse_second(**{name: data[name] for name in DESTINATION})
        known = {"network", "address"} <= data.keys()
        if known and (doubt := doubt_about(data["network"], data["address"])):
            self.ask("is_certain", doubt, beside="address")
        return data

    def check_destination(self, data: dict[str, Any]) -> None:
        try:
            data["address"] = check_address(data["network"], data["address"])
        except InvalidAddress as exc:
            self.add_error("address", str(exc))
        try:
            check_memo(data["network"], data["memo"])
        except InvalidAddress as exc:
            self.add_error("memo", str(exc))

    def check_coin(self, network: str, coin: str) -> None:
        if coin and not is_known(network, coin):
            sentence = _("%s does not have this coin.") % network_name(network)
            self.add_error("preferred_currency", sentence)

    def refuse_missing_memo(self, wallet: Wallet) -> None:
        if refusal := SameAddress(wallets_at([wallet])).refusal_of_memo(wallet):
            self.add_error("memo", refusal.sentence)

    def refuse_second(self, **destination: Any) -> None:
        """Say what became of the same wallet, if it was added before."""
        if known := Wallet.objects.filter(**destination).first():
            said = _("This client already has this wallet: it is %s.") % known.get_status_display()
            url = reverse("admin:wallets_wallet_change", args=[known.pk])
            link = format_html('<a class="link" href="{}">{}</a>', url, _("Open it"))
            self.add_error("address", format_html("{} {}", said, link))


def where_it_can_be(address: str) -> dict[str, Any]:
    """Return the networks that an address can belong to, and a sentence about them."""
    networks = [{"code": code, "name": network_name(code)} for code in networks_of(address)]
    names = ", ".join(each["name"] for each in networks)
    if not address:
        note = ""
    elif not networks:
        note = _("This is no address of any network that this desk pays on.")
    elif len(networks) == 1:
        note = _("It is an address of %s.") % names
    else:
        note = _(
            "It can be an address of %s. Ask its owner which one: what is paid on another network "
            "may be lost."
        )
        note %= names
    return {"networks": networks, "note": note}
