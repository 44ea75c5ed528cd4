from django.db import migrations


def add_row(apps, schema_editor):
    apps.get_model("controls", "Pace").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("controls", "0003_pace")]
    operations = [migrations.RunPython(add_row, migrations.RunPython.noop)]
