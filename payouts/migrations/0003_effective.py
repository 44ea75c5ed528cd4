from decimal import Decimal

from django.db import migrations, models

import wallets.amounts
from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """What became of the money after all, beside a final status that never moves."""

    dependencies = [("payouts", "0002_records_stay")]
    operations = [
        migrations.AddField(
            "payout",
            "effective",
            models.CharField(
                blank=True,
                choices=[
                    ("paid", "Paid"),
                    ("not_paid", "Not paid"),
                    ("elsewhere", "Paid elsewhere"),
                ],
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            "payout", "effective_amount", wallets.amounts.AmountField(null=True)
        ),
        migrations.AddField(
            "payout",
            "effective_currency",
            models.CharField(blank=True, default="", max_length=12),
        ),
        migrations.AddField("payout", "effective_at", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "payout",
            models.CheckConstraint(
                condition=models.Q(effective__in=["", "not_paid"], effective_amount=None)
                | models.Q(
                    effective__in=["paid", "elsewhere"],
                    effective_amount__gt=0,
                    effective_amount__lte=Decimal("999999999999999999.99999999"),
                ),
                name="payout_effective_is_whole",
            ),
        ),
    ]
