from audit.triggers import KeepingMigration
from django.db import migrations, models
from django.db.models import Q


class Migration(KeepingMigration):
    """Nothing is approved whose worth was not compared with the policy's amounts."""

    dependencies = [("payouts", "0023_alike")]
    operations = [
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                name="approved_payout_has_a_rate",
                condition=~Q(status="approved")
                | Q(reference_rate__isnull=False, reference_rate__gt=0),
            ),
        ),
    ]
