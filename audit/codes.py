"""Codes, each beside its sentence. A code is what is stored and compared; the sentence is made of
it when it is shown, in the reader's language.

Each package keeps its own in a table of this kind, and registers it: no code means two things.
"""

from typing import Any, NamedTuple, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.directions import isolated

LONGEST_CODE = 30


class Code(models.TextChoices):
    """A table of codes. A sentence names the facts that it takes, as `%(words)s` does.

    That of a reason which is stored with a row names `words` alone: no other fact is stored.
    """

    def sentence(self, **facts: object) -> str:
        return str(self.label % facts).strip()


Table = TypeVar("Table", bound=type[Code])

CODES: dict[str, Code] = {}  # of all tables


def register(table: Table) -> Table:
    """Add the codes of a package. Raises ValueError for one that another package has."""
    if taken := CODES.keys() & {code.value for code in table}:
        raise ValueError(f"codes that are in use already: {', '.join(sorted(taken))}")
    CODES.update((code.value, code) for code in table)
    return table


def choices() -> list[tuple[str, str]]:
    """Return every pair of a code and its sentence."""
    return [(value, code.label) for value, code in CODES.items()]


class Reason(NamedTuple):
    """Why something is as it is: a code, and words of a person or of Heleket, which the sentence of
    the code quotes. Without a code the words stand for themselves."""

    code: str = ""
    words: str = ""

    @property
    def sentence(self) -> str:
        """A code that is not known any more is shown as it is."""
        if not self.code:
            return self.words
        code = CODES.get(self.code)
        return (
            code.sentence(words=isolated(self.words))
            if code
            else f"{self.code} {self.words}".strip()
        )


NO_REASON = Reason()


class CodeField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs alone
    """A code of any of the tables, or none. A new code is no migration."""

    def __init__(self, **options: Any) -> None:
        always = {"max_length": LONGEST_CODE, "default": "", "blank": True, "choices": choices}
        super().__init__(**options | always)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {key: options[key] for key in options.keys() & {"verbose_name"}}


@register
class AuditCode(Code):
    NOT_ALLOWED = "not_allowed", _("You do not have the right to do this.")
    REASON_MISSING = "reason_missing", _("Say why.")
    TOO_LONG = "too_long", _("Write at most %(count)d characters.")
    UNSEEN = (
        "unseen",
        _("Use one line of text that can be seen: character %(place)d is %(name)s."),
    )
    MIXED_SCRIPTS = (
        "mixed_scripts",
        _("“%(word)s” mixes letters of different alphabets (%(alphabets)s)."),
    )
    BLANK_AT_END = "blank_at_end", _("Remove the blank at the beginning or the end.")
