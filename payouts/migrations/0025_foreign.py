from django.db import migrations, models


class Migration(migrations.Migration):
    """When Heleket says that it made a payout, and what it has that none of ours is."""

    dependencies = [("payouts", "0024_rate_of_approved")]
    operations = [
        migrations.AddField("attempt", "created_there_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "discrepancy",
            "kind",
            models.CharField(
                choices=[
                    ("different", "Heleket has another payout under our order id"),
                    ("uuid_taken", "Heleket's id belongs to another payout of ours"),
                    ("contradiction", "Heleket contradicts a final word"),
                    ("found_late", "Heleket has a payout that we took for never sent"),
                    ("vanished", "Heleket no longer knows a payout it had"),
                    ("earlier", "An earlier try of this payout may still be paid"),
                    ("unknown_word", "Heleket ended it with a word that we do not know"),
                    ("unclear", "Heleket's answers say nothing of this payout"),
                    ("foreign", "Heleket has a payout that is none of ours"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
