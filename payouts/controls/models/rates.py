"""What coins are worth, and what Heleket said of it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from payouts.staff.models import JointAct
from wallets.amounts import RateField


class ExchangeRate(models.Model):
    """What one unit of a coin is worth in the reference currency: the last rate that may be used,
    and beside it what Heleket has said since that may not."""

    currency = models.CharField(_("coin"), max_length=16)
    reference = models.CharField(max_length=16)
    asked_at = models.DateTimeField()
    rate = RateField(null=True)
    fetched_at = models.DateTimeField(null=True)
    provider = models.CharField(max_length=10, default="")
    # The first that was out of bounds, and no price at all (None) if `doubted_text` is not above 0.
    doubted_rate = RateField(null=True)
    doubted_text = models.CharField(max_length=64, default="")
    doubted_at = models.DateTimeField(null=True)
    repeated_at = models.DateTimeField(null=True)  # when Heleket last said about the same

    class Meta:
        verbose_name = _("exchange rate")
        default_permissions = ("view",)
        permissions = [("accept_rate", _("Can accept an exchange rate that has jumped"))]
        constraints = [
            models.UniqueConstraint(fields=["reference", "currency"], name="one_rate_per_coin"),
            models.CheckConstraint(
                name="rate_is_above_zero_and_of_a_time",
                condition=Q(rate=None, fetched_at=None)
                | Q(rate__isnull=False, rate__gt=0, fetched_at__isnull=False),
            ),
            models.CheckConstraint(
                name="doubt_is_of_a_time",
                condition=Q(doubted_at=None, doubted_rate=None, doubted_text="")
                | Q(doubted_at__isnull=False) & ~Q(doubted_text=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency}/{self.reference}"

    @property
    def is_doubted(self) -> bool:
        return self.doubted_at is not None


class PastRate(models.Model):
    """What Heleket said a coin was worth, and what became of it. Rows are only added."""

    class Standing(models.TextChoices):
        SOUND = "sound", _("sound")
        SUSPICIOUS = "suspicious", _("in doubt")
        ACCEPTED = "accepted", _("accepted by two people")

    currency = models.CharField(max_length=16)
    reference = models.CharField(max_length=16)
    rate = RateField(null=True)
    text = models.CharField(max_length=64)  # as Heleket wrote it
    said_at = models.DateTimeField()
    provider = models.CharField(max_length=10)
    standing = models.CharField(max_length=10, choices=Standing)
    joint = models.ForeignKey(JointAct, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["reference", "currency", "-said_at"], name="past_rate_of_coin")
        ]
        constraints = [
            models.CheckConstraint(
                name="accepted_rate_names_two",
                condition=Q(standing="accepted", joint__isnull=False)
                | ~Q(standing="accepted") & Q(joint=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.currency}/{self.reference} {self.text}"
