"""How odd a payout is, in four steps that policy rules can ask for."""

from enum import IntEnum

from django.utils.translation import gettext_lazy as _


class Flag(IntEnum):
    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """What is stored, and shown in rules."""
        return self.name.lower()

    @property
    def label(self) -> str:
        return str(LABELS[self])


LABELS = {
    Flag.NONE: _("none"),
    Flag.LOW: _("low"),
    Flag.MEDIUM: _("medium"),
    Flag.HIGH: _("high"),
}
FLAGS = {flag.word: flag for flag in Flag}
