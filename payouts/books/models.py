"""What the books keep beside payouts: balances as they were, other movements, and closings."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from payouts.staff.models import JointAct
from wallets.amounts import AmountField, money


class BalanceReading(models.Model):
    """What Heleket said that a balance was. Rows are only added.

    It is `is_clear` if nothing of this coin was under way to Heleket at that moment: no call was
    unanswered, and none had just been made.
    """

    class Way(models.TextChoices):
        BALANCE = "balance", _("asked for balances")
        PAYOUT = "payout", _("said with a payout")

    currency = models.CharField(max_length=12)
    amount = AmountField()
    at = models.DateTimeField()
    is_clear = models.BooleanField()
    way = models.CharField(max_length=8, choices=Way, default=Way.BALANCE)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("currency", "way", "at", name="one_balance_at_a_moment")
        ]
        indexes = [
            models.Index(
                fields=["currency", "at"], name="clear_balances", condition=Q(is_clear=True)
            ),
            models.Index(fields=["at"], name="balances_by_moment"),
        ]

    def __str__(self) -> str:
        return money(self.amount, self.currency)


class Movement(models.Model):
    """What moved a balance beside payouts, as people know it. Rows are only added: one that is
    wrong is taken back by another with the other direction."""

    class Direction(models.TextChoices):
        IN = "in", _("in")
        OUT = "out", _("out")

    class Category(models.TextChoices):
        CUSTOMER = "customer", _("Customer's payment")
        TOP_UP = "top_up", _("Top-up")
        TRANSFER_OUT = "transfer_out", _("Transfer out")
        TRANSFER_IN = "transfer_in", _("Transfer in")
        CONVERSION = "conversion", _("Conversion")
        FEE = "fee", _("Fee")
        OTHER = "other", _("Other")

    currency = models.CharField(_("coin"), max_length=12)
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    amount = AmountField(_("amount"))
    day = models.DateField(_("day"))  # Heleket's, to which it is booked
    happened_on = models.DateField(_("happened on"))  # before that, if that month was closed
    category = models.CharField(_("category"), max_length=12, choices=Category)
    evidence = models.TextField(_("evidence"))
    file_name = models.CharField(max_length=200, default="", blank=True)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    entered_at = models.DateTimeField(_("entered"))
    # The line of the file that it was read from.
    file_sha256 = models.CharField(max_length=64, default="", blank=True)
    file_line = models.PositiveIntegerField(null=True)
    takes_back = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="taken_back_by"
    )

    class Meta:
        verbose_name = _("movement")
        verbose_name_plural = _("movements")
        default_permissions = ("view", "add")
        permissions = [("close_month", _("Can close a month, as two"))]
        constraints = [
            models.CheckConstraint(name="movement_is_above_zero", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="movement_is_booked_when_it_happened_or_later",
                condition=Q(happened_on__lte=F("day")),
            ),
            models.UniqueConstraint(
                "file_sha256",
                "file_line",
                condition=~Q(file_sha256=""),
                name="line_of_a_file_entered_once",
            ),
        ]
        indexes = [models.Index(fields=["day", "currency"], name="movements_of_a_day")]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {money(self.amount, self.currency)}"

    @property
    def signed(self) -> Decimal:
        return self.amount if self.direction == self.Direction.IN else -self.amount


class Fall(models.Model):
    """A balance that fell by more than we had paid: it looks like a transfer out. Found once, and
    only added."""

    reading = models.OneToOneField(BalanceReading, on_delete=models.PROTECT)
    currency = models.CharField(max_length=12)
    before = AmountField()  # the reading before, and its moment
    since = models.DateTimeField()
    day = models.DateField()  # to whose line it belongs
    found_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["day", "currency"], name="falls_of_a_day")]

    def __str__(self) -> str:
        return f"{money(self.before, self.currency)} → {money(self.reading.amount, self.currency)}"


class Closing(models.Model):
    """A month that two people have agreed to close: it is closed once `ClosedMonth` has it."""

    month = models.DateField(unique=True)
    joint = models.OneToOneField(JointAct, on_delete=models.PROTECT)
    agreed_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)  # whoever is at work on it
    progress = models.CharField(max_length=200, default="", blank=True)
    trouble = models.TextField(default="", blank=True)  # why the last try came to nothing
    retry_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
