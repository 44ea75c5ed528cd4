from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    """The same word in capitals and without is one category."""

    dependencies = [("payouts", "0014_notes_stay")]
    operations = [
        migrations.AddConstraint(
            model_name="category",
            constraint=models.UniqueConstraint(
                Lower("name"),
                name="category_is_named_once",
                violation_error_message="There is a category of this name already.",
            ),
        ),
    ]
