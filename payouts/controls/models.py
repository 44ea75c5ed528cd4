from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit import chain


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
