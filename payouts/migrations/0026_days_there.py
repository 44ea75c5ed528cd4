from django.db import migrations, models

from audit.indexes import AddIndex


class Migration(migrations.Migration):
    """Tries by the day that Heleket made them, which is the day that books go by."""

    atomic = False
    dependencies = [("payouts", "0025_foreign")]
    operations = [
        AddIndex(
            "attempt",
            models.Index(fields=["created_there_at"], name="attempt_by_creation_there"),
        ),
    ]
