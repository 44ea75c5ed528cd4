from django.db import migrations

from payouts.staff.granting import grant


class Migration(migrations.Migration):
    """User managers look after webhook endpoints; operators and auditors see them."""

    dependencies = [("payouts_staff", "0012_keys"), ("payouts_portal", "0005_webhooks")]
    operations = [
        grant(
            {
                "User manager": [
                    "payouts_portal.view_webhookendpoint",
                    "payouts_portal.set_webhookendpoint",
                ],
                "Operator": ["payouts_portal.view_webhookendpoint"],
                "Auditor": ["payouts_portal.view_webhookendpoint"],
            }
        )
    ]
