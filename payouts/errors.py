"""Refusals. Their text is written for the person who reads it."""


class PayoutError(Exception):
    """A refusal: nothing was changed, and the text says why."""


class NotAllowed(PayoutError):
    """The person lacks the right for this act, or may not do it on this payout."""


class WrongDesk(PayoutError):
    """This process and the database belong to different gateways, merchants or installations."""


class NotBound(WrongDesk):
    """The database belongs to no account yet, and Heleket has not signed this process in."""
