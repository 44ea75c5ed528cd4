from django.db import migrations


class Migration(migrations.Migration):
    """What pages call them: nothing changes in the database."""

    dependencies = [("wallets", "0003_by_address")]

    operations = [
        migrations.AlterModelOptions(
            name="payoutmethod",
            options={
                "default_permissions": ("view",),
                "ordering": ["network", "currency"],
                "verbose_name": "service",
                "verbose_name_plural": "services",
            },
        ),
    ]
