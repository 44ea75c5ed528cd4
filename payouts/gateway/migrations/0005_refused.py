from django.db import migrations

from wallets.amounts import AmountField


class Migration(migrations.Migration):
    dependencies = [("payouts_gateway", "0004_history")]
    operations = [migrations.AddField("balance", "refused", AmountField(null=True))]
