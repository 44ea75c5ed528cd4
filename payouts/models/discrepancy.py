"""Where Heleket and the desk differ."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register
from payouts.models.attempt import Attempt
from payouts.models.payout import Payout


class Discrepancy(models.Model):
    """Heleket and the desk differ. Open until a named person closes it with a reason."""

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

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    key = models.CharField(max_length=200)
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, related_name="discrepancies"
    )
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, null=True, related_name="+")
    is_critical = models.BooleanField(_("critical"), default=False)
    ours = models.TextField(_("ours"))
    theirs = models.TextField(_("theirs"))
    opened_at = models.DateTimeField(_("opened"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    close_reason = models.TextField(default="")

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        default_permissions = ("view",)
        permissions = [("close_discrepancy", _("Can close a discrepancy"))]
        constraints = [
            models.UniqueConstraint(
                "kind", "key", condition=Q(closed_at=None), name="one_open_discrepancy"
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
