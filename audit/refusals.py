"""Refusals: a code for programs and reports, and a sentence for the person who reads it."""

from typing import Self

from audit.codes import AuditCode, Code, Reason


class Refusal:
    """Why something is not done: a code, and the facts that its sentence names."""

    def __init__(self, code: Code, **facts: object) -> None:
        self.code = code
        self.facts = facts

    @property
    def sentence(self) -> str:
        return self.code.sentence(**self.facts)

    @property
    def reason(self) -> Reason:
        """What is stored of it where it is the reason of a wait."""
        return Reason(self.code, str(self.facts.get("words", "")))


class Refused(Exception):
    """Nothing was changed, and the text says why."""

    def __init__(self, code: Code, **facts: object) -> None:
        self.refusal = Refusal(code, **facts)
        super().__init__(self.refusal.sentence)

    @classmethod
    def by(cls, refusal: Refusal) -> Self:
        return cls(refusal.code, **refusal.facts)

    @property
    def code(self) -> Code:
        return self.refusal.code


class NotAllowed(Refused):
    """The actor lacks the right for this act, or may not do it on this row."""

    def __init__(self, code: Code = AuditCode.NOT_ALLOWED, **facts: object) -> None:
        super().__init__(code, **facts)
