from django.db import migrations

from wallets.models import Folded


class Migration(migrations.Migration):
    dependencies = [("wallets", "0003_texts_can_be_seen")]

    operations = [
        migrations.AddField("client", "folded_id", Folded("external_id", null=True)),
        migrations.AddField(
            "client", "folded_name", Folded("name", db_index=True, default="", db_default="")
        ),
    ]
