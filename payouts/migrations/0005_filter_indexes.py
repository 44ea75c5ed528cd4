from django.db import migrations, models

from payouts.indexes import AddIndex


class Migration(migrations.Migration):
    """What the list is filtered by, in the order of the list, or by the time it was asked for."""

    atomic = False
    dependencies = [("payouts", "0004_search_indexes")]
    operations = [
        AddIndex("payout", models.Index(fields=["network", "-number"], name="payout_by_network")),
        AddIndex("payout", models.Index(fields=["currency", "-number"], name="payout_by_currency")),
        AddIndex("payout", models.Index(fields=["origin", "-number"], name="payout_by_origin")),
        AddIndex("payout", models.Index(fields=["requested_at"], name="payout_by_request")),
    ]
