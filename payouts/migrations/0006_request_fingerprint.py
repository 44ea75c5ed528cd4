from django.db import migrations, models


class Migration(migrations.Migration):
    """What a payout was asked for. The rows that are there have none, so none is rewritten."""

    dependencies = [("payouts", "0005_filter_indexes")]
    operations = [
        migrations.AddField("payout", "fingerprint", models.CharField(max_length=64, null=True)),
    ]
