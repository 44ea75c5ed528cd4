from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit import chain
from payouts.staff.models import JointAct
from wallets.amounts import RateField


class Switch(models.Model):
    """The one switch of the desk: off means that no new call to Heleket starts. Its row is made
    by a migration."""

    is_on = models.BooleanField(_("sending"), default=True)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(default="")

    class Meta:
        verbose_name = _("switch")
        default_permissions = ("view",)
        permissions = [("set_sending", _("Can pause and resume sending"))]
        constraints = [models.CheckConstraint(name="one_switch", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return str(_("Sending is on") if self.is_on else _("Sending is paused"))


class PolicyVersion(models.Model):
    """The policy as it was from a moment on: never changed, and sealed to the version before it.
    The newest one is in force. The first comes with the desk and has no people."""

    number = models.PositiveIntegerField(_("version"), unique=True)
    document = models.TextField()  # canonical JSON, see `documents`
    digest = models.CharField(max_length=64)  # SHA-256 of the document
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    in_force_at = models.DateTimeField(_("in force since"))
    reason = models.TextField(default="")
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("policy version")
        default_permissions = ("view",)
        permissions = [("change_policy", _("Can draft and approve the policy"))]
        constraints = [
            models.CheckConstraint(
                name="policy_takes_two",
                condition=models.Q(number=1)
                | models.Q(drafted_by__isnull=False, approved_by__isnull=False)
                & ~models.Q(drafted_by=models.F("approved_by")),
            )
        ]

    def __str__(self) -> str:
        return str(_("version %d") % self.number)

    def fields(self) -> list[Any]:
        """What its hash seals."""
        return [
            self.number,
            self.document,
            self.drafted_by_id,
            self.approved_by_id,
            chain.stamp(self.in_force_at),
            self.reason,
        ]


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
