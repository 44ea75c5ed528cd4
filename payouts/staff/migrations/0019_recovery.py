import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("payouts_staff", "0018_password_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.TextField()),
                ("asked_at", models.DateTimeField()),
                ("effective_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "stopped_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("person"),
                        condition=models.Q(("ended_at", None)),
                        name="one_recovery_at_a_time",
                    )
                ],
            },
        ),
        triggers.columns_never_changed(
            "payouts_staff_recovery", ["person_id", "reason", "asked_at", "effective_at"]
        ),
        triggers.never_deleted("payouts_staff_recovery"),
    ]
