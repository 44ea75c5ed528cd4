from django.db import migrations, models

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """Where a link went, for whoever confirms what its owner is given."""

    dependencies = [("payouts_staff", "0019_recovery")]
    operations = [
        migrations.AddField("passwordlink", "sent_to", models.EmailField(default="", max_length=254)),
    ]
