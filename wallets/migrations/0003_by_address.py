from django.db import migrations, models


class Migration(migrations.Migration):
    """Each decision asks which other wallets have an address."""

    dependencies = [("wallets", "0002_records_stay")]
    operations = [
        migrations.AddIndex("wallet", models.Index(fields=["address"], name="wallet_by_address")),
    ]
