from audit.refusals import Refused


class WalletError(Refused):
    """A refusal; the message is fit for the person who asked."""


class InvalidAddress(WalletError):
    """The address or memo cannot be paid on this network, with the reason."""
