from django.db import migrations, models
from django.db.models import Max


def add_row(apps, schema_editor):
    """A desk at work goes on without a gap: its workers were seen last when they were."""
    seen = apps.get_model("payouts_engine", "Heartbeat").objects.aggregate(at=Max("seen_at"))
    rows = apps.get_model("payouts_gateway", "Continuity").objects
    rows.get_or_create(pk=1, defaults={"seen_at": seen["at"]})


class Migration(migrations.Migration):
    dependencies = [("payouts_gateway", "0006_baseline"), ("payouts_engine", "0002_heartbeats")]
    operations = [
        migrations.CreateModel(
            name="Continuity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("server", models.CharField(default="", max_length=64)),
                ("seen_at", models.DateTimeField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("trouble", models.TextField(default="")),
                ("tries", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                (
                    "question",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("gap", "Is this the same database, after a gap?"),
                            ("server", "Is this the same database, on another server?"),
                            ("unknown", "Heleket knows newer payouts"),
                            ("restore", "A restore is being put right"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("known_until", models.DateTimeField(null=True)),
                ("known_uuid", models.CharField(default="", max_length=64)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddConstraint(
            model_name="continuity",
            constraint=models.CheckConstraint(
                name="one_continuity", condition=models.Q(("id", 1))
            ),
        ),
        migrations.RunPython(add_row, migrations.RunPython.noop),
    ]
