"""The versions of the policy."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit import chain


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
    # Who had drafted what this was made from, and why: `by` (id), `login`, `at` and `reason`.
    earlier_drafts = models.JSONField(default=list)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("policy version")
        default_permissions = ("view",)
        permissions = [("change_policy", _("Can draft and approve the policy"))]
        constraints = [
            models.CheckConstraint(
                name="policy_takes_two",
                condition=Q(number=1)
                | Q(drafted_by__isnull=False, approved_by__isnull=False)
                & ~Q(drafted_by=models.F("approved_by")),
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
            *([json.dumps(self.earlier_drafts, sort_keys=True)] if self.earlier_drafts else []),
        ]
