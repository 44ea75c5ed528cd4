from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Binding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("host", models.CharField(max_length=255)),
                ("merchant_id", models.CharField(max_length=64)),
                ("installation", models.CharField(max_length=4)),
                ("bound_at", models.DateTimeField()),
                ("not_found_text", models.CharField(default="", max_length=200)),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_binding")
                ],
            },
        ),
        migrations.CreateModel(
            name="Pause",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("funds", "Not enough funds at Heleket"),
                            ("forbidden", "Heleket has blocked payouts"),
                            ("terminal", "Heleket is being worked on"),
                            ("unauthorized", "Heleket refuses our key"),
                            ("slow_down", "Heleket asks us to slow down"),
                            ("unreachable", "Heleket cannot be reached"),
                            ("no_answer", "Heleket does not answer what is sent"),
                            ("unknown", "Heleket refuses with a text we do not know"),
                        ],
                        max_length=12,
                    ),
                ),
                ("currency", models.CharField(default="", max_length=12)),
                ("text", models.TextField()),
                ("since", models.DateTimeField()),
                ("probe_at", models.DateTimeField()),
                ("tries", models.PositiveIntegerField(default=1)),
                ("failures", models.PositiveIntegerField(default=1)),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("cause"), models.F("currency"), name="one_pause_per_cause"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RateLimit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("free_at", models.DateTimeField(null=True)),
                ("backoff_until", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_rate_limit")
                ],
            },
        ),
    ]
