from django.db import migrations

from wallets.models import Folded


class Migration(migrations.Migration):
    dependencies = [("wallets", "0005_fold_clients")]

    operations = [
        migrations.AlterField("client", "folded_id", Folded("external_id", unique=True, null=True))
    ]
