import audit.texts
from audit.triggers import KeepingMigration
from django.db import migrations, models


class Migration(KeepingMigration):
    """From which day a payout may be paid, and of which kind of a list it is."""

    dependencies = [("payouts", "0010_queue_indexes")]
    operations = [
        migrations.CreateModel(
            name="Category",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Payouts that have it already keep the name they were given.",
                        max_length=64,
                        unique=True,
                        validators=[audit.texts.one_line],
                        verbose_name="name",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="New payouts can be of this kind.",
                        verbose_name="offered",
                    ),
                ),
            ],
            options={
                "verbose_name": "category",
                "verbose_name_plural": "categories",
                "ordering": ["name"],
                "default_permissions": ("add", "change", "view"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="category_has_name"
                    )
                ],
            },
        ),
        migrations.AddField(
            "payout", "pay_from", models.DateTimeField(blank=True, null=True, verbose_name="pay from")
        ),
        migrations.AddField(
            "payout",
            "category",
            models.CharField(blank=True, default="", max_length=64, verbose_name="category"),
        ),
        migrations.AddIndex(
            "payout", models.Index(fields=["category", "-number"], name="payout_by_category")
        ),
        migrations.AddIndex(
            "payout",
            models.Index(
                condition=models.Q(("pay_from__isnull", False)),
                fields=["pay_from"],
                name="payout_by_date",
            ),
        ),
    ]
