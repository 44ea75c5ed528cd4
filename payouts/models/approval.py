"""Who made a payout what it is, and who decided about it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

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


class Approval(models.Model):
    """One person's decision on what they saw."""

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
    voided_at = models.DateTimeField(null=True)
    voided_by = models.CharField(max_length=20, default="")  # an EventType

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
        return label_of(self.voided_by)
