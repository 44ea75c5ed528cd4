from pathlib import Path

from django.db import migrations, models

from tests.payouts.processes.later import REAL

NEWEST = max(path.stem for path in Path(REAL).glob("0*.py"))


class Migration(migrations.Migration):
    dependencies = [("payouts", NEWEST)]
    operations = [
        migrations.AddField("payout", "note", models.CharField(max_length=100, null=True)),
        migrations.AddField("attempt", "weight", models.IntegerField(default=1, db_default=1)),
        migrations.CreateModel(
            "Mark",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("payout", models.ForeignKey("payouts.Payout", models.PROTECT)),
            ],
        ),
    ]
