"""Wallets at one address: those of other clients, and those whose memo says whose money it is."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit.refusals import Refusal
from wallets.codes import WalletCode
from wallets.models import Client, Wallet, WalletStatus

NAMED = 3
UNPROVEN = {WalletStatus.NEW, WalletStatus.CONFIRMED, WalletStatus.ARCHIVED}


class Destination(Protocol):
    """A wallet, or a payout to one."""

    client_id: int
    address: str
    memo: str


def wallets_at(destinations: Iterable[Destination]) -> QuerySet[Wallet]:
    """Return all wallets at these addresses, on whatever network: whoever has the key of an address
    has it on each of them."""
    addresses = {each.address for each in destinations}
    wallets = Wallet.objects.filter(address__in=addresses).select_related("client")
    return wallets.order_by("client__name", "pk")


class SameAddress:
    """What wallets at one address say of each other: all `wallets_at` some addresses."""

    def __init__(self, wallets: Iterable[Wallet]) -> None:
        self._wallets: dict[str, list[Wallet]] = defaultdict(list)
        for wallet in wallets:
            self._wallets[wallet.address].append(wallet)

    def other_clients(self, destination: Destination) -> list[Client]:
        """Return who else has it. Two memos are two accounts at an exchange, which is usual."""
        return list(dict.fromkeys(wallet.client for wallet in self._of_others(destination)))

    def is_proven_elsewhere(self, destination: Destination) -> bool:
        """Whether people have approved it for another client. What nobody has approved may have
        been added to cast doubt on this one."""
        return any(wallet.approved_at for wallet in self._of_others(destination))

    def _of_others(self, destination: Destination) -> list[Wallet]:
        return [
            wallet
            for wallet in self._wallets.get(destination.address, [])
            if wallet.client_id != destination.client_id
            and (not wallet.memo or not destination.memo or wallet.memo == destination.memo)
        ]

    def names(self, destination: Destination) -> str:
        """Name the other clients, or nobody."""
        others = self.other_clients(destination)
        names = ", ".join(str(each) for each in others[:NAMED])
        if len(others) <= NAMED:
            return names
        return _("%(names)s and %(count)d more") % {"names": names, "count": len(others) - NAMED}

    def refusal_of_memo(self, destination: Destination) -> Refusal | None:
        """Refuse an address without a memo if it is known to need one.

        An archived wallet says nothing: a memo that was a mistake is archived. Nor does one of
        another client that nobody has approved: it may have been added to keep this one out.
        """
        if destination.memo:
            return None
        known = self._wallets.get(destination.address, [])
        return (
            Refusal(WalletCode.MEMO_NEEDED)
            if any(each.memo and says_something(each, destination) for each in known)
            else None
        )


def says_something(wallet: Wallet, destination: Destination) -> bool:
    is_own = wallet.client_id == destination.client_id
    return WalletStatus(wallet.status) not in ({WalletStatus.ARCHIVED} if is_own else UNPROVEN)
