"""Check texts by a function that names the character; nothing changes in the database."""

from django.db import migrations, models

import wallets.models
import wallets.names


def external_id(**options):
    return models.CharField(
        help_text="The client's number in your own system. It never changes.",
        max_length=64,
        validators=[wallets.models.one_line, wallets.names.refuse_mixed_scripts],
        verbose_name="external id",
        **options,
    )


NAME = models.CharField(
    max_length=200, validators=[wallets.models.one_line], verbose_name="name"
)
GROUP = models.CharField(
    blank=True, max_length=64, validators=[wallets.models.one_line], verbose_name="group"
)
LABEL = models.CharField(
    blank=True,
    help_text="A name for people. It is never sent.",
    max_length=64,
    validators=[wallets.models.one_line],
    verbose_name="label",
)


class Migration(migrations.Migration):
    dependencies = [("wallets", "0002_wallet_keeps_destination")]

    operations = [
        migrations.AlterField("client", "external_id", external_id(unique=True)),
        migrations.AlterField("client", "name", NAME),
        migrations.AlterField("client", "group", GROUP),
        migrations.AlterField("historicalclient", "external_id", external_id(db_index=True)),
        migrations.AlterField("historicalclient", "name", NAME.clone()),
        migrations.AlterField("historicalclient", "group", GROUP.clone()),
        migrations.AlterField("wallet", "label", LABEL),
        migrations.AlterField("historicalwallet", "label", LABEL.clone()),
    ]
