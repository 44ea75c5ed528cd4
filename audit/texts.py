"""What people type: text that can be seen, and names that look alike; and how a time is written."""

import re
import unicodedata
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.timezone import localtime

from audit.codes import AuditCode, Code
from audit.refusals import Refused

# Letters of other alphabets, after case folding, that are drawn like a Latin one: in capitals or
# in small letters, as a name may be written in either.
LOOK_ALIKES = str.maketrans(
    "авеёзіїјкмнорстухѕһԁԛԝӏүѵґ"  # Cyrillic
    "αβεζηικμνορτυχγϲϳ"  # Greek
    "օսոհցք"  # Armenian
    "ıɑɡ",  # Latin
    "abee3iijkmhopctyxshdqwlyvrabezhikmnoptyxycjounhgpiag",
)
ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "COPTIC", "ARMENIAN", "CHEROKEE", "LISU"}
LONGEST_REASON = 500  # wherever people say why
BLANKS = "\u115f\u1160\u2800"  # letters and a symbol by name, and nothing to see
DASHES = "\u2212\u2043\u02d7\u06d4"  # not punctuation by name, and drawn like a hyphen
UNSEEN = "\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f"  # marks that mark nothing


def stored(text: str) -> str:
    """Return the one form in which a name is stored: composed, and no blanks around it."""
    return unicodedata.normalize("NFC", text).strip()


def folded(text: str) -> str:
    """Return what names that look alike have in common; nothing if there is nothing to see."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(map(plain, text)).translate(LOOK_ALIKES)
    return re.sub(" +", " ", text).strip()


def plain(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Zs", "Zl", "Zp", "Cc") or character in BLANKS:
        return " "
    if kind == "Pd" or character in DASHES:
        return "-"
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return "" if kind == "Cf" or character in UNSEEN or is_selector else character


def refuse_mixed_scripts(text: str) -> None:
    """Raise ValidationError if a word mixes alphabets whose letters are taken for one another."""
    for word in unicodedata.normalize("NFKC", text).split():
        if len(found := alphabets_of(word)) > 1:
            raise invalid(AuditCode.MIXED_SCRIPTS, word=word, alphabets=", ".join(sorted(found)))


def alphabets_of(word: str) -> set[str]:
    """Name the alphabets of a word, of those that have letters in common to the eye."""
    names = (unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha())
    return {name.title() for name in names if name in ALPHABETS}


def one_line(text: str) -> None:
    """Raise ValidationError, with the character's name, unless all of one line can be seen.

    What cannot be seen tells two ids apart that look the same, and control characters and the marks
    that reverse the reading direction show another text than the one that is stored.
    """
    for place, character in enumerate(text, 1):
        if is_unseen(character):
            raise invalid(AuditCode.UNSEEN, place=place, name=name_of(character))
    if text and not (text[0].strip() and text[-1].strip()):
        raise invalid(AuditCode.BLANK_AT_END)


def invalid(code: Code, **facts: object) -> ValidationError:
    return ValidationError(str(code.label), code=code, params=facts)


def is_unseen(character: str) -> bool:
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Cs", "Zl", "Zp") or not plain(character):
        return True
    return unicodedata.normalize("NFKC", character) in BLANKS


def name_of(character: str) -> str:
    return unicodedata.name(character, "") or f"U+{ord(character):04X}"


def needed(
    text: str, missing: Code = AuditCode.REASON_MISSING, *, at_most: int = LONGEST_REASON
) -> str:
    """Return one line of text that is fit to be stored and shown, or raise Refused."""
    if not (text := optional(text, at_most=at_most)):
        raise Refused(missing)
    return text


def optional(text: str, *, at_most: int = LONGEST_REASON) -> str:
    text = text.strip()
    if len(text) > at_most:
        raise Refused(AuditCode.TOO_LONG, count=at_most)
    try:
        one_line(text)
    except ValidationError as exc:
        raise Refused(AuditCode(str(exc.code)), **(exc.params or {})) from exc
    return text


def lines(text: str, *, at_most: int) -> str:
    """Return text of any number of lines that is fit to be stored and shown, or raise Refused."""
    text = text.strip()
    if len(text) > at_most:
        raise Refused(AuditCode.TOO_LONG, count=at_most)
    return "\n".join(optional(line, at_most=at_most) for line in text.splitlines())


def day_and_hour(at: datetime | None) -> str:
    """Say when, in the time zone of the desk."""
    return date_format(localtime(at), "DATETIME_FORMAT") if at else ""
