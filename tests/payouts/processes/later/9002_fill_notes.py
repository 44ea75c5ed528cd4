from django.db import migrations

ROWS = 1000


def fill(apps, schema_editor):
    payouts = apps.get_model("payouts", "Payout").objects.filter(note=None).order_by("pk")
    while some := list(payouts.values_list("pk", flat=True)[:ROWS]):
        payouts.filter(pk__in=some).update(note="")


class Migration(migrations.Migration):
    atomic = False  # locks a thousand payouts at a time; repeating it is harmless
    dependencies = [("payouts", "9001_notes")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
