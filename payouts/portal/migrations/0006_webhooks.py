import uuid

import django.db.models.deletion
from django.db import migrations, models

import audit.codes
import audit.texts


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0016_taken_for"),
        ("payouts_portal", "0005_answers_of_portal"),
        ("wallets", "0008_of_the_api"),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        max_length=64,
                        validators=[audit.texts.one_line],
                        verbose_name="name",
                    ),
                ),
                ("url", models.CharField(max_length=500, verbose_name="address")),
                ("event_types", models.JSONField(default=list, verbose_name="event types")),
                ("secret_version", models.PositiveIntegerField(default=1)),
                ("old_secret_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(verbose_name="added")),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("rests_until", models.DateTimeField(null=True)),
                ("served_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("stop_code", audit.codes.CodeField()),
                ("stopped_after", models.PositiveBigIntegerField(null=True)),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_endpoints",
                        to="wallets.client",
                        verbose_name="client",
                    ),
                ),
                (
                    "added_with",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_endpoints",
                        to="payouts_portal.apikey",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook endpoint",
                "verbose_name_plural": "webhook endpoints",
                "ordering": ["-created_at", "-pk"],
                "permissions": [
                    ("set_webhookendpoint", "Can add, change and stop webhook endpoints")
                ],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        fields=["client"],
                        condition=models.Q(("removed_at", None), ("stopped_at", None)),
                        name="hears",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        name="stopped_has_a_place_in_the_feed",
                        condition=models.Q(
                            models.Q(("stopped_after", None), ("stopped_at", None)),
                            models.Q(
                                ("stopped_after__isnull", False), ("stopped_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("delivered", "delivered"),
                            ("given_up", "given up"),
                        ],
                        default="waiting",
                        editable=False,
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("lease_until", models.DateTimeField(null=True)),
                ("tries", models.PositiveIntegerField(default=0, verbose_name="tries")),
                ("first_tried_at", models.DateTimeField(null=True)),
                ("last_tried_at", models.DateTimeField(null=True, verbose_name="last tried")),
                ("answer", models.PositiveSmallIntegerField(null=True, verbose_name="answer")),
                ("trouble", models.CharField(blank=True, max_length=200)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="payouts_portal.webhookendpoint",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts_portal.feedevent",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.payout",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks sent",
                "ordering": ["-event", "-pk"],
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        fields=["endpoint", "due_at"],
                        condition=models.Q(("state", "waiting")),
                        name="deliveries_due",
                    ),
                    models.Index(
                        fields=["endpoint", "payout", "event"],
                        condition=models.Q(("state", "waiting")),
                        name="deliveries_in_line",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("endpoint"),
                        models.F("event"),
                        name="one_delivery_per_endpoint_and_event",
                    )
                ],
            },
        ),
    ]
