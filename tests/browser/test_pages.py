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
        reverse("admin:payouts_payout_change", args=[payout.pk]),
        reverse("admin:payouts_payout_edit", args=[payout.pk]),
        reverse("admin:payouts_payout_act_on", args=[payout.pk, "approve"]),
        reverse("admin:wallets_client_change", args=[payout.client_id]),
        reverse("admin:wallets_wallet_change", args=[payout.wallet_id]),
        reverse("admin:wallets_client_add"),
        reverse("admin:wallets_wallet_add"),
    ]


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_load_nothing_from_elsewhere_and_fit(visitor, colors, size):
    payout = PayoutFactory()
    person = visitor("superuser", color_scheme=colors, viewport=size)
    too_wide = []

    for path in main_pages(payout):
        person.go(path)
        if person.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            too_wide.append(path)

    assert person.complaints == []
    assert too_wide == []
