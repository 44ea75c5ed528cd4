from django.db import migrations, models

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """What others had drafted of a version. Its hash seals that where there is any."""

    dependencies = [("payouts_controls", "0008_scopes")]
    operations = [
        migrations.AddField("policyversion", "earlier_drafts", models.JSONField(default=list)),
    ]
