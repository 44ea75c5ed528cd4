from django.db import migrations

from payouts import triggers


class Migration(migrations.Migration):
    """A login that was given up stays given up."""

    dependencies = [("payouts", "0009_logins")]
    operations = [
        triggers.never_changed("payouts_login"),
        triggers.never_deleted("payouts_login"),
    ]
