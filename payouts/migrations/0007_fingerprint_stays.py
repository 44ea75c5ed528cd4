from django.db import migrations

from payouts import triggers

CHANGED = "OLD.fingerprint IS DISTINCT FROM NEW.fingerprint"


class Migration(migrations.Migration):
    """What was asked for stays as it was asked."""

    dependencies = [("payouts", "0006_request_fingerprint")]
    operations = [
        triggers.refuse(
            "payouts_payout_asked", "payouts_payout", "UPDATE", CHANGED, "what it says is fixed"
        )
    ]
