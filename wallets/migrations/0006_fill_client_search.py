from django.db import migrations

from audit import searching


def fill(apps, schema_editor):
    searching.fill(apps.get_model("wallets", "Client").objects)


class Migration(migrations.Migration):
    atomic = False  # locks some clients at a time; repeating it is harmless
    dependencies = [("wallets", "0005_client_search")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
