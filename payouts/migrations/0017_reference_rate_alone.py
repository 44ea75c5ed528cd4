from django.db import migrations, models

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """The reference amount follows from amount and rate, and was never filled; an index for what
    was paid within a day."""

    dependencies = [("payouts", "0016_taken_for")]
    operations = [
        migrations.RemoveField("payout", "reference_amount"),
        migrations.AddIndex(
            "payout",
            models.Index(
                fields=["finished_at"],
                name="payout_paid_at",
                condition=models.Q(status="confirmed"),
            ),
        ),
    ]
