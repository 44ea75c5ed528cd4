"""What changed of a person or a role, in words. Facts and changes are sealed as they are stored."""

from collections.abc import Callable, Mapping

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payouts.staff.rights import called

ARROW = " → "
NOTHING = "—"
CHOSEN = "chosen"  # a password, of which nothing else is said

LABELS = {
    "whose": gettext_lazy("Person"),
    "people": gettext_lazy("People"),
    "drafter": gettext_lazy("Drafted by"),
    "earlier_drafts": gettext_lazy("Made from drafts of"),
    "sent_by": gettext_lazy("Link sent by"),
    "role": gettext_lazy("Role"),
    "login": gettext_lazy("Login"),
    "renamed": gettext_lazy("Login"),
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("E-mail"),
    "password": gettext_lazy("Password"),
    "active": gettext_lazy("Enabled"),
    "staff": gettext_lazy("May use the desk"),
    "superuser": gettext_lazy("Superuser"),
    "roles": gettext_lazy("Roles"),
    "rights": gettext_lazy("Rights"),
    "role_changed": gettext_lazy("Name"),
    "rights_changed": gettext_lazy("Rights"),
}


def yes_or_no(value: str) -> str:
    return {"True": _("yes"), "False": _("no")}.get(value, value)


Words = Mapping[str, Callable[[str], str]]


def chosen_or_not(value: str) -> str:
    return {CHOSEN: _("chosen"), NOTHING: _("to be chosen anew")}.get(value, value)


VALUES: dict[str, Callable[[str], str]] = {
    "password": chosen_or_not,
    "active": yes_or_no,
    "staff": yes_or_no,
    "superuser": yes_or_no,
}


def in_words(changed: Mapping[str, str]) -> str:
    """Name all that changed, each as “before → now”."""
    return "; ".join(
        f"{LABELS.get(name, name)}: {value_in_words(name, change)}"
        for name, change in changed.items()
    )


def value_in_words(name: str, value: str, words: Words = VALUES) -> str:
    """Put a value into words, or both sides of a change."""
    if name in ("rights", "rights_changed"):
        return rights_in_words(value)
    return ARROW.join(words.get(name, str)(each) for each in value.split(ARROW))


def rights_in_words(change: str) -> str:
    """Say which rights came and which went, not all that stayed."""
    before, arrow, now = change.partition(ARROW)
    held, holds = (named(before), named(now)) if arrow else (set(), named(before))
    said = []
    if came := holds - held:
        said.append(_("may now %s") % listed(came))
    if went := held - holds:
        said.append(_("may no longer %s") % listed(went))
    return "; ".join(said) or NOTHING


def named(rights: str) -> set[str]:
    return {each for each in rights.split(", ") if each not in ("", NOTHING)}


def listed(rights: set[str]) -> str:
    return get_text_list([called(each) for each in sorted(rights)], _("and"))
