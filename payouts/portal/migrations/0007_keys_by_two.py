from django.db import migrations, models

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """Keys from before count as confirmed."""

    dependencies = [("payouts_portal", "0006_webhooks")]
    operations = [
        migrations.AddField(
            model_name="apikey",
            name="is_waiting",
            field=models.BooleanField(default=False, verbose_name="waits for a second person"),
        ),
    ]
