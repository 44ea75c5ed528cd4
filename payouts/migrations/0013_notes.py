import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def about(model):
    return models.ForeignKey(
        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="notes", to=model
    )


class Migration(migrations.Migration):
    """What people write beside payouts, clients and wallets, and the documents they add."""

    dependencies = [
        ("payouts", "0012_send_back"),
        ("wallets", "0007_client_facts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("payout", about("payouts.payout")),
                ("client", about("wallets.client")),
                ("wallet", about("wallets.wallet")),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("written_at", models.DateTimeField()),
                ("text", models.TextField(blank=True, default="")),
                ("link", models.CharField(blank=True, default="", max_length=500)),
                ("file_name", models.CharField(blank=True, default="", max_length=200)),
                ("size", models.PositiveIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
            ],
            options={
                "verbose_name": "note",
                "verbose_name_plural": "notes",
                "default_permissions": ("add",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("client__isnull", True),
                                ("payout__isnull", False),
                                ("wallet__isnull", True),
                            ),
                            models.Q(
                                ("client__isnull", False),
                                ("payout__isnull", True),
                                ("wallet__isnull", True),
                            ),
                            models.Q(
                                ("client__isnull", True),
                                ("payout__isnull", True),
                                ("wallet__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="note_is_about_one",
                    )
                ],
            },
        ),
    ]
