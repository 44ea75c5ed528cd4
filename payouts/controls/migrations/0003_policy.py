import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    """The policy, one row for each version."""

    dependencies = [
        ("payouts_controls", "0002_row"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(unique=True, verbose_name="version")),
                ("document", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("in_force_at", models.DateTimeField(verbose_name="in force since")),
                ("reason", models.TextField(default="")),
                ("hash", models.CharField(max_length=64)),
                *(
                    (
                        name,
                        models.ForeignKey(
                            null=True,
                            on_delete=django.db.models.deletion.PROTECT,
                            related_name="+",
                            to=settings.AUTH_USER_MODEL,
                        ),
                    )
                    for name in ("drafted_by", "approved_by")
                ),
            ],
            options={
                "verbose_name": "policy version",
                "permissions": [("change_policy", "Can draft and approve the policy")],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(number=1)
                        | Q(drafted_by__isnull=False, approved_by__isnull=False)
                        & ~Q(drafted_by=F("approved_by")),
                        name="policy_takes_two",
                    )
                ],
            },
        ),
    ]
