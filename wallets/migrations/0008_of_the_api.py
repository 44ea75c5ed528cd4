import uuid

import django.db.models.deletion
from audit.triggers import KeepingMigration
from django.conf import settings
from django.db import migrations, models


def name_all(apps, schema_editor):
    wallets = apps.get_model("wallets", "Wallet").objects
    for pk in wallets.filter(public_id=None).order_by("pk").values_list("pk", flat=True).iterator():
        wallets.filter(pk=pk).update(public_id=uuid.uuid4())


def issuer(**constraint):
    return models.ForeignKey(
        editable=False,
        null=True,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        verbose_name="API key issued by",
        **constraint,
    )


class Migration(KeepingMigration):
    """What the client API calls a wallet, and who gave out the key that added it."""

    dependencies = [
        ("wallets", "0007_client_facts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            "wallet", "key_issuer", issuer(on_delete=django.db.models.deletion.PROTECT)
        ),
        migrations.AddField(
            "historicalwallet",
            "key_issuer",
            issuer(
                blank=True,
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
            ),
        ),
        migrations.AddField("wallet", "public_id", models.UUIDField(editable=False, null=True)),
        migrations.RunPython(name_all, migrations.RunPython.noop),
        migrations.AlterField(
            "wallet",
            "public_id",
            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
    ]
