import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q
from django.utils import timezone

from audit.triggers import KeepingMigration


class Migration(KeepingMigration):
    """How discrepancies end. No desk has one yet, so that their two sides are made anew."""

    dependencies = [
        ("payouts", "0003_effective"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RemoveField("discrepancy", "ours"),
        migrations.RemoveField("discrepancy", "theirs"),
        migrations.AddField("discrepancy", "ours", models.JSONField(default=dict)),
        migrations.AddField("discrepancy", "theirs", models.JSONField(default=dict)),
        migrations.AlterField(
            "discrepancy",
            "attempt",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="discrepancies",
                to="payouts.attempt",
            ),
        ),
        migrations.AddField(
            "discrepancy",
            "first_seen_at",
            models.DateTimeField(default=timezone.now, verbose_name="first seen"),
            preserve_default=False,
        ),
        migrations.AddField(
            "discrepancy",
            "outcome",
            models.CharField(
                blank=True,
                choices=[
                    ("explained", "Explained"),
                    ("as_heleket", "As Heleket has it"),
                    ("not_paid", "Not paid"),
                    ("left", "Left stopped"),
                ],
                default="",
                max_length=12,
                verbose_name="outcome",
            ),
        ),
        migrations.AddField(
            "discrepancy",
            "proposed_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "discrepancy",
            "reopens_at",
            models.DateTimeField(null=True, verbose_name="opens again"),
        ),
        migrations.AddConstraint(
            "discrepancy",
            models.CheckConstraint(
                condition=Q(proposed_by=None) | ~Q(proposed_by=F("closed_by")),
                name="discrepancy_ends_by_two_people",
            ),
        ),
        migrations.AddConstraint(
            "discrepancy",
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="", closed_by=None)
                | (Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(outcome="")),
                name="discrepancy_ends_by_an_outcome",
            ),
        ),
    ]
