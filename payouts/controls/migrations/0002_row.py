from django.db import migrations


def add_row(apps, schema_editor):
    apps.get_model("payouts_controls", "Switch").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    """The one switch."""

    dependencies = [("payouts_controls", "0001_initial")]
    operations = [migrations.RunPython(add_row, migrations.RunPython.noop)]
