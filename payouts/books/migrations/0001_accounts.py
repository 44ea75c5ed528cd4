from django.db import migrations

from payouts.staff.granting import grant

GIVEN = {
    "Accountant": [
        "payouts.view_payout",
        "payouts.export_payout",
        "payouts.view_flags",
        "payouts.view_category",
        "payouts.add_category",
        "payouts.change_category",
        "payouts.view_entry",
        "payouts.view_accountrule",
        "payouts.add_accountrule",
        "payouts.change_accountrule",
        "payouts.view_closedmonth",
        "payouts.view_discrepancy",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.view_exchangerate",
    ],
    "Auditor": ["payouts.view_entry", "payouts.view_accountrule", "payouts.view_closedmonth"],
}


class Migration(migrations.Migration):
    """A role for who keeps the books."""

    dependencies = [
        ("payouts", "0029_journal"),
        ("payouts_staff", "0022_add_roles"),
        ("payouts_controls", "0010_earlier_drafts_stay"),
        ("payouts_gateway", "0005_refused"),
    ]
    operations = [grant(GIVEN)]
