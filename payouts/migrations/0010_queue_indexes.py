from django.db import migrations, models

from audit.indexes import AddIndex


class Migration(migrations.Migration):
    """What came back to a requester, and the few whose final status is not what became of them."""

    atomic = False
    dependencies = [("payouts", "0009_export_right")]
    operations = [
        AddIndex(
            "payout",
            models.Index(
                fields=["requested_by", "finished_at"],
                name="payout_came_back",
                condition=models.Q(status__in=["failed", "rejected"]),
            ),
        ),
        AddIndex(
            "payout",
            models.Index(
                fields=["effective"], name="payout_by_effective", condition=~models.Q(effective="")
            ),
        ),
    ]
