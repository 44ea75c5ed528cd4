from django.db import migrations, models

PARTS = [
    ("requested", "requested it"),
    ("edited", "edited it"),
    ("wallet", "added its wallet"),
    ("imported", "imported it"),
    ("planned", "changed its plan or rule"),
    ("key", "issued the API key"),
    ("retried", "tried it again"),
]


class Migration(migrations.Migration):
    """Who tries a payout again is a maker. The database knows no list of parts."""

    dependencies = [("payouts", "0007_fingerprint_stays")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "payoutmaker", "part", models.CharField(choices=PARTS, max_length=10)
                )
            ]
        )
    ]
