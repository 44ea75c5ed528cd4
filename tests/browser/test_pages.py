"""What every page of the Admin keeps to: nothing from elsewhere, no errors, room on a phone."""

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.factories import PayoutFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt", "gateway"),
]

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main_pages(payout):
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    return [
        "/admin/",
        *lists,
        reverse("admin:payouts_payout_add"),
        reverse("admin:payouts_payout_add_for", args=[payout.client_id]),
        reverse("admin:payouts_payout_approvals"),
        reverse("admin:payouts_payout_change", args=[payout.pk]),
        reverse("admin:payouts_payout_edit", args=[payout.pk]),
        reverse("admin:payouts_payout_act_on", args=[payout.pk, "approve"]),
        reverse("admin:wallets_wallet_act_on", args=[payout.wallet_id, "freeze"]),
        reverse("admin:wallets_client_close", args=[payout.client_id]),
        reverse("admin:wallets_client_change", args=[payout.client_id]),
        reverse("admin:wallets_wallet_change", args=[payout.wallet_id]),
        reverse("admin:wallets_client_add"),
        reverse("admin:wallets_wallet_add"),
    ]


def test_pages_load_nothing_from_elsewhere_and_fit(visitor):
    """In light and dark, on a screen and on a phone: one colour begins with each, and changes."""
    payout = PayoutFactory()
    light = visitor("superuser", color_scheme="light", viewport=WIDE)
    dark = visitor(color_scheme="dark", viewport=PHONE)
    dark.go("/admin/")  # asks to log in
    dark.page.context.add_cookies(light.page.context.cookies())
    too_wide = []

    for path in main_pages(payout):
        for person, *sizes in [(light, WIDE, PHONE), (dark, PHONE, WIDE)]:
            person.page.set_viewport_size(sizes[0])
            person.go(path)
            for size in sizes:
                person.page.set_viewport_size(size)
                if person.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    too_wide.append((path, size))
            assert "/login/" not in person.page.url

    assert light.complaints + dark.complaints == []
    assert too_wide == []
