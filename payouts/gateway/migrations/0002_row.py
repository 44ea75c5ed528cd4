from django.db import migrations


def add_row(apps, schema_editor):
    apps.get_model("payouts_gateway", "RateLimit").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    """The one row in which all processes share what the rate leaves."""

    dependencies = [("payouts_gateway", "0001_initial")]
    operations = [migrations.RunPython(add_row, migrations.RunPython.noop)]
