from django.db import migrations

from audit import triggers

CHANGED = triggers.changed(["weight"])


class Migration(migrations.Migration):
    dependencies = [("payouts", "9003_note_indexes")]
    operations = [
        triggers.refuse("payouts_attempt_weight", "payouts_attempt", "UPDATE", CHANGED, "it stays")
    ]
