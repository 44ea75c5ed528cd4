from django.db import migrations, models


class Migration(migrations.Migration):
    """What Heleket had before the database was bound, by its ids."""

    dependencies = [("payouts_gateway", "0005_refused")]
    operations = [
        migrations.CreateModel(
            name="BaselineRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(null=True)),
            ],
            options={"default_permissions": ()},
        ),
    ]
