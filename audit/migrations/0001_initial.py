import audit.codes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeskEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("client_id", models.PositiveBigIntegerField(null=True)),
                ("api_key_id", models.PositiveBigIntegerField(null=True)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("api", "API"),
                            ("command", "command line"),
                            ("worker", "worker"),
                            ("webhook", "webhook"),
                            ("poll", "question to Heleket"),
                            ("reconcile", "reconciliation"),
                        ],
                        max_length=10,
                    ),
                ),
                ("event_type", models.CharField(max_length=20)),
                ("reason_code", audit.codes.CodeField()),
                ("reason", models.TextField(default="")),
                ("data", models.TextField(default="")),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(models.F("number"), name="one_desk_event_per_number")
                ],
            },
        ),
    ]
