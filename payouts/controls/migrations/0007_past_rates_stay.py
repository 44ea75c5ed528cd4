from django.db import migrations

from audit import triggers


class Migration(migrations.Migration):
    """Past rates are only added."""

    dependencies = [("payouts_controls", "0006_exchange_rates")]
    operations = [
        triggers.never_changed("payouts_controls_pastrate"),
        triggers.never_deleted("payouts_controls_pastrate"),
    ]
