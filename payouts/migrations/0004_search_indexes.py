from django.conf import settings
from django.db import migrations, models

from payouts.indexes import AddIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("payouts", "0003_roles"),
        ("wallets", "0002_wallet_keeps_destination"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        AddIndex("attempt", models.Index(fields=["txid"], name="attempt_by_txid")),
        AddIndex("payout", models.Index(fields=["address"], name="payout_by_address")),
        AddIndex("payout", models.Index(fields=["reference"], name="payout_by_reference")),
    ]
