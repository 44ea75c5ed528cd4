from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payouts_engine", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("worker", "worker"), ("celery", "Celery")], max_length=10
                    ),
                ),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveBigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
    ]
