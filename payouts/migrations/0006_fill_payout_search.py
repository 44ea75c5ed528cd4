from django.db import migrations

from audit import searching


def fill(apps, schema_editor):
    searching.fill(apps.get_model("payouts", "Payout").objects, "number")


class Migration(migrations.Migration):
    atomic = False  # locks some payouts at a time; repeating it is harmless
    dependencies = [("payouts", "0005_payout_search")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
