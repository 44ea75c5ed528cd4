"""An address or a transaction to copy, and to look up where its network can be seen."""

from typing import Any
from urllib.parse import quote, urlsplit

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from wallets.models import WalletStatus

register = template.Library()

TONES = {
    WalletStatus.NEW: "warning",
    WalletStatus.CONFIRMED: "warning",
    WalletStatus.APPROVED: "info",
    WalletStatus.ACTIVE: "success",
    WalletStatus.FROZEN: "danger",
}


@register.filter
def wallet_tone(status: str) -> Any:
    return TONES.get(WalletStatus(status), "default")


@register.simple_tag
def copy_button(text: str) -> SafeString:
    return format_html(
        '<button class="desk-button small" type="button" data-copy="{}" data-copied="{}">{}'
        "</button>",
        text,
        _("Copied"),
        _("Copy"),
    )


@register.simple_tag
def address_buttons(network: str, address: str) -> SafeString:
    """A prefix, as of bitcoincash:, is left out: explorers take addresses without it."""
    return side_by_side(copy_button(address), link_to(network, 0, address.rpartition(":")[2]))


@register.simple_tag
def transaction_buttons(network: str, txid: str) -> SafeString:
    return side_by_side(copy_button(txid), link_to(network, 1, txid))


def side_by_side(*buttons: SafeString) -> SafeString:
    """Keep buttons on one line."""
    inside = format_html_join("", "{}", ((each,) for each in buttons))
    return format_html('<span class="desk-together">{}</span>', inside)


def link_to(network: str, which: int, text: str) -> SafeString:
    """Return a link that tells the explorer nothing of this desk; nothing where there is none."""
    address = settings.EXPLORERS.get(network, ("", ""))[which]
    if not (address and text):
        return format_html("{}", "")
    url = address.format(quote(text, safe=""))
    return format_html(
        '<a class="desk-button small" href="{}" target="_blank" rel="noreferrer noopener"'
        ' title="{}">{}</a>',
        url,
        _("Opens %s in a new window") % urlsplit(url).hostname,
        _("Explorer"),
    )
