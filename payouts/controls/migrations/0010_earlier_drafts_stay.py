from django.db import migrations

from audit import triggers

TABLE = "payouts_controls_policyversion"


class Migration(migrations.Migration):
    dependencies = [("payouts_controls", "0009_earlier_drafts")]
    operations = [
        triggers.refuse(
            f"{TABLE}_earlier_drafts_fixed",
            TABLE,
            "UPDATE",
            triggers.changed(["earlier_drafts"]),
            "what it says is fixed",
        )
    ]
