"""Restores that are put right, with what was done of each."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Restore(models.Model):
    """A backup was put back, and two people have the desk put right. One at a time, and kept."""

    reason = models.TextField()
    # Heleket's list is compared from here on: what came later may be missing from the database.
    since = models.DateTimeField()
    begun_at = models.DateTimeField(_("begun"))
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    # Approvals are voided in the order of the payouts' numbers: up to which, and what was the last.
    voided_to = models.PositiveBigIntegerField(default=0)
    last_number = models.PositiveBigIntegerField(default=0)
    voided = models.PositiveIntegerField(default=0)
    is_open = models.BooleanField(default=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("restore")
        constraints = [
            models.UniqueConstraint(
                "is_open", condition=Q(is_open=True), name="one_restore_at_a_time"
            ),
            models.CheckConstraint(
                name="restore_is_open_or_ended",
                condition=Q(is_open=True, ended_at=None) | Q(is_open=False, ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="restore_takes_two", condition=~Q(proposed_by=F("confirmed_by"))
            ),
        ]

    def __str__(self) -> str:
        return str(self.begun_at)


class RestoreStep(models.Model):
    """One thing of the list that is done."""

    restore = models.ForeignKey(Restore, on_delete=models.PROTECT, related_name="steps")
    name = models.CharField(max_length=20)
    done_at = models.DateTimeField()
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    count = models.PositiveIntegerField(default=0)
    seen = models.CharField(max_length=64, default="")  # a digest of what a person confirmed

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("restore", "name", name="one_step_of_a_restore")]

    def __str__(self) -> str:
        return self.name
