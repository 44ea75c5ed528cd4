import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a key of the portal creates for no client in particular is answered once, too."""

    dependencies = [
        ("payouts_portal", "0003_feed_trigger"),
        ("wallets", "0008_of_the_api"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apianswer",
            name="client",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="wallets.client",
            ),
        ),
        migrations.AddConstraint(
            model_name="apianswer",
            constraint=models.UniqueConstraint(
                models.F("key"),
                condition=models.Q(("client", None)),
                name="one_answer_per_key_of_portal",
            ),
        ),
    ]
