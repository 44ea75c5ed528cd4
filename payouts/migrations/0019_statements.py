import django.db.models.deletion
from django.db import migrations, models

from audit import triggers


class Migration(triggers.KeepingMigration):
    """An approval has a statement. Those given before have none."""

    dependencies = [("payouts", "0018_rate_digits")]
    operations = [
        migrations.CreateModel(
            name="Statement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("body", models.BinaryField()),
                ("signature", models.BinaryField(null=True)),
                ("key_id", models.CharField(max_length=200, null=True)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddField(
            "approval",
            "statement",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="approvals",
                to="payouts.statement",
            ),
        ),
        migrations.AddField("approval", "expires_at", models.DateTimeField(null=True)),
    ]
