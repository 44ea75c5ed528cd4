from django.db import migrations, models

from audit.indexes import AddIndex


class Migration(migrations.Migration):
    """For the filters, the sorts and the search of the list of payouts."""

    atomic = False
    dependencies = [("payouts", "0006_fill_payout_search")]
    operations = [
        AddIndex("payout", models.Index(fields=["amount", "number"], name="payout_by_amount")),
        AddIndex(
            "payout",
            models.Index(fields=["status", "amount", "number"], name="payout_by_status_amount"),
        ),
        AddIndex(
            "payout",
            models.Index(fields=["requested_by", "-number"], name="payout_by_requester"),
        ),
        AddIndex("payout", models.Index(fields=["idempotency_key"], name="payout_by_key")),
        AddIndex(
            "payout",
            models.Index(
                fields=["memo"],
                condition=models.Q(("memo", ""), _negated=True),
                name="payout_by_memo",
            ),
        ),
        AddIndex("approval", models.Index(fields=["decided_at"], name="approval_by_time")),
    ]
