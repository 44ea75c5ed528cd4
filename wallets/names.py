"""Names that look alike: how a name is stored, how it is compared, and what no name may mix."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

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
            raise ValidationError(
                _("“%(word)s” mixes letters of different alphabets (%(alphabets)s)."),
                code="mixed_scripts",
                params={"word": word, "alphabets": ", ".join(sorted(found))},
            )


def alphabets_of(word: str) -> set[str]:
    """Name the alphabets of a word, of those that have letters in common to the eye."""
    names = (unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha())
    return {name.title() for name in names if name in ALPHABETS}
