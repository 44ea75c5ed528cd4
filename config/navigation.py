"""The sidebar: which pages there are, for those who may see them."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy


def link(title: Any, icon: str, url_name: str, right: str) -> dict[str, Any]:
    """Return an entry of the sidebar, for those who hold the right."""

    def may(request: HttpRequest) -> bool:
        return request.user.has_perm(right)

    return {"title": title, "icon": icon, "link": reverse_lazy(url_name), "permission": may}


NAVIGATION = [
    {
        "items": [
            link(
                gettext_lazy("Payouts"),
                "payments",
                "admin:payouts_payout_changelist",
                "payouts.view_payout",
            ),
            link(
                gettext_lazy("Discrepancies"),
                "rule",
                "admin:payouts_discrepancy_changelist",
                "payouts.view_discrepancy",
            ),
        ],
    },
    {
        "title": gettext_lazy("Who is paid"),
        "items": [
            link(
                gettext_lazy("Clients"),
                "group",
                "admin:wallets_client_changelist",
                "wallets.view_client",
            ),
            link(
                gettext_lazy("Wallets"),
                "account_balance_wallet",
                "admin:wallets_wallet_changelist",
                "wallets.view_wallet",
            ),
            link(
                gettext_lazy("Services and fees"),
                "sell",
                "admin:wallets_payoutmethod_changelist",
                "wallets.view_payoutmethod",
            ),
        ],
    },
    {
        "title": gettext_lazy("Running the desk"),
        "items": [
            link(
                gettext_lazy("Desk"),
                "power_settings_new",
                "admin:payouts_controls_switch_changelist",
                "payouts_controls.view_switch",
            ),
            link(
                gettext_lazy("Webhooks"),
                "call_received",
                "admin:payouts_webhookdelivery_changelist",
                "payouts.view_webhookdelivery",
            ),
            link(
                gettext_lazy("Desk events"),
                "history",
                "admin:audit_deskevent_changelist",
                "audit.view_deskevent",
            ),
        ],
    },
    {
        "title": gettext_lazy("Staff"),
        "items": [
            link(
                gettext_lazy("People"),
                "badge",
                "admin:auth_user_changelist",
                "auth.view_user",
            ),
            link(
                gettext_lazy("Roles"),
                "shield_person",
                "admin:auth_group_changelist",
                "auth.view_group",
            ),
        ],
    },
]
