"""What people write beside a payout, a client or a wallet, and the documents that they add."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from payouts.models.payout import Payout
from wallets.models import Client, Wallet

LONGEST_NOTE = 2000
ABOUT = ("payout", "client", "wallet")


def about_one() -> Q:
    """That a note is about one thing, and only one."""
    rest = {f"{name}__isnull": True for name in ABOUT}
    return Q(
        *(Q(**(rest | {f"{name}__isnull": False})) for name in ABOUT),
        _connector=Q.OR,
    )


class Note(models.Model):
    """Words, a document, or both. Nothing of it decides about money.

    The document is a link, or a file whose bytes are kept outside the database under their hash;
    an event seals that hash. Words and names may be about a person, so they are in no event.
    """

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, null=True, related_name="notes")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, null=True, related_name="notes")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, null=True, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    text = models.TextField(default="", blank=True)
    link = models.CharField(max_length=500, default="", blank=True)
    file_name = models.CharField(max_length=200, default="", blank=True)
    size = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", blank=True)  # of the file, or of the link

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        default_permissions = ("add",)
        constraints = [models.CheckConstraint(name="note_is_about_one", condition=about_one())]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def about(self) -> Any:
        return self.payout or self.client or self.wallet
