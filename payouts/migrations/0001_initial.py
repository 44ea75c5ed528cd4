import audit.codes
import django.db.models.deletion
import django_fsm
import wallets.amounts
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "__first__"),
        ("wallets", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayoutNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Payout",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveBigIntegerField(unique=True, verbose_name="number")),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="wallets.client",
                    ),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="wallets.wallet",
                    ),
                ),
                ("network", models.CharField(max_length=16, verbose_name="network")),
                ("address", models.CharField(max_length=128, verbose_name="address")),
                (
                    "memo",
                    models.CharField(blank=True, default="", max_length=30, verbose_name="memo"),
                ),
                ("currency", models.CharField(max_length=12, verbose_name="currency")),
                ("amount", wallets.amounts.AmountField(verbose_name="amount")),
                ("purpose", models.CharField(max_length=200, verbose_name="purpose")),
                (
                    "reference",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="reference"
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("manual", "by hand"),
                            ("scheduled", "plan"),
                            ("bonus", "bonus rule"),
                            ("api", "API"),
                            ("import", "import"),
                        ],
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("trigger", models.CharField(blank=True, default="", max_length=200)),
                ("idempotency_key", models.CharField(max_length=200)),
                ("fingerprint", models.CharField(max_length=64)),
                ("reference_amount", wallets.amounts.AmountField(null=True)),
                ("reference_rate", wallets.amounts.AmountField(null=True)),
                (
                    "status",
                    django_fsm.FSMField(
                        choices=[
                            ("pending", "Waiting for approval"),
                            ("held", "On hold"),
                            ("approved", "Approved"),
                            ("submitting", "Sending"),
                            ("broadcast", "At Heleket"),
                            ("confirmed", "Paid"),
                            ("failed", "Not paid"),
                            ("rejected", "Rejected"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        max_length=50,
                        protected=True,
                        verbose_name="status",
                    ),
                ),
                (
                    "waiting_for",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("approvals", "approval"),
                            ("release", "release"),
                            ("worker", "worker"),
                            ("switch", "switch"),
                            ("funds", "funds"),
                            ("limit", "limit"),
                            ("rate", "rate"),
                            ("service", "service"),
                            ("wallet", "wallet"),
                            ("gateway", "Heleket"),
                            ("answer", "answer"),
                            ("final_word", "final word"),
                            ("discrepancy", "discrepancy"),
                        ],
                        default="approvals",
                        max_length=12,
                        verbose_name="waiting for",
                    ),
                ),
                ("waiting_since", models.DateTimeField(null=True)),
                ("reason_code", audit.codes.CodeField()),
                ("reason", models.TextField(blank=True, default="", verbose_name="reason")),
                ("generation", models.PositiveSmallIntegerField(default=1)),
                ("due_at", models.DateTimeField(null=True)),
                ("poll_count", models.PositiveIntegerField(default=0)),
                ("may_repeat", models.BooleanField(default=False)),
                ("cancel_asked_at", models.DateTimeField(null=True)),
                ("last_event", models.PositiveIntegerField(default=0)),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("approved_at", models.DateTimeField(null=True, verbose_name="approved")),
                ("submitted_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
            ],
            options={
                "verbose_name": "payout",
                "verbose_name_plural": "payouts",
                "permissions": [
                    ("edit_payout", "Can edit a payout"),
                    ("approve_payout", "Can approve a payout"),
                    ("reject_payout", "Can reject a payout"),
                    ("hold_payout", "Can put a payout on hold"),
                    ("release_payout", "Can release a payout from hold"),
                    ("send_payout", "Can have a payout sent now"),
                    ("ask_payout", "Can ask Heleket about a payout"),
                    ("cancel_payout", "Can cancel a payout"),
                    ("cancel_own_payout", "Can cancel a payout requested by oneself"),
                    ("retry_payout", "Can retry a payout that was not paid"),
                ],
                "default_permissions": ("add", "view"),
                "indexes": [
                    models.Index(fields=["status", "due_at"], name="payout_due"),
                    models.Index(fields=["client", "-number"], name="payout_of_client"),
                    models.Index(fields=["status", "-number"], name="payout_by_status"),
                    models.Index(fields=["network", "-number"], name="payout_by_network"),
                    models.Index(fields=["currency", "-number"], name="payout_by_currency"),
                    models.Index(fields=["origin", "-number"], name="payout_by_origin"),
                    models.Index(fields=["requested_at"], name="payout_by_request"),
                    models.Index(fields=["address"], name="payout_by_address"),
                    models.Index(fields=["reference"], name="payout_by_reference"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("client"), models.F("idempotency_key"), name="one_payout_per_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__gt", 0),
                            ("amount__lte", Decimal("999999999999999999.99999999")),
                        ),
                        name="payout_amount_is_payable",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("idempotency_key", ""), _negated=True),
                            models.Q(("purpose", ""), _negated=True),
                        ),
                        name="payout_key_is_given",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "held",
                                    "approved",
                                    "submitting",
                                    "broadcast",
                                    "confirmed",
                                    "failed",
                                    "rejected",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="payout_status_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoutMaker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="makers",
                        to="payouts.payout",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("requested", "requested it"),
                            ("edited", "edited it"),
                            ("wallet", "added its wallet"),
                            ("imported", "imported it"),
                            ("planned", "changed its plan or rule"),
                            ("key", "issued the API key"),
                            ("retried", "tried it again"),
                        ],
                        max_length=10,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("payout"),
                        models.F("person"),
                        models.F("role"),
                        name="one_row_per_role",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="payouts.payout",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("decided_at", models.DateTimeField()),
                (
                    "decision",
                    models.CharField(
                        choices=[("approved", "approved"), ("rejected", "rejected")], max_length=10
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("policy_version", models.PositiveIntegerField()),
                ("voided_at", models.DateTimeField(null=True)),
                ("voided_by", models.CharField(default="", max_length=20)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("payout"),
                        models.F("person"),
                        condition=models.Q(("voided_at", None)),
                        name="one_standing_decision",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="payouts.payout",
                    ),
                ),
                ("generation", models.PositiveSmallIntegerField()),
                ("order_id", models.CharField(max_length=32, unique=True)),
                ("gateway_host", models.CharField(max_length=255)),
                ("merchant_id", models.CharField(max_length=64)),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("calls", models.PositiveIntegerField(default=0)),
                ("unsent", models.PositiveIntegerField(default=0)),
                ("unanswered", models.JSONField(default=list)),
                ("lease_until", models.DateTimeField(null=True)),
                ("quiet_until", models.DateTimeField(null=True)),
                ("not_found_at", models.DateTimeField(null=True)),
                ("not_found_count", models.PositiveIntegerField(default=0)),
                ("refusal", models.TextField(default="")),
                ("unclear", models.JSONField(default=dict)),
                ("released_at", models.DateTimeField(null=True)),
                ("clear_at", models.DateTimeField(null=True)),
                ("watch_at", models.DateTimeField(null=True)),
                ("uuid", models.CharField(max_length=64, null=True, unique=True)),
                ("remote_status", models.CharField(default="", max_length=32)),
                ("is_final", models.BooleanField(default=False)),
                ("txid", models.CharField(default="", max_length=200)),
                ("commission", wallets.amounts.AmountField(null=True)),
                ("merchant_amount", wallets.amounts.AmountField(null=True)),
                ("payer_amount", wallets.amounts.AmountField(null=True)),
                ("payer_currency", models.CharField(default="", max_length=12)),
                ("sources", models.JSONField(default=dict)),
                ("answer", models.TextField(default="")),
                ("answer_status", models.PositiveSmallIntegerField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["watch_at"], name="attempt_watch"),
                    models.Index(fields=["txid"], name="attempt_by_txid"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("payout"),
                        models.F("generation"),
                        name="one_attempt_per_generation",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoutEvent",
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
                ("from_status", models.CharField(default="", max_length=10)),
                ("to_status", models.CharField(max_length=10)),
                (
                    "payout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="payouts.payout",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("payout"), models.F("number"), name="one_event_per_number"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("body", models.TextField()),
                ("outcome", models.CharField(max_length=10)),
                ("order_id", models.CharField(db_index=True, default="", max_length=100)),
                ("received_at", models.DateTimeField()),
                ("repeated_at", models.DateTimeField(null=True)),
                ("count", models.PositiveIntegerField(default=1)),
            ],
            options={
                "verbose_name": "webhook",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Discrepancy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("different", "Heleket has another payout under our order id"),
                            ("uuid_taken", "Heleket's id belongs to another payout of ours"),
                            ("contradiction", "Heleket contradicts a final word"),
                            ("found_late", "Heleket has a payout that we took for never sent"),
                            ("vanished", "Heleket no longer knows a payout it had"),
                            ("earlier", "An earlier try of this payout may still be paid"),
                            ("unknown_word", "Heleket ended it with a word that we do not know"),
                            ("unclear", "Heleket's answers say nothing of this payout"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                (
                    "payout",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancies",
                        to="payouts.payout",
                    ),
                ),
                (
                    "attempt",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="payouts.attempt",
                    ),
                ),
                ("is_critical", models.BooleanField(default=False, verbose_name="critical")),
                ("ours", models.TextField(verbose_name="ours")),
                ("theirs", models.TextField(verbose_name="theirs")),
                ("opened_at", models.DateTimeField(verbose_name="opened")),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("close_reason", models.TextField(default="")),
            ],
            options={
                "verbose_name": "discrepancy",
                "verbose_name_plural": "discrepancies",
                "permissions": [("close_discrepancy", "Can close a discrepancy")],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("kind"),
                        models.F("key"),
                        condition=models.Q(("closed_at", None)),
                        name="one_open_discrepancy",
                    )
                ],
            },
        ),
    ]
