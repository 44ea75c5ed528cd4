import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import audit.codes


class Migration(migrations.Migration):
    """Switches of less than all: of a network, a coin, a coin on a network, or a client."""

    dependencies = [("payouts_controls", "0007_past_rates_stay"), ("wallets", "0008_of_the_api")]
    operations = [
        migrations.RemoveConstraint("switch", "one_switch"),
        migrations.AddField(
            "switch",
            "network",
            models.CharField(max_length=16, default="", blank=True),
        ),
        migrations.AddField(
            "switch",
            "currency",
            models.CharField(max_length=12, default="", blank=True),
        ),
        migrations.AddField(
            "switch",
            "client",
            models.ForeignKey(
                to="wallets.client",
                on_delete=django.db.models.deletion.PROTECT,
                null=True,
                related_name="+",
            ),
        ),
        migrations.AddField("switch", "reason_code", audit.codes.CodeField()),
        migrations.AddConstraint(
            "switch",
            models.CheckConstraint(
                name="switch_of_all_is_the_first",
                condition=Q(pk=1, network="", currency="", client=None)
                | (~Q(pk=1) & ~Q(network="", currency="", client=None)),
            ),
        ),
        migrations.AddConstraint(
            "switch",
            models.CheckConstraint(
                name="switch_of_a_client_or_a_coin",
                condition=Q(client=None) | Q(network="", currency=""),
            ),
        ),
        migrations.AddConstraint(
            "switch",
            models.UniqueConstraint(
                "network", "currency", condition=Q(client=None), name="one_switch_per_coin"
            ),
        ),
        migrations.AddConstraint(
            "switch", models.UniqueConstraint("client", name="one_switch_per_client")
        ),
        migrations.AddIndex(
            "switch",
            models.Index(fields=["is_on"], condition=Q(is_on=False), name="switch_that_is_off"),
        ),
    ]
