from django.db import migrations

from audit import triggers

CHANGED = triggers.changed(["client_id", "network", "address", "memo"])
WHY = "a wallet never changes its destination"


class Migration(migrations.Migration):
    dependencies = [("wallets", "0001_initial")]
    operations = [
        triggers.refuse("wallet_keeps_destination", "wallets_wallet", "UPDATE", CHANGED, WHY)
    ]
