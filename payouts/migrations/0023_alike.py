import django.db.models.deletion
from audit.triggers import KeepingMigration
from django.db import migrations, models


class Migration(KeepingMigration):
    """Find what is of the same amount, and the first that was paid to a wallet, by an index."""

    dependencies = [("payouts", "0022_passings"), ("wallets", "0008_of_the_api")]
    operations = [
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(fields=["client", "currency", "amount"], name="payout_alike"),
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(fields=["wallet", "number"], name="payout_of_wallet"),
        ),
        migrations.AlterField(
            model_name="payout",
            name="wallet",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payouts",
                to="wallets.wallet",
            ),
        ),
    ]
