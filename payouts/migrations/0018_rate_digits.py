import wallets.amounts
from audit.triggers import KeepingMigration
from django.db import migrations


class Migration(KeepingMigration):
    """A coin may be worth a millionth of a cent: eight decimals say too little of it."""

    dependencies = [("payouts", "0017_reference_rate_alone")]
    operations = [
        migrations.AlterField("payout", "reference_rate", wallets.amounts.RateField(null=True))
    ]
