"""Where Heleket and the desk differ."""

import hashlib
import json

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register
from payouts.models.attempt import Attempt
from payouts.models.payout import Payout

# It keeps its payout stopped: open, or left until a day to come.
IS_STANDING = Q(closed_at=None) | Q(reopens_at__isnull=False)


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def open(self) -> "DiscrepancyQuerySet":
        return self.filter(closed_at=None)

    def standing(self) -> "DiscrepancyQuerySet":
        return self.filter(IS_STANDING)


class Discrepancy(models.Model):
    """Heleket and the desk differ. Open until named people end it with an outcome and a reason."""

    @register
    class Kind(Code):
        DIFFERENT = "different", _("Heleket has another payout under our order id")
        UUID_TAKEN = "uuid_taken", _("Heleket's id belongs to another payout of ours")
        CONTRADICTION = "contradiction", _("Heleket contradicts a final word")
        FOUND_LATE = "found_late", _("Heleket has a payout that we took for never sent")
        VANISHED = "vanished", _("Heleket no longer knows a payout it had")
        EARLIER = "earlier", _("An earlier try of this payout may still be paid")
        UNKNOWN_WORD = "unknown_word", _("Heleket ended it with a word that we do not know")
        UNCLEAR = "unclear", _("Heleket's answers say nothing of this payout")
        FOREIGN = "foreign", _("Heleket has a payout that is none of ours")
        LISTED = "listed", _("Heleket's list says otherwise than its own answer")

    class Outcome(models.TextChoices):
        EXPLAINED = "explained", _("Explained")
        AS_HELEKET = "as_heleket", _("As Heleket has it")
        NOT_PAID = "not_paid", _("Not paid")
        LEFT = "left", _("Left stopped")
        LINKED = "linked", _("Linked")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    key = models.CharField(max_length=200)
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, related_name="discrepancies"
    )
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, null=True, related_name="discrepancies"
    )
    is_critical = models.BooleanField(_("critical"), default=False)
    ours = models.JSONField(default=dict)  # what the desk has, by the names of Heleket's members
    theirs = models.JSONField(default=dict)  # what Heleket last said, by the same names
    first_seen_at = models.DateTimeField(_("first seen"))
    opened_at = models.DateTimeField(_("opened"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, default="", blank=True)
    # Who proposed the outcome that `closed_by` confirmed, where that takes two people.
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    close_reason = models.TextField(default="")
    reopens_at = models.DateTimeField(_("opens again"), null=True)

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        default_permissions = ("view",)
        permissions = [("close_discrepancy", _("Can close a discrepancy"))]
        constraints = [
            models.UniqueConstraint(
                "kind", "key", condition=Q(closed_at=None), name="one_open_discrepancy"
            ),
            models.CheckConstraint(
                name="discrepancy_ends_by_two_people",
                condition=Q(proposed_by=None) | ~Q(proposed_by=F("closed_by")),
            ),
            models.CheckConstraint(
                name="discrepancy_ends_by_an_outcome",
                condition=Q(closed_at=None, outcome="", closed_by=None)
                | (Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(outcome="")),
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def is_standing(self) -> bool:
        """What `IS_STANDING` says of a row."""
        return self.closed_at is None or self.reopens_at is not None

    @property
    def facts(self) -> str:
        """Names what Heleket last said, so that nobody ends what they have not seen."""
        text = json.dumps([self.kind, self.key, self.theirs], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
