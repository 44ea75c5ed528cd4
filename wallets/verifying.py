"""What `verify_audit` looks through of wallets: who decided where money may go."""

from collections.abc import Iterator
from itertools import pairwise

from django.utils.translation import gettext as _

from audit import chain, verifying
from audit.verifying import CHUNK, Finding, Groups, Show, shown
from wallets.models import Wallet, WalletEvent


def wallets(show: Show) -> Iterator[Finding]:
    rows = WalletEvent.objects.order_by("wallet_id", "number").iterator(chunk_size=CHUNK)
    events_of = Groups[int, WalletEvent](rows, lambda each: each.wallet_id)
    for wallet in shown(Wallet.objects.order_by("pk").iterator(chunk_size=CHUNK), show):
        events = events_of.take(wallet.pk)
        broken = chain.first_broken(events)
        if isinstance(broken, WalletEvent):
            yield verifying.broken(broken, _("wallet %d") % wallet.pk)
        elif len(events) != wallet.last_event or not leads_to(events, wallet.status):
            yield Finding(
                "wallet_differs",
                f"{Wallet._meta.label} {wallet.pk}",
                _("Wallet %(id)d is “%(status)s”, and its events do not lead there.")
                % {"id": wallet.pk, "status": wallet.status},
            )


def leads_to(events: list[WalletEvent], status: str) -> bool:
    moves = pairwise(events)
    follows = all(after.from_status == before.to_status for before, after in moves)
    return bool(events) and follows and events[-1].to_status == status


def register() -> None:
    verifying.register("wallets", wallets, Wallet.objects.count)
