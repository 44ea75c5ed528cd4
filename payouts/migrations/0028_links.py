from django.db import migrations, models
from django.db.models import Q

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """Payouts made by hand at Heleket that people found to be one of ours."""

    dependencies = [("payouts", "0027_listed")]
    operations = [
        migrations.AddField("attempt", "is_linked", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "attempt",
            models.CheckConstraint(
                name="linked_attempt_is_never_called",
                condition=Q(is_linked=False) | Q(calls=0, lease_until=None, uuid__isnull=False),
            ),
        ),
        migrations.AddField("payout", "is_linked", models.BooleanField(default=False)),
        migrations.AlterField(
            "discrepancy",
            "outcome",
            models.CharField(
                blank=True,
                choices=[
                    ("explained", "Explained"),
                    ("as_heleket", "As Heleket has it"),
                    ("not_paid", "Not paid"),
                    ("left", "Left stopped"),
                    ("linked", "Linked"),
                ],
                default="",
                max_length=12,
                verbose_name="outcome",
            ),
        ),
    ]
