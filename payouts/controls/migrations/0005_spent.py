from django.db import migrations, models

from wallets.amounts import AmountField


class Migration(migrations.Migration):
    """What counts towards limits, hour by hour."""

    dependencies = [("payouts_controls", "0004_starter_policy")]
    operations = [
        migrations.CreateModel(
            name="Spent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("of", models.CharField(max_length=40)),
                ("hour", models.DateTimeField()),
                ("amount", AmountField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint("of", "hour", name="one_sum_per_hour")],
            },
        ),
    ]
