"""The sidebar: which pages there are, for those who may see them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy

Count = Callable[[HttpRequest], int]
COUNTED = 99  # a number in the sidebar goes no further


def link(
    title: Any,
    icon: str,
    url_name: str,
    right: str,
    *,
    waits: Count | None = None,
    active: Callable[[HttpRequest], bool] | None = None,
) -> dict[str, Any]:
    """Return an entry of the sidebar, for those who hold the right. `waits` counts what waits there
    for the one who looks; `active` says where one is there, if not on all pages beneath it."""

    def may(request: HttpRequest) -> bool:
        return request.user.has_perm(right)

    entry = {"title": title, "icon": icon, "link": reverse_lazy(url_name), "permission": may}
    return {**entry, "waits": waits, **({"active": active} if active else {})}


def is_of_movements(request: HttpRequest) -> bool:
    return request.path == reverse("admin:payouts_books_movement_changelist")


def is_of_books(request: HttpRequest) -> bool:
    beneath = request.path.startswith(reverse("admin:payouts_books_movement_changelist"))
    return beneath and not is_of_movements(request)


def wallets_to_approve(request: HttpRequest) -> int:
    """Count wallets that wait for the approval of this person, who added none of them."""
    from wallets.models import Wallet  # settings read this module before there are models

    if not request.user.has_perm("wallets.approve_wallet"):
        return 0
    waiting = Wallet.objects.waiting().exclude(added_by=request.user.pk)
    return waiting.order_by()[: COUNTED + 1].count()


def discrepancies_to_end(request: HttpRequest) -> int:
    """Count open discrepancies, for those who end them."""
    from payouts.models import Discrepancy

    if not request.user.has_perm("payouts.close_discrepancy"):
        return 0
    return Discrepancy.objects.open().order_by()[: COUNTED + 1].count()


def policy_to_approve(request: HttpRequest) -> int:
    """Count the draft of the policy, for those who may approve it and did not draft it."""
    from payouts.controls import policy

    if not request.user.has_perm("payouts_controls.change_policy"):
        return 0
    draft = policy.draft()
    return int(draft is not None and draft.proposed_by_id != request.user.pk)


def rates_in_doubt(request: HttpRequest) -> int:
    """Count rates that have jumped, for those who accept them."""
    from payouts.controls.models import ExchangeRate

    if not request.user.has_perm("payouts_controls.accept_rate"):
        return 0
    return ExchangeRate.objects.filter(doubted_at__isnull=False).count()


def books_to_explain(request: HttpRequest) -> int:
    """Count what left the account that nobody has explained, for those who enter it."""
    from payouts.books import falls, movements

    return falls.count() if request.user.has_perm(movements.RIGHT) else 0


def drafts_to_confirm(request: HttpRequest) -> int:
    """Count drafts of rights that this person did not draft, for those who confirm them."""
    from payouts.staff import drafts

    if not request.user.has_perm(drafts.CONFIRM):
        return 0
    waiting = drafts.open_drafts().exclude(proposed_by=request.user.pk)
    return waiting.order_by()[: COUNTED + 1].count()


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar with the numbers of what waits for the one who looks."""
    return [
        {**group, "items": [with_count(entry, request) for entry in group["items"]]}
        for group in NAVIGATION
    ]


def with_count(entry: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    if not (entry["waits"] and (count := entry["waits"](request))):
        return entry
    badge = f"{COUNTED}+" if count > COUNTED else str(count)
    return {**entry, "badge": badge, "badge_variant": "primary", "badge_style": "solid"}


NAVIGATION: list[dict[str, Any]] = [
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
                waits=discrepancies_to_end,
            ),
            link(
                gettext_lazy("Reconciliation"),
                "compare_arrows",
                "admin:payouts_reconciliation_run_changelist",
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
                waits=wallets_to_approve,
            ),
            link(
                gettext_lazy("Categories"),
                "category",
                "admin:payouts_category_changelist",
                "payouts.view_category",
            ),
            link(
                gettext_lazy("Services and fees"),
                "sell",
                "admin:wallets_payoutmethod_changelist",
                "wallets.view_payoutmethod",
            ),
            link(
                gettext_lazy("Rates"),
                "currency_exchange",
                "admin:payouts_controls_exchangerate_changelist",
                "payouts_controls.view_exchangerate",
                waits=rates_in_doubt,
            ),
        ],
    },
    {
        "title": gettext_lazy("Books"),
        "items": [
            link(
                gettext_lazy("Days and months"),
                "menu_book",
                "admin:payouts_books_movement_books",
                "payouts_books.view_movement",
                waits=books_to_explain,
                active=is_of_books,
            ),
            link(
                gettext_lazy("Movements"),
                "swap_vert",
                "admin:payouts_books_movement_changelist",
                "payouts_books.view_movement",
                active=is_of_movements,
            ),
            link(
                gettext_lazy("Journal"),
                "receipt_long",
                "admin:payouts_entry_changelist",
                "payouts.view_entry",
            ),
            link(
                gettext_lazy("Accounts"),
                "account_tree",
                "admin:payouts_accountrule_changelist",
                "payouts.view_accountrule",
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
                gettext_lazy("Policy"),
                "policy",
                "admin:payouts_controls_policyversion_changelist",
                "payouts_controls.view_policyversion",
                waits=policy_to_approve,
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
        "title": gettext_lazy("To check"),
        "items": [
            link(
                gettext_lazy("Find"),
                "manage_search",
                "admin:auditing_find",
                "payouts.view_flags",
            ),
            link(
                gettext_lazy("A sample"),
                "casino",
                "admin:auditing_sample",
                "payouts.export_payout",
            ),
            link(
                gettext_lazy("Rights on a day"),
                "manage_history",
                "admin:auditing_rights",
                "auth.view_group",
            ),
            link(
                gettext_lazy("Policy on a day"),
                "event_note",
                "admin:auditing_policy",
                "payouts_controls.view_policyversion",
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
            link(
                gettext_lazy("Drafts of rights"),
                "how_to_reg",
                "admin:auth_user_drafts",
                "payouts_staff.confirm_rights",
                waits=drafts_to_confirm,
            ),
        ],
    },
    {
        "title": gettext_lazy("Client API"),
        "items": [
            link(
                gettext_lazy("API keys"),
                "key",
                "admin:payouts_portal_apikey_changelist",
                "payouts_portal.view_apikey",
            ),
            link(
                gettext_lazy("Webhook endpoints"),
                "webhook",
                "admin:payouts_portal_webhookendpoint_changelist",
                "payouts_portal.view_webhookendpoint",
            ),
        ],
    },
]
