from django.db import migrations

from payouts.staff.granting import grant


class Migration(migrations.Migration):
    """Giving rights takes two: a user manager, and another one or a policy manager."""

    dependencies = [("payouts_staff", "0016_powers")]
    operations = [
        grant(
            {
                "User manager": ["payouts_staff.confirm_rights"],
                "Policy manager": [
                    "payouts_staff.confirm_rights",
                    "payouts_staff.name_user_manager",
                ],
            }
        )
    ]
