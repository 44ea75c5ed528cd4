from django.db import migrations

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """The reference amount follows from amount and rate, and was never filled."""

    dependencies = [("payouts", "0016_taken_for")]
    operations = [migrations.RemoveField("payout", "reference_amount")]
