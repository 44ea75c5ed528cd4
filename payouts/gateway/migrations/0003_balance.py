from django.db import migrations, models

import wallets.amounts


class Migration(migrations.Migration):
    dependencies = [("payouts_gateway", "0002_row")]
    operations = [
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=12, unique=True)),
                ("amount", wallets.amounts.AmountField()),
                ("fetched_at", models.DateTimeField()),
            ],
            options={"default_permissions": ("view",)},
        ),
    ]
