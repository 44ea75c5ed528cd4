"""Names that look alike are one name."""

import pytest
from django.core.exceptions import ValidationError

from audit.texts import folded, refuse_mixed_scripts, stored

LOOK_ALIKE = [
    ("Ren\u00e9", "Rene\u0301"),  # composed and decomposed
    ("amira", "Amira"),
    ("amira", "\u0430mira"),  # a Cyrillic letter
    ("NIKA", "\u039d\u0399\u039a\u0391"),  # all Greek
    ("C-7", "C\u20117"),  # another dash
    ("C-7", "C\u22127"),
    ("Anna Kowal", "Anna\u00a0 Kowal"),  # other blanks
    ("Anna Kowal", "Anna\u3164Kowal"),
    ("Anna Kowal", "Anna\u1680Kowal"),
    ("Anna Kowal", "Anna\u2028Kowal"),
    ("Anna Kowal", "Anna\tKowal"),
    ("kilo", "\u212ailo"),  # the Kelvin sign
    ("C-7", "\uff23\uff0d\uff17"),  # full width
    ("amira", "ami\u200bra\u200d"),  # nothing to see
    ("amira", "ami\u034fra\u17b4"),
    ("amira", "ami\ufe0fra\U000e0100"),
    ("Strasse", "Straße"),
]


@pytest.mark.parametrize(("name", "other"), LOOK_ALIKE)
def test_g79_names_that_look_alike_fold_to_one(name, other):
    assert folded(name) == folded(other)
    assert folded(folded(name)) == folded(name)


@pytest.mark.parametrize(("name", "other"), [("C-1", "C-2"), ("anna", "hanna"), ("a b", "ab")])
def test_g79_other_names_fold_to_others(name, other):
    assert folded(name) != folded(other)


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\u00a0\u3164", "\u2800\u00ad\ufeff"])
def test_g36_nothing_to_see_folds_to_nothing(text):
    assert folded(text) == ""


def test_g79_a_name_is_stored_composed():
    assert stored(" Rene\u0301 ") == "Ren\u00e9"


@pytest.mark.parametrize("text", ["amir\u0430", "p\u03b1y", "Anna \u0410nna-B"])
def test_g79_a_word_of_two_alphabets_is_refused(text):
    with pytest.raises(ValidationError, match="different alphabets"):
        refuse_mixed_scripts(text)


@pytest.mark.parametrize("text", ["amira.k-2", "Анна Ковальски", "Анна GmbH", "株式会社ABC", "７"])
def test_g79_words_of_one_alphabet_each_are_fine(text):
    refuse_mixed_scripts(text)
