from django.db import migrations

import audit.searching


class Migration(migrations.Migration):
    dependencies = [("payouts", "0004_outcomes")]
    operations = [
        migrations.AddField(
            "payout", "searched", audit.searching.Searched(of=("purpose", "reference"))
        ),
    ]
