"""How much of what is to be known of a payout should make people look twice."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Flag(models.IntegerChoices):
    """Ordered, so that a rule can ask for “medium or higher”: it may only raise what is needed."""

    NONE = 0, _("Nothing unusual")
    LOW = 1, _("Low")
    MEDIUM = 2, _("Medium")
    HIGH = 3, _("High")

    @property
    def word(self) -> str:
        """Its name in documents and styles."""
        return self.name.lower()


FLAGS = {flag.word: flag for flag in Flag}
