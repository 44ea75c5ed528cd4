"""Codes and their sentences."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from audit import codes
from audit.codes import AuditCode, Code, Reason
from payouts.codes import PayoutCode
from payouts.models import Payout

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "codes.md"


def test_no_code_means_two_things():
    every = [code for code, _sentence in codes.choices()]

    assert len(every) == len(set(every)) > 50
    assert all(len(code) <= codes.LONGEST_CODE for code in every)
    with pytest.raises(ValueError, match="not_allowed"):
        codes.register(Code("Another", {"NOT_ALLOWED": ("not_allowed", "Something else.")}))
    assert [code for code, _sentence in codes.choices()] == every


def test_a_stored_reason_quotes_its_words_and_nothing_else():
    assert Reason(PayoutCode.REFUSED, "Minimum amount 10").sentence == (
        "Heleket refused it: “Minimum amount 10”"
    )
    assert Reason(words="Ask the client").sentence == "Ask the client"
    assert Reason(PayoutCode.CANCELLED_THERE).sentence == "Cancelled at Heleket."
    assert Reason("of_a_later_version", "words").sentence == "of_a_later_version words"
    assert Reason(PayoutCode.REFUSED, "100 %(words)s %").sentence.endswith("“100 %(words)s %”")


def test_a_sentence_takes_the_facts_that_it_names():
    assert AuditCode.TOO_LONG.sentence(count=5) == "Write at most 5 characters."
    with pytest.raises(KeyError):
        AuditCode.TOO_LONG.sentence()


def test_the_list_of_codes_has_them_all():
    """docs/codes.md is for who writes a report or a program."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", LIST.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted((code, in_list(label)) for code, label in codes.choices())


def in_list(label: object) -> str:
    """Show a fact that is put in as its name."""
    return re.sub(r"%\((\w+)\)[sd]", r"*\1*", str(label))


def test_a_field_takes_the_codes_of_every_table():
    field = Payout._meta.get_field("reason_code")

    assert field.clean("right_lost", None) == "right_lost"
    assert field.clean("wallet_frozen", None) == "wallet_frozen"
    with pytest.raises(ValidationError):
        field.clean("no_code", None)
