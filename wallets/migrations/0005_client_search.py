from django.db import migrations

import audit.searching


class Migration(migrations.Migration):
    dependencies = [("wallets", "0004_services_by_their_name")]
    operations = [
        migrations.AddField(
            "client",
            "searched",
            audit.searching.Searched(of=("name", "external_id", "email")),
        ),
    ]
