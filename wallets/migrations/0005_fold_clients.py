"""Fold the ids and names that are there. Of ids that look alike the oldest keeps the plain form."""

from django.db import migrations

from wallets.names import folded

ROWS = 1000
MARK = "\x1f"  # no folded text holds it


def fold(apps, schema_editor):
    clients = apps.get_model("wallets", "Client").objects.order_by("pk")
    taken, last = set(), 0
    while rows := list(clients.filter(pk__gt=last)[:ROWS]):
        for client in rows:
            client.folded_name = folded(client.name)
            client.folded_id = folded(client.external_id)
            if client.folded_id in taken:
                client.folded_id += f"{MARK}{client.pk}"
            taken.add(client.folded_id)
        clients.bulk_update(rows, ["folded_id", "folded_name"])
        last = rows[-1].pk


class Migration(migrations.Migration):
    atomic = False  # locks a thousand clients at a time; repeating it is harmless

    dependencies = [("wallets", "0004_folded_names")]

    operations = [migrations.RunPython(fold, migrations.RunPython.noop)]
