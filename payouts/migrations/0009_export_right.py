from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payouts", "0008_index_words")]
    operations = [
        migrations.AlterModelOptions(
            name="payout",
            options={
                "default_permissions": ("add", "view"),
                "permissions": [
                    ("edit_payout", "Can edit a payout"),
                    ("approve_payout", "Can approve a payout"),
                    ("reject_payout", "Can reject a payout"),
                    ("hold_payout", "Can put a payout on hold"),
                    ("release_payout", "Can release a payout from hold"),
                    ("send_payout", "Can have a payout sent now"),
                    ("ask_payout", "Can ask Heleket about a payout"),
                    ("cancel_payout", "Can cancel a payout"),
                    ("cancel_own_payout", "Can cancel a payout requested by oneself"),
                    ("retry_payout", "Can retry a payout that was not paid"),
                    ("export_payout", "Can take lists of payouts and approvals home as a file"),
                ],
                "verbose_name": "payout",
                "verbose_name_plural": "payouts",
            },
        ),
    ]
