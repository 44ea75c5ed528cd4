from django.db import migrations, models

from audit.indexes import AddIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payouts", "9002_fill_notes")]
    operations = [
        AddIndex("payout", models.Index(fields=["note", "-number"], name="payout_by_note")),
        AddIndex("payoutevent", models.Index(fields=["at"], name="event_by_time")),
    ]
