"""Who is paid and where: clients, their wallets, and what Heleket can pay at what price."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_fsm import FSMField, transition
from simple_history.models import HistoricalRecords

from audit import clock
from audit.actor import Actor
from audit.directions import isolated
from audit.models import StatusEvent
from audit.refusals import Refusal
from audit.searching import MOST_WORDS, Searched, words_of
from audit.texts import folded, one_line, refuse_mixed_scripts, stored
from wallets.addresses import check_address
from wallets.amounts import UNIT, AmountField, money
from wallets.codes import WalletCode
from wallets.coins import NETWORKS, network_name
from wallets.countries import countries, languages
from wallets.errors import InvalidAddress
from wallets.unspendable import doubt_about

IN_HISTORY = 100  # characters of a reason, as the history's column holds; the event has all
BY_KEY = "key:"


class ReadAgain(models.Model):
    """Lets a row with a protected status be read again, which its field refuses to be set.

    django-fsm's own mixin for that disables the protection for every thread while it reads.
    """

    class Meta:
        abstract = True

    def refresh_from_db(
        self, using: Any = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        before = dict(self.__dict__)
        names = {field.attname for field in self._meta.concrete_fields if field.attname in before}
        wanted = names if fields is None else set(fields)
        for field in self._meta.concrete_fields:
            if isinstance(field, FSMField) and field.attname in wanted:
                self.__dict__.pop(field.attname, None)
        try:
            if fields is None:
                self._prefetched_objects_cache: dict[str, Any] = {}
            super().refresh_from_db(using, sorted(wanted), from_queryset)
        except BaseException:
            self.__dict__.update(before)
            raise


class Historied(models.Model):
    """Keeps its history by the desk's clock, not by the machine's as django-simple-history does."""

    class Meta:
        abstract = True

    def name_in_history(self, actor: Actor, reason: str = "") -> None:
        """Have the next version name who makes it, and why. A key of the API is nobody of the
        staff, so it stands before the reason."""
        self._history_user = actor.person
        key = "" if actor.api_key_id is None else f"{BY_KEY}{actor.api_key_id} "
        self._change_reason = Truncator(f"{key}{reason}".strip()).chars(IN_HISTORY) or None

    @property
    def _history_date(self) -> datetime:
        return clock.now()


class Folded(models.TextField):  # type: ignore[type-arg]  # generic in the stubs alone
    """What look-alikes of another field have in common, kept up to date on each save."""

    def __init__(self, of: str = "", **kwargs: Any) -> None:
        self.of = of
        super().__init__(editable=False, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["editable"]
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, row: models.Model, add: bool) -> Any:  # noqa: ARG002  # given by name
        setattr(row, self.attname, folded(getattr(row, self.of)))
        return getattr(row, self.attname)


class ClientQuerySet(models.QuerySet["Client"]):
    def active(self) -> "ClientQuerySet":
        return self.filter(is_active=True)

    def called(self, text: str) -> "ClientQuerySet":
        """Find by parts of name, external id and mail in any order; by a number as a whole."""
        pieces = [" ".join(words_of(piece)) for piece in text.split()]
        if not any(pieces):
            return self.none()
        if "".join("".join(pieces).split()).isdecimal():
            return self.filter(searched__words=text)
        named = self
        for piece in pieces[:MOST_WORDS]:
            named = named.filter(searched__contains=piece)
        return named


class Client(Historied):
    """A person or company we pay."""

    external_id = models.CharField(
        gettext_lazy("external id"),
        max_length=64,
        unique=True,
        validators=[one_line, refuse_mixed_scripts],
        help_text=gettext_lazy("The client's number in your own system. It never changes."),
    )
    name = models.CharField(gettext_lazy("name"), max_length=200, validators=[one_line])
    email = models.EmailField(gettext_lazy("e-mail"), blank=True)
    group = models.CharField(
        gettext_lazy("group"), max_length=64, blank=True, validators=[one_line]
    )
    language = models.CharField(
        gettext_lazy("language"), max_length=12, blank=True, default="", choices=languages
    )
    country = models.CharField(
        gettext_lazy("country"), max_length=2, blank=True, default="", choices=countries
    )
    tax_id = models.CharField(
        gettext_lazy("tax id"),
        max_length=64,
        blank=True,
        default="",
        validators=[one_line],
        help_text=gettext_lazy("The client's number at their tax office."),
    )
    is_active = models.BooleanField(
        gettext_lazy("active"),
        default=True,
        help_text=gettext_lazy("Nothing is paid to a client who is not active."),
    )
    folded_id = Folded("external_id", unique=True)
    folded_name = Folded("name", db_index=True)
    searched = Searched(["name", "external_id", "email"])
    created_at = models.DateTimeField(gettext_lazy("created"), default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=gettext_lazy("created by"),
    )

    objects = ClientQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["folded_id", "folded_name", "searched"])

    class Meta:
        verbose_name = gettext_lazy("client")
        verbose_name_plural = gettext_lazy("clients")
        ordering = ["name", "pk"]
        default_permissions = ("add", "change", "view")
        constraints = [
            models.CheckConstraint(condition=~Q(external_id=""), name="client_has_external_id"),
        ]

    def __str__(self) -> str:
        return f"{isolated(self.name)} ({isolated(self.external_id)})"

    def clean(self) -> None:
        for name in ("external_id", "name", "group", "tax_id"):
            setattr(self, name, stored(getattr(self, name)))
        if not self._state.adding:
            return
        alike = Client.objects.filter(folded_id=folded(self.external_id)).first()
        if alike:
            sentence = _("A client with this or a look-alike external id already exists: %s.")
            raise ValidationError({"external_id": sentence % alike})

    def alike(self) -> "ClientQuerySet":
        """Return other clients whose names look the same."""
        named = Client.objects.filter(folded_name=folded(self.name)).order_by("pk")
        return named.exclude(pk=self.pk)


class WalletStatus(models.TextChoices):
    NEW = "new", gettext_lazy("new")
    CONFIRMED = "confirmed", gettext_lazy("confirmed by its owner")
    APPROVED = "approved", gettext_lazy("approved")
    ACTIVE = "active", gettext_lazy("active")
    FROZEN = "frozen", gettext_lazy("frozen")
    ARCHIVED = "archived", gettext_lazy("archived")


WAITING = [WalletStatus.NEW, WalletStatus.CONFIRMED]
ON_ITS_WAY = [*WAITING, WalletStatus.APPROVED]  # it may become active
IN_USE = [*ON_ITS_WAY, WalletStatus.ACTIVE]


class WalletQuerySet(models.QuerySet["Wallet"]):
    def active(self) -> "WalletQuerySet":
        return self.filter(status=WalletStatus.ACTIVE)

    def in_use(self) -> "WalletQuerySet":
        """Wallets that are active, or on their way to be."""
        return self.filter(status__in=IN_USE)

    def waiting(self) -> "WalletQuerySet":
        """Wallets that wait for a second person's approval."""
        return self.filter(status__in=WAITING)

    def for_client(self, client: Client) -> "WalletQuerySet":
        return self.filter(client=client)


class Wallet(ReadAgain, Historied):
    """A destination: client, network, address and memo never change; a new address is a new wallet.

    A database trigger holds that too. SQLite drops triggers when a migration rebuilds the table,
    so such a migration has to create it again.
    """

    DESTINATION = ("client_id", "network", "address", "memo")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        limit_choices_to={"is_active": True},
        related_name="wallets",
        verbose_name=gettext_lazy("client"),
    )
    network = models.CharField(
        gettext_lazy("network"),
        max_length=16,
        choices=[(code, NETWORKS[code]) for code in NETWORKS],
    )
    address = models.CharField(gettext_lazy("address"), max_length=128)
    memo = models.CharField(
        gettext_lazy("memo"),
        max_length=30,
        blank=True,
        default="",
        help_text=gettext_lazy("Only on TON, and only if the owner gave one."),
    )
    label = models.CharField(
        gettext_lazy("label"),
        max_length=64,
        blank=True,
        validators=[one_line],
        help_text=gettext_lazy("A name for people. It is never sent."),
    )
    preferred_currency = models.CharField(
        gettext_lazy("preferred currency"),
        max_length=16,
        blank=True,
        validators=[RegexValidator("^[A-Z0-9]*\\Z", gettext_lazy("Write the code like USDT."))],
    )
    status = FSMField(
        gettext_lazy("status"),
        default=WalletStatus.NEW,
        choices=WalletStatus.choices,
        protected=True,
        max_length=16,
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=gettext_lazy("added by"),
    )
    key_issuer = models.ForeignKey(  # who gave out the API key that added it
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=gettext_lazy("API key issued by"),
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=gettext_lazy("approved by"),
    )
    created_at = models.DateTimeField(gettext_lazy("added"), default=clock.now, editable=False)
    approved_at = models.DateTimeField(gettext_lazy("approved"), null=True, editable=False)
    last_event = models.PositiveIntegerField(default=0, editable=False)

    objects = WalletQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["last_event", "public_id"])

    class Meta:
        verbose_name = gettext_lazy("wallet")
        verbose_name_plural = gettext_lazy("wallets")
        ordering = ["-created_at", "-pk"]
        default_permissions = ("add", "change", "view")
        permissions = [
            ("approve_wallet", "Can approve wallets that others added"),
            ("freeze_wallet", "Can freeze and release wallets"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "network", "address", "memo"],
                name="wallet_is_unique",
                violation_error_message=gettext_lazy("This client already has this wallet."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=WalletStatus.values), name="wallet_status_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["status"], name="wallet_status"),
            models.Index(fields=["address"], name="wallet_by_address"),
        ]

    def __str__(self) -> str:
        name = self.label or f"{self.address[:6]}…{self.address[-6:]}"
        return f"{name} ({network_name(self.network)})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            self._refuse_another_destination()
        super().save(*args, **kwargs)

    @property
    def adder(self) -> str:
        """Name who added it; nothing if that is not known."""
        if self.added_by is None and self.key_issuer_id is not None:
            return _("the client API")
        return str(self.added_by or "")

    @property
    def maker_id(self) -> int | None:
        """The person who added it, or who gave out the API key that did: who else approves it."""
        return self.added_by_id or self.key_issuer_id

    @property
    def loss(self) -> str:
        """Why this destination cannot be paid, or nothing: it may be older than what we know."""
        try:
            check_address(self.network, self.address, self.memo)
        except InvalidAddress as exc:
            return str(exc)
        return ""

    @property
    def doubt(self) -> str:
        """What both who adds and who approves this wallet have to be sure of, or nothing."""
        return "" if self.loss else doubt_about(self.network, self.address)

    def _refuse_another_destination(self) -> None:
        stored = Wallet.objects.filter(pk=self.pk).values_list(*self.DESTINATION).get()
        if stored != tuple(getattr(self, name) for name in self.DESTINATION):
            raise ValidationError(_("A wallet never changes its destination; add a new wallet."))

    @transition(status, source=WAITING, target=WalletStatus.APPROVED)
    def approve(self, *, at: datetime) -> None:
        """The caller says by whom."""
        self.approved_at = at

    @transition(status, source=WalletStatus.APPROVED, target=WalletStatus.ACTIVE)
    def activate(self) -> None:
        """Allow payouts to this wallet."""

    @transition(status, source=IN_USE, target=WalletStatus.FROZEN)
    def freeze(self) -> None:
        """Stop payouts to this wallet until it is released and approved again."""

    @transition(status, source=WalletStatus.FROZEN, target=WalletStatus.NEW)
    def release(self) -> None:
        self.approved_by = None
        self.approved_at = None

    @transition(status, source=[*IN_USE, WalletStatus.FROZEN], target=WalletStatus.ARCHIVED)
    def archive(self) -> None:
        """Put the wallet out of use for good."""


class WalletEvent(StatusEvent):
    """An act that decides where money may go."""

    class Type(models.TextChoices):
        ADD = "add", gettext_lazy("added")
        APPROVE = "approve", gettext_lazy("approved")
        FREEZE = "freeze", gettext_lazy("frozen")
        RELEASE = "release", gettext_lazy("released")
        ARCHIVE = "archive", gettext_lazy("archived")

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="events")

    class Meta(StatusEvent.Meta):
        abstract = False
        constraints = [models.UniqueConstraint("wallet", "number", name="one_event_per_wallet")]

    def fields(self) -> list[Any]:
        return [f"wallet {self.wallet_id}", *super().fields()]


class PayoutMethodQuerySet(models.QuerySet["PayoutMethod"]):
    def available(self) -> "PayoutMethodQuerySet":
        return self.filter(is_available=True)

    def by_coin(self, currencies: Iterable[str]) -> dict[tuple[str, str], "PayoutMethod"]:
        """Return those of these coins by network and coin: one statement."""
        rows = self.filter(currency__in=set(currencies))
        return {(row.network, row.currency): row for row in rows}


class PayoutMethod(models.Model):
    """What Heleket pays: a coin on a network, its limits and its fee in that coin.

    Source: https://doc.heleket.com/methods/payouts/list-of-services
    """

    network = models.CharField(gettext_lazy("network"), max_length=32)
    currency = models.CharField(gettext_lazy("currency"), max_length=16)
    is_available = models.BooleanField(gettext_lazy("available"), default=False)
    min_amount = AmountField(gettext_lazy("minimum"))
    max_amount = AmountField(gettext_lazy("maximum"))
    fee_amount = AmountField(gettext_lazy("fee"))
    percent = AmountField(gettext_lazy("fee in percent"), default=Decimal(0))
    synced_at = models.DateTimeField(gettext_lazy("last read from Heleket"))

    objects = PayoutMethodQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("service")
        verbose_name_plural = gettext_lazy("services")
        ordering = ["network", "currency"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["network", "currency"], name="service_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} on {network_name(self.network)}"

    def fee_for(self, amount: Decimal, count: int = 1) -> Decimal:
        """Return what Heleket is likely to add to so many payouts of this amount together: its own
        calculation decides."""
        fee = self.fee_amount * count + amount * self.percent / 100
        return fee.quantize(UNIT, ROUND_HALF_UP)

    def debit_for(self, amount: Decimal) -> Decimal:
        """Return what leaves our balance: the client receives `amount`, the fee comes on top."""
        return amount + self.fee_for(amount)

    def refusal_for(self, amount: Decimal) -> Refusal | None:
        """Return why Heleket would not pay this amount."""
        if not self.is_available:
            return Refusal(WalletCode.METHOD_UNAVAILABLE, words=self)
        if amount < self.min_amount:
            return Refusal(WalletCode.BELOW_MINIMUM, words=self._in_words(self.min_amount))
        if amount > self.max_amount:
            return Refusal(WalletCode.ABOVE_MAXIMUM, words=self._in_words(self.max_amount))
        return None

    def _in_words(self, amount: Decimal) -> str:
        return money(amount, self)
