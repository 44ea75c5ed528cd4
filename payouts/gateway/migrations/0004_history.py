from django.db import migrations, models
from django.db.models import F


def read_it_now(apps, schema_editor):
    """A desk that is bound already has its account's earlier payouts read as well."""
    bound = apps.get_model("payouts_gateway", "Binding").objects
    bound.update(history_before=F("bound_at"))


class Migration(migrations.Migration):
    dependencies = [("payouts_gateway", "0003_balance")]
    operations = [
        migrations.CreateModel(
            name="KnownAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("network", models.CharField(max_length=32)),
                ("address", models.CharField(max_length=128)),
                ("first_paid_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddConstraint(
            model_name="knownaddress",
            constraint=models.UniqueConstraint(
                fields=["address", "network"], name="one_known_address"
            ),
        ),
        migrations.AddField(
            model_name="binding",
            name="history_before",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunPython(read_it_now, migrations.RunPython.noop),
    ]
