import django.db.models.deletion
import wallets.amounts
from django.db import migrations, models


class Migration(migrations.Migration):
    """What coins are worth in the reference currency, now and before."""

    dependencies = [("payouts_controls", "0005_spent"), ("payouts_staff", "0005_joint_acts")]
    operations = [
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=16, verbose_name="coin")),
                ("reference", models.CharField(max_length=16)),
                ("asked_at", models.DateTimeField()),
                ("rate", wallets.amounts.RateField(null=True)),
                ("fetched_at", models.DateTimeField(null=True)),
                ("provider", models.CharField(default="", max_length=10)),
                ("doubted_rate", wallets.amounts.RateField(null=True)),
                ("doubted_text", models.CharField(default="", max_length=64)),
                ("doubted_at", models.DateTimeField(null=True)),
                ("repeated_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "exchange rate",
                "permissions": [("accept_rate", "Can accept an exchange rate that has jumped")],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=["reference", "currency"], name="one_rate_per_coin"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(fetched_at=None, rate=None)
                        | models.Q(
                            fetched_at__isnull=False, rate__gt=0, rate__isnull=False
                        ),
                        name="rate_is_above_zero_and_of_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(doubted_at=None, doubted_rate=None, doubted_text="")
                        | models.Q(doubted_at__isnull=False) & ~models.Q(doubted_text=""),
                        name="doubt_is_of_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PastRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=16)),
                ("reference", models.CharField(max_length=16)),
                ("rate", wallets.amounts.RateField(null=True)),
                ("text", models.CharField(max_length=64)),
                ("said_at", models.DateTimeField()),
                ("provider", models.CharField(max_length=10)),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("sound", "sound"),
                            ("suspicious", "in doubt"),
                            ("accepted", "accepted by two people"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "joint",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts_staff.jointact",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        fields=["reference", "currency", "-said_at"], name="past_rate_of_coin"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(standing="accepted", joint__isnull=False)
                        | models.Q(models.Q(standing="accepted", _negated=True), joint=None),
                        name="accepted_rate_names_two",
                    )
                ],
            },
        ),
    ]
