from django.db import migrations, models

from audit.indexes import AddIndex


class Migration(migrations.Migration):
    """When payouts ended as paid or not: what ended last is asked after each failure."""

    atomic = False
    dependencies = [("payouts", "0020_statements_stay")]
    operations = [
        AddIndex(
            "payout",
            models.Index(
                fields=["status", "finished_at"],
                name="payout_by_final_word",
                condition=models.Q(status__in=["confirmed", "failed"]),
            ),
        ),
    ]
