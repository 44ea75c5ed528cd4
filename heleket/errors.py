"""What a call to Heleket can end in, named by what it means for the money."""

from collections.abc import Mapping, Sequence
from typing import Literal

Refusal = Literal["funds", "forbidden", "terminal", "payout", "unknown"]

# Numbers and coins follow some of these texts, so they are compared as beginnings.
# Source: https://doc.heleket.com/methods/payouts/creating-payout.md
REFUSALS: dict[str, Refusal] = {
    "Not enough funds": "funds",
    "Not enough balance": "funds",
    "You are forbidden": "forbidden",
    "The terminal was not found": "terminal",
    "Gateway error": "terminal",
    "Server error": "terminal",
    "The currency was not found": "payout",
    "The network was not found": "payout",
    "The service was not found": "payout",
    "The withdrawal amount is too small": "payout",
    "Wallet not found": "payout",
    "Not found service to_currency": "payout",
    "Error convert to_currency": "payout",
    "Minimum amount": "payout",
    "Maximum amount": "payout",
}


class HeleketError(Exception):
    """A call did not end in a result.

    `answer` is the body as text, cut to 4,096 characters and free of keys and signatures. If there
    was none it is empty, and `status_code` is None.
    """

    def __init__(self, message: str, *, status_code: int | None = None, answer: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.answer = answer


class Unavailable(HeleketError):
    """Not executed, whatever was asked: nothing was sent, or it was turned away unread."""


class MissingCredentials(Unavailable):
    """Nothing was sent: the merchant id or the key for this call is not set."""


class Unauthorized(Unavailable):
    """Heleket does not accept the signature: wrong key, wrong kind of key or wrong merchant."""


class RequestRejected(HeleketError):
    """Not executed, because of what was asked. `errors` names the fields, if Heleket did.

    `text` is all that Heleket said, and `message` no more of it than can be kept. What it means
    hangs on all of it.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str = "",
        errors: Mapping[str, Sequence[str]] | None = None,
        status_code: int | None = None,
        answer: str = "",
    ) -> None:
        super().__init__(message, status_code=status_code, answer=answer)
        self.text = text or message
        self.errors = errors or {}

    @property
    def kind(self) -> Refusal:
        """What a refused create is about."""
        return kind_of_refusal(self.text)


class PayoutNotFound(RequestRejected):
    """Heleket has no such payout, in exactly the words it uses for that."""


class OutcomeUnknown(HeleketError):
    """Perhaps executed: only asking for the payout by its `order_id` shows it.

    `retry_after` is in seconds, None if Heleket did not say when it wants to be asked again.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: int | None = None,
        status_code: int | None = None,
        answer: str = "",
    ) -> None:
        super().__init__(message, status_code=status_code, answer=answer)
        self.retry_after = retry_after


class TooManyRequests(OutcomeUnknown):
    """HTTP 429: Heleket asks us to slow down."""


class InvalidSignature(Exception):
    """This webhook is not from Heleket, or not as Heleket wrote it."""


class InvalidBaseUrl(ValueError):
    """Signed requests cannot be sent there: not an https origin, nor plain http on this machine."""


def kind_of_refusal(message: str) -> Refusal:
    """Return what the text of a refused create is about: this payout, or what all payouts share.

    "unknown" is any text that Heleket's documents do not have. It says nothing about this payout.
    """
    for beginning, kind in REFUSALS.items():
        if message.startswith(beginning):
            return kind
    codes = [field.partition(": ")[2] for field in message.split("; ")]
    return "payout" if all(code.startswith("validation.") for code in codes) else "unknown"
