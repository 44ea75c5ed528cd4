from django.db import migrations

from audit import triggers


class Migration(migrations.Migration):
    """A login that was given up stays given up."""

    dependencies = [("payouts_staff", "0001_initial")]
    operations = [
        triggers.never_changed("payouts_staff_login"),
        triggers.never_deleted("payouts_staff_login"),
    ]
