import audit.clock
import audit.codes
import audit.texts
import django.core.validators
import django.db.models.deletion
import django_fsm
import simple_history.models
import wallets.amounts
import wallets.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="Client",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "external_id",
                    models.CharField(
                        help_text="The client's number in your own system. It never changes.",
                        max_length=64,
                        unique=True,
                        validators=[audit.texts.one_line, audit.texts.refuse_mixed_scripts],
                        verbose_name="external id",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=200, validators=[audit.texts.one_line], verbose_name="name"
                    ),
                ),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "group",
                    models.CharField(
                        blank=True,
                        max_length=64,
                        validators=[audit.texts.one_line],
                        verbose_name="group",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Nothing is paid to a client who is not active.",
                        verbose_name="active",
                    ),
                ),
                ("folded_id", wallets.models.Folded(of="external_id", unique=True)),
                ("folded_name", wallets.models.Folded(db_index=True, of="name")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=audit.clock.now, editable=False, verbose_name="created"
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
            ],
            options={
                "verbose_name": "client",
                "verbose_name_plural": "clients",
                "ordering": ["name", "pk"],
                "default_permissions": ("add", "change", "view"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("external_id", ""), _negated=True),
                        name="client_has_external_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Wallet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        limit_choices_to={"is_active": True},
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wallets",
                        to="wallets.client",
                        verbose_name="client",
                    ),
                ),
                (
                    "network",
                    models.CharField(
                        choices=[
                            ("arbitrum", "Arbitrum One"),
                            ("avalanche", "Avalanche C-Chain"),
                            ("bch", "Bitcoin Cash"),
                            ("bsc", "BNB Smart Chain"),
                            ("btc", "Bitcoin"),
                            ("dash", "Dash"),
                            ("doge", "Dogecoin"),
                            ("eth", "Ethereum"),
                            ("ltc", "Litecoin"),
                            ("polygon", "Polygon"),
                            ("sol", "Solana"),
                            ("ton", "TON"),
                            ("tron", "TRON"),
                            ("xmr", "Monero"),
                        ],
                        max_length=16,
                        verbose_name="network",
                    ),
                ),
                ("address", models.CharField(max_length=128, verbose_name="address")),
                (
                    "memo",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Only on TON, and only if the owner gave one.",
                        max_length=30,
                        verbose_name="memo",
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        help_text="A name for people. It is never sent.",
                        max_length=64,
                        validators=[audit.texts.one_line],
                        verbose_name="label",
                    ),
                ),
                (
                    "preferred_currency",
                    models.CharField(
                        blank=True,
                        max_length=16,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z0-9]*\\Z", "Write the code like USDT."
                            )
                        ],
                        verbose_name="preferred currency",
                    ),
                ),
                (
                    "status",
                    django_fsm.FSMField(
                        choices=[
                            ("new", "new"),
                            ("confirmed", "confirmed by its owner"),
                            ("approved", "approved"),
                            ("active", "active"),
                            ("frozen", "frozen"),
                            ("archived", "archived"),
                        ],
                        default="new",
                        max_length=16,
                        protected=True,
                        verbose_name="status",
                    ),
                ),
                (
                    "added_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="added by",
                    ),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="approved by",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=audit.clock.now, editable=False, verbose_name="added"
                    ),
                ),
                (
                    "approved_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="approved"),
                ),
                ("last_event", models.PositiveIntegerField(default=0, editable=False)),
            ],
            options={
                "verbose_name": "wallet",
                "verbose_name_plural": "wallets",
                "ordering": ["-created_at", "-pk"],
                "permissions": [
                    ("approve_wallet", "Can approve wallets that others added"),
                    ("freeze_wallet", "Can freeze and release wallets"),
                ],
                "default_permissions": ("add", "change", "view"),
                "indexes": [models.Index(fields=["status"], name="wallet_status")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("client", "network", "address", "memo"),
                        name="wallet_is_unique",
                        violation_error_message="This client already has this wallet.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["new", "confirmed", "approved", "active", "frozen", "archived"],
                            )
                        ),
                        name="wallet_status_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WalletEvent",
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
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("wallet"), models.F("number"), name="one_event_per_wallet"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoutMethod",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("network", models.CharField(max_length=32, verbose_name="network")),
                ("currency", models.CharField(max_length=16, verbose_name="currency")),
                ("is_available", models.BooleanField(default=False, verbose_name="available")),
                ("min_amount", wallets.amounts.AmountField(verbose_name="minimum")),
                ("max_amount", wallets.amounts.AmountField(verbose_name="maximum")),
                ("fee_amount", wallets.amounts.AmountField(verbose_name="fee")),
                (
                    "percent",
                    wallets.amounts.AmountField(
                        default=Decimal("0"), verbose_name="fee in percent"
                    ),
                ),
                ("synced_at", models.DateTimeField(verbose_name="last read from Heleket")),
            ],
            options={
                "verbose_name": "payout method",
                "verbose_name_plural": "payout methods",
                "ordering": ["network", "currency"],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("network", "currency"), name="service_is_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HistoricalClient",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        auto_created=True, blank=True, db_index=True, verbose_name="ID"
                    ),
                ),
                (
                    "external_id",
                    models.CharField(
                        db_index=True,
                        help_text="The client's number in your own system. It never changes.",
                        max_length=64,
                        validators=[audit.texts.one_line, audit.texts.refuse_mixed_scripts],
                        verbose_name="external id",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=200, validators=[audit.texts.one_line], verbose_name="name"
                    ),
                ),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "group",
                    models.CharField(
                        blank=True,
                        max_length=64,
                        validators=[audit.texts.one_line],
                        verbose_name="group",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Nothing is paid to a client who is not active.",
                        verbose_name="active",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=audit.clock.now, editable=False, verbose_name="created"
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical client",
                "verbose_name_plural": "historical clients",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalWallet",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        auto_created=True, blank=True, db_index=True, verbose_name="ID"
                    ),
                ),
                (
                    "network",
                    models.CharField(
                        choices=[
                            ("arbitrum", "Arbitrum One"),
                            ("avalanche", "Avalanche C-Chain"),
                            ("bch", "Bitcoin Cash"),
                            ("bsc", "BNB Smart Chain"),
                            ("btc", "Bitcoin"),
                            ("dash", "Dash"),
                            ("doge", "Dogecoin"),
                            ("eth", "Ethereum"),
                            ("ltc", "Litecoin"),
                            ("polygon", "Polygon"),
                            ("sol", "Solana"),
                            ("ton", "TON"),
                            ("tron", "TRON"),
                            ("xmr", "Monero"),
                        ],
                        max_length=16,
                        verbose_name="network",
                    ),
                ),
                ("address", models.CharField(max_length=128, verbose_name="address")),
                (
                    "memo",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Only on TON, and only if the owner gave one.",
                        max_length=30,
                        verbose_name="memo",
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        help_text="A name for people. It is never sent.",
                        max_length=64,
                        validators=[audit.texts.one_line],
                        verbose_name="label",
                    ),
                ),
                (
                    "preferred_currency",
                    models.CharField(
                        blank=True,
                        max_length=16,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z0-9]*\\Z", "Write the code like USDT."
                            )
                        ],
                        verbose_name="preferred currency",
                    ),
                ),
                (
                    "status",
                    django_fsm.FSMField(
                        choices=[
                            ("new", "new"),
                            ("confirmed", "confirmed by its owner"),
                            ("approved", "approved"),
                            ("active", "active"),
                            ("frozen", "frozen"),
                            ("archived", "archived"),
                        ],
                        default="new",
                        max_length=16,
                        protected=True,
                        verbose_name="status",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=audit.clock.now, editable=False, verbose_name="added"
                    ),
                ),
                (
                    "approved_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="approved"),
                ),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        limit_choices_to={"is_active": True},
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="wallets.client",
                        verbose_name="client",
                    ),
                ),
                (
                    "added_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="added by",
                    ),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="approved by",
                    ),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical wallet",
                "verbose_name_plural": "historical wallets",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
    ]
