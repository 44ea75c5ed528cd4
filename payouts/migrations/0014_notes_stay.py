from django.db import migrations

from audit import triggers

# Not its words and names: who has to be forgotten may stand there.
NOTE = [
    *("payout_id", "client_id", "wallet_id"),
    *("author_id", "written_at", "size", "sha256"),
]


class Migration(migrations.Migration):
    """Who added which document to what stays as it was written."""

    dependencies = [("payouts", "0013_notes")]
    operations = [
        triggers.columns_never_changed("payouts_note", NOTE),
        triggers.never_deleted("payouts_note"),
    ]
