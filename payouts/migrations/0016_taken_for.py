from django.db import migrations, models


class Migration(migrations.Migration):
    """What people found of a try is kept on it: another try says nothing of it."""

    dependencies = [("payouts", "0015_category_named_once")]
    operations = [migrations.AddField("attempt", "taken_for", models.JSONField(null=True))]
