from django.db import migrations

from audit.searching import index_words


class Migration(migrations.Migration):
    """Words of payouts, indexed beside the traffic; SQLite looks at each row."""

    atomic = False
    dependencies = [("payouts", "0007_search_indexes")]
    operations = [index_words("payouts_payout", "searched", "payout_by_words")]
