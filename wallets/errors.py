from audit.refusals import Refused
from wallets.codes import WalletCode


class InvalidAddress(Refused):
    """The address or memo cannot be paid on this network, and `why`."""

    def __init__(self, why: str) -> None:
        super().__init__(WalletCode.ADDRESS, why=why)
