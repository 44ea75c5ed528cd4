from django.db import migrations

from payouts.staff.granting import grant


class Migration(migrations.Migration):
    """User managers issue API keys, auditors see them."""

    dependencies = [("payouts_staff", "0011_questions_apart"), ("payouts_portal", "0001_keys")]
    operations = [
        grant(
            {
                "User manager": ["payouts_portal.view_apikey", "payouts_portal.issue_apikey"],
                "Auditor": ["payouts_portal.view_apikey"],
            }
        )
    ]
