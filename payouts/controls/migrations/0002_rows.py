from django.db import migrations


def add_rows(apps, schema_editor):
    apps.get_model("controls", "Switch").objects.get_or_create(pk=1)
    apps.get_model("controls", "Pace").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    """The one switch, and the one row in which processes share what Heleket's rate leaves."""

    dependencies = [("controls", "0001_initial")]
    operations = [migrations.RunPython(add_rows, migrations.RunPython.noop)]
