from django.db import migrations

from audit import triggers

SAID = ["statement_id", "expires_at"]


class Migration(migrations.Migration):
    """The bytes of statements stay as they were stored, and so does which approval has which."""

    dependencies = [("payouts", "0019_statements")]
    operations = [
        triggers.never_changed("payouts_statement"),
        triggers.never_deleted("payouts_statement"),
        triggers.refuse(
            "payouts_approval_stated",
            "payouts_approval",
            "UPDATE",
            triggers.changed(SAID),
            "what it says is fixed",
        ),
    ]
