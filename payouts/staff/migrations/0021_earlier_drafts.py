import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """Which drafts a draft was made from."""

    dependencies = [("payouts_staff", "0020_where_links_went")]
    operations = [
        migrations.AddField(
            "jointact",
            "begun_with",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payouts_staff.jointact",
            ),
        ),
    ]
