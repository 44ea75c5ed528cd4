from django.db import migrations

from payouts.staff.granting import grant

GIVEN = {
    "Policy manager": [
        "payouts_controls.change_policy",
        "payouts_controls.view_policyversion",
    ],
    "Requester": ["payouts_controls.view_policyversion"],
    "Approver": ["payouts_controls.view_policyversion"],
    "Operator": ["payouts_controls.view_policyversion"],
    "Auditor": ["payouts_controls.view_policyversion"],
}


class Migration(migrations.Migration):
    """Policy managers change the policy; who decides by it reads it."""

    dependencies = [
        ("payouts_staff", "0013_webhooks"),
        ("payouts_controls", "0004_starter_policy"),
    ]
    operations = [grant(GIVEN)]
