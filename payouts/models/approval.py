"""Who made a payout what it is, and who decided about it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit import clock
from payouts.models.choices import MakerRole, label_of
from payouts.models.payout import Payout


class PayoutMaker(models.Model):
    """A person with a role in what is paid, who therefore may not approve it."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="makers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=MakerRole)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("payout", "person", "role", name="one_row_per_role")]

    def __str__(self) -> str:
        return f"{self.person} {self.get_role_display()}"


class Statement(models.Model):
    """The bytes by which a person approved payouts in one act, as `payouts.statements` made them.

    They are what counts. `signature` is for one that the approver's device makes of them, with the
    key that `key_id` names; no device signs yet.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    body = models.BinaryField()
    signature = models.BinaryField(null=True)
    key_id = models.CharField(max_length=200, null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.sha256[:12]


DECIDED_AGAIN = "decided_again"  # why a decision is void in whose place the same person put another


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def standing(self) -> "ApprovalQuerySet":
        """Those that are neither void nor expired, as their rows have it."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=clock.now())
        return self.filter(unexpired, voided_at=None)


class Approval(models.Model):
    """One person's decision on what they saw.

    An approval has its statement. One from before there were statements has none and never
    expires: it goes on to count by its sealed event alone. `expires_at` is for lists and pages; a
    claim reads it in the statement.
    """

    class Decision(models.TextChoices):
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="approvals")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals"
    )
    decided_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision)
    digest = models.CharField(max_length=64)
    policy_version = models.PositiveIntegerField()
    statement = models.ForeignKey(
        Statement, on_delete=models.PROTECT, null=True, related_name="approvals", db_index=False
    )
    expires_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    voided_by = models.CharField(max_length=20, default="")  # an EventType, or DECIDED_AGAIN

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "payout", "person", condition=Q(voided_at=None), name="one_standing_decision"
            )
        ]
        indexes = [models.Index(fields=["decided_at"], name="approval_by_time")]

    def __str__(self) -> str:
        return f"{self.person} {self.decision}"

    @property
    def why_void(self) -> str:
        if self.voided_by == DECIDED_AGAIN:
            return gettext("Decided again by the same person")
        return label_of(self.voided_by)

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= clock.now()
