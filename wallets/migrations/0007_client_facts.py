import audit.texts
import wallets.countries
from audit.triggers import KeepingMigration
from django.db import migrations, models

FIELDS = {
    "language": lambda: models.CharField(
        blank=True,
        choices=wallets.countries.languages,
        default="",
        max_length=12,
        verbose_name="language",
    ),
    "country": lambda: models.CharField(
        blank=True,
        choices=wallets.countries.countries,
        default="",
        max_length=2,
        verbose_name="country",
    ),
    "tax_id": lambda: models.CharField(
        blank=True,
        default="",
        help_text="The client's number at their tax office.",
        max_length=64,
        validators=[audit.texts.one_line],
        verbose_name="tax id",
    ),
}


class Migration(KeepingMigration):
    """A client's language, country and tax id, in the history of the row as well."""

    dependencies = [("wallets", "0006_fill_client_search")]
    operations = [
        migrations.AddField(model, name, make())
        for model in ("client", "historicalclient")
        for name, make in FIELDS.items()
    ]
