from django.db import migrations

from payouts.staff.granting import grant


class Migration(migrations.Migration):
    """User managers add roles, for a rule of the policy to name. They change none there is: nobody
    gives rights to a role of their own."""

    dependencies = [("payouts_staff", "0021_earlier_drafts")]
    operations = [grant({"User manager": ["auth.add_group"]})]
