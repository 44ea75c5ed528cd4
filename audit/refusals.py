"""Refusals: a code for programs and reports, and a sentence for the person who reads it."""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why something is not done."""

    code: str
    sentence: str


class Refused(Exception):
    """Nothing was changed, and the text says why."""

    code = "refused"

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code or self.code


class NotAllowed(Refused):
    """The actor lacks the right for this act, or may not do it on this row."""

    code = "not_allowed"
