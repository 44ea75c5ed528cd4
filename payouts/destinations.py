"""Payouts whose wallet is on its way: they wait for it, and go on once people have decided.

Whoever may have a payout wait holds its wallet first, and whoever decides about a wallet locks it
before its payouts. So none is left to wait for a wallet that was decided about meanwhile.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import transaction

from audit.actor import Actor
from audit.codes import NO_REASON, Reason
from audit.operations import CHUNK, Change
from payouts import transitions
from payouts.models import EventType, Payout, WaitingFor
from wallets import operations, stops
from wallets.codes import WalletCode
from wallets.models import ON_ITS_WAY, Wallet, WalletStatus
from wallets.operations import Facts, WalletOperation
from wallets.sharing import SameAddress


def wait_if_on_its_way(payout: Payout, held: Mapping[int, WalletStatus]) -> None:
    """Have what would wait for approvals wait for its wallet first, if that is one of those held.

    One that an edit has given another wallet meanwhile stays as it is: nobody can approve it before
    that one is active, either.
    """
    if payout.waiting_for == WaitingFor.APPROVALS and held.get(payout.wallet_id) in ON_ITS_WAY:
        payout.wait_for_wallet()


class Decision(WalletOperation[Facts]):
    """An act after which nothing waits for these wallets any more.

    No claim runs meanwhile: one that waited for a wallet would hold the pauses, for which whoever
    holds a payout that is to go on may wait.
    """

    @contextmanager
    def changes(self, ids: Collection[int], actor: Actor) -> Iterator[Sequence[Change[Wallet]]]:
        with transaction.atomic():
            stops.overtake_claims()
            with super().changes(ids, actor) as changes:
                yield changes
            go_on([change.row for change in changes if change.events], actor)


class Approve(Decision[SameAddress], operations.Approve):
    """Let payouts go to wallets, and those that wait for them to their approvers."""


class Archive(Decision[None], operations.Archive):
    """Put wallets out of use. People see what waits for them, and edit, reject or cancel it."""


APPROVE, ARCHIVE = Approve(), Archive()


def go_on(wallets: Sequence[Wallet], actor: Actor) -> None:
    """Bring what waits for these wallets to its approvers, with the reason if none can be paid.

    Precondition: the wallets are saved as they are, and locked.
    """
    statuses = {wallet.pk: wallet.status for wallet in wallets}
    waiting = Payout.objects.awaiting_wallet().filter(wallet__in=statuses)
    ids = list(waiting.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        with transitions.change(ids[start : start + CHUNK], actor=actor) as changes:
            for change in changes:
                payout = change.row
                if payout.waiting_for != WaitingFor.WALLET or payout.wallet_id not in statuses:
                    continue  # somebody acted on it a moment earlier
                is_archived = statuses[payout.wallet_id] == WalletStatus.ARCHIVED
                reason = Reason(WalletCode.WALLET_ARCHIVED) if is_archived else NO_REASON
                change.log_event(EventType.GO_ON, reason)
                if is_archived or payout.reason_code == WalletCode.WALLET_NOT_ACTIVE:
                    payout.why = reason
                payout.go_on()
