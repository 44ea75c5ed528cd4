from django.db import migrations

from audit import triggers

CHANGED = triggers.changed(["client_id", "network", "address", "memo"])
WHY = "a wallet never changes its destination"


class Migration(migrations.Migration):
    """A wallet keeps its destination, and what was done to it stays as it was written."""

    dependencies = [("wallets", "0001_initial")]
    operations = [
        triggers.refuse("wallets_wallet_fixed", "wallets_wallet", "UPDATE", CHANGED, WHY),
        triggers.never_changed("wallets_walletevent"),
        triggers.never_deleted("wallets_walletevent"),
    ]
