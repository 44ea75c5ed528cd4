"""Refusals. Their text is written for the person who reads it."""

from django.contrib.auth.models import User
from django.utils.translation import gettext as _


class Refused(Exception):
    """Nothing was changed, and the text says why."""


class NotAllowed(Refused):
    """The person lacks the right for this act, or may not do it on this row."""


def require(person: User, *rights: str) -> None:
    """Raise NotAllowed unless the person is active and holds one of the rights at this moment."""
    if not (person.is_active and any(map(person.has_perm, rights))):
        raise NotAllowed(_("You do not have the right to do this."))
