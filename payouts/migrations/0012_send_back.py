from audit.triggers import KeepingMigration
from django.db import migrations, models


class Migration(KeepingMigration):
    """A payout may wait for the requester's answer, or for its date."""

    dependencies = [("payouts", "0011_date_and_category")]
    operations = [
        migrations.AlterField(
            "payout",
            "waiting_for",
            models.CharField(
                blank=True,
                choices=[
                    ("approvals", "approval"),
                    ("answer_of_requester", "requester's answer"),
                    ("release", "release"),
                    ("date", "its date"),
                    ("worker", "worker"),
                    ("switch", "sending to resume"),
                    ("funds", "funds"),
                    ("limit", "limit"),
                    ("rate", "rate"),
                    ("service", "service"),
                    ("wallet", "wallet"),
                    ("gateway", "Heleket"),
                    ("answer", "answer"),
                    ("final_word", "final word"),
                    ("discrepancy", "discrepancy"),
                ],
                default="approvals",
                max_length=20,
                verbose_name="waiting for",
            ),
        ),
        migrations.AlterModelOptions(
            "payout",
            options={
                "default_permissions": ("add", "view"),
                "permissions": [
                    ("edit_payout", "Can edit a payout"),
                    ("answer_payout", "Can answer an approver's question"),
                    ("approve_payout", "Can approve a payout"),
                    ("send_back_payout", "Can send a payout back with a question"),
                    ("reject_payout", "Can reject a payout"),
                    ("hold_payout", "Can put a payout on hold"),
                    ("release_payout", "Can release a payout from hold"),
                    ("send_payout", "Can have a payout sent now"),
                    ("ask_payout", "Can ask Heleket about a payout"),
                    ("cancel_payout", "Can cancel a payout"),
                    ("cancel_own_payout", "Can cancel a payout requested by oneself"),
                    ("retry_payout", "Can retry a payout that was not paid"),
                    (
                        "export_payout",
                        "Can take lists of payouts and approvals home as a file",
                    ),
                    (
                        "view_flags",
                        "Can see warnings about a payout, and what the staff says of it",
                    ),
                ],
                "verbose_name": "payout",
                "verbose_name_plural": "payouts",
            },
        ),
    ]
